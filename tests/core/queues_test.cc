// Queues: making, changing, deleting, rights and limits.
#include <gtest/gtest.h>

#include "core/broker/keys.h"
#include "core/broker/limits.h"
#include "tests/core/broker_harness.h"

namespace mom::broker::test {
namespace {

class Queues : public ::testing::Test {
 protected:
  Queues() {
    for (const char* name : {"ann", "bob", "cy"}) h.AddUser(name);
  }
  v1::Reply Delete(const std::string& user, const std::string& name) {
    v1::DeleteQueue command;
    command.set_name(name);
    return h.As(user, command);
  }
  Harness h;
};

TEST_F(Queues, CreatingAgainIsTheSameOnlyForTheOwnerAndAlike) {
  v1::CreateQueue create = QueueNamed("q");
  EXPECT_FALSE(h.As("ann", create).existed());
  EXPECT_TRUE(h.As("ann", create).existed());
  EXPECT_EQ(h.As("bob", create).error(), v1::ERROR_QUEUE_EXISTS);
  create.mutable_settings()->set_lease_ms(30'000);  // The default, said aloud.
  create.mutable_settings()->mutable_senders();     // An empty list is like none.
  EXPECT_TRUE(h.As("ann", create).existed());
  create.mutable_settings()->set_lease_ms(5);
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_QUEUE_EXISTS);
}

// "taken; choose another" was the answer to the owner, too, who had only changed a number.
TEST_F(Queues, DeclaredAgainWithOtherSettingsSaysWhichDiffer) {
  v1::CreateQueue create = QueueNamed("q");
  create.mutable_settings()->set_lease_ms(5000);
  *create.mutable_settings()->mutable_senders() = Users({"bob"});
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  v1::CreateQueue other = create;
  other.mutable_settings()->set_lease_ms(7000);
  other.mutable_settings()->mutable_senders()->clear_users();
  const v1::Reply refused = h.As("ann", other);
  EXPECT_EQ(refused.error(), v1::ERROR_QUEUE_EXISTS);
  ASSERT_EQ(refused.differences_size(), 2);
  EXPECT_EQ(refused.differences(0).setting(), "lease_ms");
  EXPECT_EQ(refused.differences(0).is().number(), 5000u);
  EXPECT_EQ(refused.differences(0).asked().number(), 7000u);
  EXPECT_EQ(refused.differences(1).is().users().users(0), "bob");
  EXPECT_NE(refused.detail().find("you own queue 'q' already"), std::string::npos) << refused.detail();
  EXPECT_NE(refused.detail().find("lease_ms is 5000, not 7000; senders is bob, not none"), std::string::npos)
      << refused.detail();
  const v1::Reply of_stranger = h.As("bob", QueueNamed("q"));
  EXPECT_EQ(of_stranger.error(), v1::ERROR_QUEUE_EXISTS);
  EXPECT_EQ(of_stranger.differences_size(), 0);  // Not theirs to know.
}

// A queue that was closed to drain it refused to be declared again.
TEST_F(Queues, AClosedQueueIsAlikeWhenDeclaredAgain) {
  EXPECT_EQ(h.As("ann", QueueNamed("q")).error(), v1::ERROR_NONE);
  v1::UpdateQueue close = UpdateOf("q");
  close.set_closed(true);
  EXPECT_EQ(h.As("ann", close).error(), v1::ERROR_NONE);
  EXPECT_TRUE(h.As("ann", QueueNamed("q")).existed());
  EXPECT_TRUE(h.Record("q").settings().closed());
}

TEST_F(Queues, ListsAreComparedWithoutOrderAndRepeats) {
  v1::CreateQueue create = QueueNamed("q");
  *create.mutable_settings()->mutable_senders() = Users({"cy", "bob", "cy"});
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  *create.mutable_settings()->mutable_senders() = Users({"bob", "cy"});
  EXPECT_TRUE(h.As("ann", create).existed());
}

TEST_F(Queues, SettingsAreChecked) {
  auto refused = [&](auto change) {
    v1::CreateQueue create = QueueNamed("q");
    change(create.mutable_settings());
    return h.As("ann", create).error();
  };
  EXPECT_EQ(refused([](auto* s) { s->set_lease_ms(-1); }), v1::ERROR_MALFORMED);
  EXPECT_EQ(refused([](auto* s) { s->set_lease_ms(INT64_MAX); }), v1::ERROR_MALFORMED);
  EXPECT_EQ(refused([](auto* s) { s->set_ttl_ms(INT64_MAX); }), v1::ERROR_MALFORMED);
  EXPECT_EQ(refused([](auto* s) { s->set_retry_delay_ms(-1); }), v1::ERROR_MALFORMED);
  EXPECT_EQ(refused([](auto* s) { s->set_max_attempts(1001); }), v1::ERROR_MALFORMED);
  EXPECT_EQ(refused([](auto* s) { *s->mutable_senders() = Users({"nobody"}); }), v1::ERROR_USER_NOT_FOUND);
  EXPECT_EQ(refused([](auto* s) { s->set_receiver("nobody"); }), v1::ERROR_USER_NOT_FOUND);
  EXPECT_EQ(refused([](auto* s) { s->set_dead_letter("nowhere"); }), v1::ERROR_DEAD_LETTER_INVALID);
  EXPECT_EQ(refused([](auto* s) { s->set_dead_letter("q"); }), v1::ERROR_DEAD_LETTER_INVALID);
  EXPECT_EQ(refused([](auto* s) { s->set_receiver("bob"), s->mutable_senders(); }), v1::ERROR_MALFORMED);
  EXPECT_EQ(refused([](auto* s) { *s->mutable_senders() = Users(std::vector<std::string>(1001, "bob")); }),
            v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("ann", QueueNamed("bad name")).error(), v1::ERROR_MALFORMED);
}

TEST_F(Queues, OnlyTheOwnerUsesAQueueWithoutGrants) {
  h.AddQueue("ann", "q");
  EXPECT_EQ(h.As("bob", ToQueue("q", {"x"})).error(), v1::ERROR_QUEUE_NOT_FOUND);  // Not even seen.
  EXPECT_EQ(h.As("bob", Take("q")).error(), v1::ERROR_QUEUE_NOT_FOUND);
  EXPECT_EQ(h.As("admin", ToQueue("q", {"x"})).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("admin", Take("q")).error(), v1::ERROR_NOT_ALLOWED);
}

TEST_F(Queues, GrantsAreForSendingOrReceiving) {
  v1::CreateQueue create = QueueNamed("q");
  *create.mutable_settings()->mutable_senders() = Users({"bob"});
  *create.mutable_settings()->mutable_receivers() = Users({"cy"});
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("bob", ToQueue("q", {"x"})).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("cy", ToQueue("q", {"x"})).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("bob", Take("q")).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("cy", Take("q")).receive().messages_size(), 1);
  v1::UpdateQueue open = UpdateOf("q");
  open.mutable_senders()->set_anyone(true);
  EXPECT_EQ(h.As("ann", open).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("cy", ToQueue("q", {"x"})).error(), v1::ERROR_NONE);
}

TEST_F(Queues, APrivatePairHasOneSenderAndOneReceiver) {
  v1::CreateQueue create = QueueNamed("pair");
  create.mutable_settings()->set_receiver("bob");
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  EXPECT_TRUE(h.As("ann", create).existed());
  h.Send("ann", "pair", "hello");
  EXPECT_EQ(h.As("bob", ToQueue("pair", {"x"})).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("ann", Take("pair")).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("cy", Take("pair")).error(), v1::ERROR_QUEUE_NOT_FOUND);
  EXPECT_EQ(h.As("bob", Take("pair")).receive().messages_size(), 1);
  v1::UpdateQueue update = UpdateOf("pair");
  *update.mutable_senders() = Users({"cy"});
  EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_MALFORMED);
  update.clear_senders();
  update.set_lease_ms(77);
  EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Record("pair").settings().lease_ms(), 77);
}

TEST_F(Queues, OnlyTheCreatorDeletesAndNotEvenTheAdministrator) {
  v1::CreateQueue create = QueueNamed("q");
  create.mutable_settings()->mutable_receivers()->set_anyone(true);
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  EXPECT_EQ(Delete("bob", "q").error(), v1::ERROR_NOT_OWNER);
  EXPECT_EQ(Delete("admin", "q").error(), v1::ERROR_NOT_OWNER);
  EXPECT_EQ(Delete("ann", "nothing").error(), v1::ERROR_QUEUE_NOT_FOUND);
  EXPECT_EQ(Delete("ann", "q").error(), v1::ERROR_NONE);
  EXPECT_EQ(Delete("ann", "q").error(), v1::ERROR_QUEUE_NOT_FOUND);
}

TEST_F(Queues, AQueueWithAMessageInAnyStateIsNotDeleted) {
  v1::CreateQueue create = QueueNamed("q");
  create.mutable_settings()->set_max_attempts(1);
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  h.Send("ann", "q", "x");
  EXPECT_EQ(Delete("ann", "q").counts().ready(), 1u);
  const v1::Reply received = h.As("ann", Take("q"));
  EXPECT_EQ(Delete("ann", "q").counts().leased(), 1u);
  h.As("ann", NackOf("q", received));
  EXPECT_EQ(Delete("ann", "q").counts().dead(), 1u);
  v1::PurgeQueue purge;
  purge.set_name("q");
  purge.set_max(10);
  EXPECT_EQ(h.As("ann", purge).count().count(), 1u);
  v1::NewMessage later;
  later.set_delay_ms(1000);
  h.Send("ann", "q", later);
  const v1::Reply refused = Delete("ann", "q");
  EXPECT_EQ(refused.error(), v1::ERROR_QUEUE_NOT_EMPTY);
  EXPECT_EQ(refused.counts().delayed(), 1u);
  EXPECT_EQ(h.As("ann", purge).count().count(), 1u);
  EXPECT_EQ(Delete("ann", "q").error(), v1::ERROR_NONE);
}

TEST_F(Queues, ANewQueueOfAnOldNameIsAnotherQueue) {
  h.AddQueue("ann", "q");
  v1::NewMessage message;
  message.set_dedup_id("once");
  const uint64_t first = h.Send("ann", "q", message);
  h.Drain("ann", "q");
  EXPECT_EQ(Delete("ann", "q").error(), v1::ERROR_NONE);
  h.AddQueue("bob", "q");
  EXPECT_NE(h.Send("bob", "q", message), first);
}

TEST_F(Queues, AClosedQueueDrains) {
  h.AddQueue("ann", "q");
  h.Send("ann", "q", "x");
  v1::UpdateQueue close = UpdateOf("q");
  close.set_closed(true);
  EXPECT_EQ(h.As("bob", close).error(), v1::ERROR_QUEUE_NOT_FOUND);
  EXPECT_EQ(h.As("ann", close).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", ToQueue("q", {"y"})).error(), v1::ERROR_QUEUE_CLOSED);
  EXPECT_EQ(h.Drain("ann", "q"), std::vector<std::string>{"x"});
}

TEST_F(Queues, ABatchFitsOrNothingOfIt) {
  v1::CreateQueue create = QueueNamed("q");
  create.mutable_settings()->set_max_messages(3);
  create.mutable_settings()->set_max_bytes(10);
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", ToQueue("q", {"a", "b", "c", "d"})).error(), v1::ERROR_QUEUE_FULL);
  EXPECT_EQ(h.As("ann", ToQueue("q", {"12345", "123456"})).error(), v1::ERROR_QUEUE_FULL);
  EXPECT_EQ(h.As("ann", ToQueue("q", {"12345", "12345"})).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Counts("q").bytes(), 10u);
  EXPECT_EQ(h.As("ann", ToQueue("q", {""})).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", ToQueue("q", {""})).error(), v1::ERROR_QUEUE_FULL);
}

// A producer whose message filled the queue was told "full" when it asked again.
TEST_F(Queues, ARepeatNeedsNoRoom) {
  v1::CreateQueue create = QueueNamed("q");
  create.mutable_settings()->set_max_messages(1);
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  v1::Publish publish = ToQueue("q", {"x"});
  publish.mutable_messages(0)->set_dedup_id("once");
  const uint64_t id = h.As("ann", publish).publish().ids(0);
  const v1::Reply again = h.As("ann", publish);
  EXPECT_EQ(again.error(), v1::ERROR_NONE);
  EXPECT_EQ(again.publish().ids(0), id);
  v1::UpdateQueue close = UpdateOf("q");
  close.set_closed(true);
  EXPECT_EQ(h.As("ann", close).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", publish).publish().ids(0), id);
}

TEST_F(Queues, UpdatingLeavesWhatIsAbsent) {
  v1::CreateQueue create = QueueNamed("q");
  create.mutable_settings()->set_ttl_ms(5000);
  *create.mutable_settings()->mutable_senders() = Users({"bob"});
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  v1::UpdateQueue update = UpdateOf("q");
  update.set_max_messages(9);
  EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Record("q").settings().ttl_ms(), 5000);
  EXPECT_EQ(h.Record("q").settings().max_messages(), 9u);
  EXPECT_EQ(h.Record("q").settings().senders().users_size(), 1);
  *update.mutable_senders() = Users({});
  EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("bob", ToQueue("q", {"x"})).error(), v1::ERROR_QUEUE_NOT_FOUND);
}

// The queue vanished from the sight of a receiver who still held messages of it.
TEST_F(Queues, WhoLosesTheRightSettlesWhatIsHeld) {
  v1::CreateQueue create = QueueNamed("q");
  *create.mutable_settings()->mutable_receivers() = Users({"bob"});
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  for (const char* body : {"a", "b", "c"}) h.Send("ann", "q", body);
  const v1::Reply a = h.As("bob", Take("q")), b = h.As("bob", Take("q")), c = h.As("bob", Take("q"));
  v1::UpdateQueue update = UpdateOf("q");
  *update.mutable_receivers() = Users({});
  EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("bob", Take("q")).error(), v1::ERROR_QUEUE_NOT_FOUND);
  EXPECT_EQ(h.As("bob", ExtendOf("q", c, 1000)).receipts().done(), 1u);
  EXPECT_EQ(h.As("bob", AckOf("q", a)).receipts().done(), 1u);
  EXPECT_EQ(h.As("bob", NackOf("q", b)).receipts().done(), 1u);
  EXPECT_EQ(h.As("bob", AckOf("q", a)).receipts().done(), 1u);  // A repeat.
  v1::Ack invented;
  invented.set_queue("q");
  invented.add_receipts()->set_id(UINT64_MAX);
  EXPECT_EQ(h.As("bob", invented).error(), v1::ERROR_QUEUE_NOT_FOUND);  // Holds other messages only.
  h.PassAndClock(3 * kSettledSlotMs);
  EXPECT_EQ(h.As("bob", AckOf("q", a)).error(), v1::ERROR_QUEUE_NOT_FOUND);
}

}  // namespace
}  // namespace mom::broker::test
