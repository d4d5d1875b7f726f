// Transactions, idempotency keys and the digest.
#include <gtest/gtest.h>

#include "core/broker/limits.h"
#include "tests/core/broker_harness.h"

namespace mom::broker::test {
namespace {

using Strings = std::vector<std::string>;

class Atomicity : public ::testing::Test {
 protected:
  Atomicity() {
    for (const char* name : {"ann", "bob"}) h.AddUser(name);
    h.AddQueue("ann", "in");
    h.AddQueue("ann", "out");
  }
  Harness h;
};

TEST_F(Atomicity, ATransactionDoesAll) {
  h.Send("ann", "in", "order");
  v1::Transaction transaction;
  *transaction.add_operations()->mutable_ack() = AckOf("in", h.As("ann", Take("in")));
  *transaction.add_operations()->mutable_publish() = ToQueue("out", {"bill", "parcel"});
  const v1::Reply reply = h.As("ann", transaction);
  EXPECT_EQ(reply.transaction().results_size(), 2);
  EXPECT_EQ(reply.transaction().results(0).receipts().done(), 1u);
  EXPECT_EQ(reply.transaction().results(1).publish().ids_size(), 2);
  EXPECT_EQ(h.Counts("in").bytes(), 0u);
  EXPECT_EQ(h.Drain("ann", "out"), (Strings{"bill", "parcel"}));
}

TEST_F(Atomicity, OrNothingAndNamesWhatFailed) {
  h.Send("ann", "in", "order");
  const v1::Reply received = h.As("ann", Take("in"));
  v1::Transaction transaction;
  *transaction.add_operations()->mutable_publish() = ToQueue("out", {"bill"});
  *transaction.add_operations()->mutable_nack() = NackOf("in", received);
  *transaction.add_operations()->mutable_publish() = ToQueue("nowhere", {"x"});
  const v1::Reply reply = h.As("ann", transaction);
  EXPECT_EQ(reply.error(), v1::ERROR_TRANSACTION_FAILED);
  EXPECT_EQ(reply.transaction().failed_index(), 2u);
  EXPECT_EQ(reply.transaction().results(0).error(), v1::ERROR_QUEUE_NOT_FOUND);
  EXPECT_EQ(h.Counts("out").ready(), 0u);
  EXPECT_EQ(h.Counts("in").leased(), 1u);
}

TEST_F(Atomicity, AReceiptThatFailsFailsAll) {
  h.Send("ann", "in", "order");
  const v1::Reply old = h.As("ann", Take("in"));
  h.PassAndClock(kDefaultLeaseMs);
  h.As("ann", Take("in"));
  v1::Transaction transaction;
  *transaction.add_operations()->mutable_publish() = ToQueue("out", {"bill"});
  *transaction.add_operations()->mutable_ack() = AckOf("in", old);
  const v1::Reply reply = h.As("ann", transaction);
  EXPECT_EQ(reply.transaction().failed_index(), 1u);
  EXPECT_EQ(reply.transaction().results(0).error(), v1::ERROR_LEASE_LOST);
}

TEST_F(Atomicity, TheSameReceiptTwiceInOneTransaction) {
  h.Send("ann", "in", "x");
  const v1::Reply received = h.As("ann", Take("in"));
  v1::Transaction nack_ack;
  *nack_ack.add_operations()->mutable_nack() = NackOf("in", received);
  *nack_ack.add_operations()->mutable_ack() = AckOf("in", received);
  EXPECT_EQ(h.As("ann", nack_ack).transaction().failed_index(), 1u);
  v1::Transaction ack_nack;
  *ack_nack.add_operations()->mutable_ack() = AckOf("in", received);
  *ack_nack.add_operations()->mutable_nack() = NackOf("in", received);
  EXPECT_EQ(h.As("ann", ack_nack).transaction().results(0).error(), v1::ERROR_LEASE_LOST);
  v1::Transaction ack_ack;
  *ack_ack.add_operations()->mutable_ack() = AckOf("in", received);
  *ack_ack.add_operations()->mutable_ack() = AckOf("in", received);
  EXPECT_EQ(h.As("ann", ack_ack).transaction().failed_index(), 1u);
  EXPECT_EQ(h.Counts("in").leased(), 1u);
}

// A worker whose lease had run out published its result, and the next one published it again.
TEST_F(Atomicity, ATransactionNeedsLeasesThatAreHeldNow) {
  h.Send("ann", "in", "order");
  const v1::Reply received = h.As("ann", Take("in"));
  v1::Transaction transaction;
  *transaction.add_operations()->mutable_publish() = ToQueue("out", {"bill"});
  *transaction.add_operations()->mutable_ack() = AckOf("in", received);
  h.PassAndClock(kDefaultLeaseMs);  // It ran out, and nobody has taken the message.
  const auto refused = [&](const v1::Transaction& asked, v1::ErrorCode why) {
    const v1::Reply reply = h.As("ann", asked, "key", 1);
    EXPECT_EQ(reply.error(), v1::ERROR_TRANSACTION_FAILED);
    EXPECT_EQ(reply.transaction().failed_index(), 1u);
    EXPECT_EQ(reply.transaction().results(0).error(), why);
    EXPECT_EQ(h.Counts("out").ready(), 0u);
  };
  refused(transaction, v1::ERROR_LEASE_LOST);
  v1::Transaction nack = transaction;
  *nack.mutable_operations(1)->mutable_nack() = NackOf("in", received);
  refused(nack, v1::ERROR_LEASE_LOST);
  EXPECT_EQ(h.As("ann", AckOf("in", received)).receipts().done(), 1u);  // By itself it may be late.
  refused(transaction, v1::ERROR_LEASE_LOST);                           // Settled already.
  transaction.mutable_operations(1)->mutable_ack()->set_queue("out");
  refused(transaction, v1::ERROR_RECEIPT_UNKNOWN);
}

TEST_F(Atomicity, ARepeatedTransactionIsReplayedThoughItsLeasesAreSettled) {
  h.Send("ann", "in", "order");
  v1::Transaction transaction;
  *transaction.add_operations()->mutable_publish() = ToQueue("out", {"bill"});
  *transaction.add_operations()->mutable_ack() = AckOf("in", h.As("ann", Take("in")));
  EXPECT_EQ(h.As("ann", transaction, "key", 1).error(), v1::ERROR_NONE);
  EXPECT_TRUE(h.As("ann", transaction, "key", 1).replayed());
  EXPECT_EQ(h.Counts("out").ready(), 1u);
}

TEST_F(Atomicity, ALaterOperationSeesTheRoomThatAnEarlierOneTook) {
  v1::UpdateQueue small = UpdateOf("out");
  small.set_max_messages(1);
  h.As("ann", small);
  v1::Transaction transaction;
  *transaction.add_operations()->mutable_publish() = ToQueue("out", {"1"});
  *transaction.add_operations()->mutable_publish() = ToQueue("out", {"2"});
  EXPECT_EQ(h.As("ann", transaction).transaction().results(0).error(), v1::ERROR_QUEUE_FULL);
}

TEST_F(Atomicity, ATransactionIsBounded) {
  EXPECT_EQ(h.As("ann", v1::Transaction()).error(), v1::ERROR_MALFORMED);
  v1::Transaction wide;
  *wide.add_operations()->mutable_publish() = ToQueue("out", Strings(600, "x"));
  *wide.add_operations()->mutable_publish() = ToQueue("out", Strings(401, "x"));
  EXPECT_EQ(h.As("ann", wide).error(), v1::ERROR_MALFORMED);
  v1::Transaction hollow;
  for (int i = 0; i < 1001; ++i) hollow.add_operations();
  EXPECT_EQ(h.As("ann", hollow).error(), v1::ERROR_MALFORMED);
}

TEST_F(Atomicity, AKeyGivesTheFirstAnswerAgain) {
  const v1::Reply first = h.As("ann", ToQueue("in", {"x"}), "key", 7);
  const v1::Reply again = h.As("ann", ToQueue("in", {"x"}), "key", 7);
  EXPECT_TRUE(again.replayed());
  EXPECT_FALSE(first.replayed());
  EXPECT_EQ(again.offset(), first.offset());
  EXPECT_EQ(again.publish().ids(0), first.publish().ids(0));
  EXPECT_EQ(h.Counts("in").ready(), 1u);
  EXPECT_EQ(h.As("ann", ToQueue("in", {"y"}), "key", 8).error(), v1::ERROR_KEY_REUSED);
  EXPECT_FALSE(h.As("ann", ToQueue("in", {"y"}), "other", 8).replayed());
}

// A refusal was given again for a day, also when what had stood in the way was gone.
TEST_F(Atomicity, ARefusedRequestIsDoneWhenItComesAgain) {
  v1::CreateQueue small = QueueNamed("small");
  small.mutable_settings()->set_max_messages(1);
  h.As("ann", small);
  h.Send("ann", "small", "first");
  const v1::Publish publish = ToQueue("small", {"second"});
  EXPECT_EQ(h.As("ann", publish, "full", 1).error(), v1::ERROR_QUEUE_FULL);
  EXPECT_EQ(h.As("ann", publish, "full", 1).replayed(), false);
  EXPECT_EQ(h.Drain("ann", "small").size(), 1u);
  EXPECT_EQ(h.As("ann", publish, "full", 1).error(), v1::ERROR_NONE);
  EXPECT_TRUE(h.As("ann", publish, "full", 1).replayed());

  EXPECT_EQ(h.As("ann", ToQueue("later", {"x"}), "missing", 2).error(), v1::ERROR_QUEUE_NOT_FOUND);
  v1::DeleteQueue remove;
  remove.set_name("small");
  EXPECT_EQ(h.As("ann", remove, "conflict", 3).error(), v1::ERROR_QUEUE_NOT_EMPTY);
  EXPECT_EQ(h.As("bob", QueueNamed("small"), "taken", 4).error(), v1::ERROR_QUEUE_EXISTS);
  v1::Transaction transaction;
  *transaction.add_operations()->mutable_publish() = ToQueue("later", {"y"});
  EXPECT_EQ(h.As("ann", transaction, "transaction", 5).error(), v1::ERROR_TRANSACTION_FAILED);
  h.AddQueue("ann", "later");
  h.Drain("ann", "small");
  EXPECT_EQ(h.As("ann", ToQueue("later", {"x"}), "missing", 2).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", remove, "conflict", 3).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("bob", QueueNamed("small"), "taken", 4).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", transaction, "transaction", 5).error(), v1::ERROR_NONE);
  EXPECT_TRUE(h.As("ann", transaction, "transaction", 5).replayed());
}

TEST_F(Atomicity, AKeyOfARefusedRequestServesAnotherOne) {
  EXPECT_EQ(h.As("ann", ToQueue("later", {"x"}), "key", 1).error(), v1::ERROR_QUEUE_NOT_FOUND);
  EXPECT_EQ(h.As("ann", ToQueue("in", {"y"}), "key", 2).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", ToQueue("later", {"x"}), "key", 1).error(), v1::ERROR_KEY_REUSED);
}

// What is done without changing anything is an answer, too.
TEST_F(Atomicity, ASuccessWithoutChangeIsKept) {
  h.AddQueue("ann", "same");
  EXPECT_TRUE(h.As("ann", QueueNamed("same"), "key", 1).existed());
  v1::DeleteQueue remove;
  remove.set_name("same");
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_NONE);
  const v1::Reply again = h.As("ann", QueueNamed("same"), "key", 1);
  EXPECT_TRUE(again.existed() && again.replayed());
}

TEST_F(Atomicity, KeysBelongToTheirUser) {
  h.As("ann", QueueNamed("one"), "key", 7);
  EXPECT_FALSE(h.As("bob", QueueNamed("two"), "key", 7).replayed());
}

TEST_F(Atomicity, AReceiveIsRepeatedWithItsLeasesAndBodies) {
  h.Send("ann", "in", "x");
  const v1::Reply first = h.As("ann", Take("in"), "key");
  h.As("ann", AckOf("in", first));  // Even when the body is gone from the queue.
  const v1::Reply again = h.As("ann", Take("in"), "key");
  EXPECT_EQ(again.receive().messages(0).lease(), first.receive().messages(0).lease());
  EXPECT_EQ(again.receive().messages(0).envelope().body(), "x");
}

TEST_F(Atomicity, AKeyIsForgottenAfterItsWindow) {
  h.As("ann", ToQueue("in", {"x"}), "key", 7);
  h.As("ann", ToQueue("in", {"x"}), "key 2", 7);
  h.Pass(kKeyWindowMs);  // No clock entry drops it; the second key is dropped on the way.
  EXPECT_FALSE(h.As("ann", ToQueue("in", {"y"}), "key 2", 8).replayed());
  EXPECT_TRUE(h.As("ann", ToQueue("in", {"y"}), "key 2", 8).replayed());
  h.PassAndClock(kKeyWindowMs);
  EXPECT_FALSE(h.As("ann", ToQueue("in", {"z"}), "key 2", 9).replayed());
}

// A repeated key whose window was over dropped all older ones in the same entry, up to a million.
TEST_F(Atomicity, ReusingAnOldKeyDropsFewOthers) {
  h.check_every = 100;
  for (int i = 0; i < 300; ++i) h.As("ann", QueueNamed("in"), std::to_string(i));
  h.Pass(kKeyWindowMs);
  v1::Command command;
  command.set_user("ann");
  command.set_session_hash(TokenHash("ann"));
  command.set_idempotency_key("299");
  SetBody(&command, QueueNamed("in"));
  const Applied applied = Apply(h.view, CommandEntry(h.offset, h.now_ms, command));
  EXPECT_LT(applied.changes.size(), 20u);
}

TEST_F(Atomicity, ANewUserOfAnOldNameDoesNotGetOldAnswers) {
  h.AddQueue("bob", "secret");
  h.Send("bob", "secret", "for bob only");
  EXPECT_EQ(h.As("bob", Take("secret"), "key").receive().messages_size(), 1);
  h.PassAndClock(kDefaultLeaseMs);
  h.Drain("bob", "secret");
  v1::DeleteUser remove;
  remove.set_name("bob");
  EXPECT_EQ(h.As("bob", remove).error(), v1::ERROR_NONE);
  h.AddUser("bob");
  const v1::Reply reply = h.As("bob", Take("secret"), "key");
  EXPECT_FALSE(reply.replayed());
  EXPECT_EQ(reply.error(), v1::ERROR_QUEUE_NOT_FOUND);
}

TEST_F(Atomicity, TheDigestTellsEveryDifference) {
  auto digest_after = [&](const v1::Publish& publish, int64_t now_ms) {
    v1::Command command;
    command.set_user("ann");
    command.set_session_hash(TokenHash("ann"));
    SetBody(&command, publish);
    return Apply(h.view, CommandEntry(h.offset, now_ms, command)).state.digest;
  };
  const uint64_t digest = digest_after(ToQueue("in", {"x"}), h.now_ms);
  EXPECT_EQ(digest_after(ToQueue("in", {"x"}), h.now_ms), digest);
  EXPECT_NE(digest_after(ToQueue("in", {"y"}), h.now_ms), digest);
  EXPECT_NE(digest_after(ToQueue("out", {"x"}), h.now_ms), digest);
  EXPECT_NE(digest_after(ToQueue("in", {"x"}), h.now_ms + 1), digest);
  EXPECT_NE(Apply(h.view, ClockEntry(h.offset, h.now_ms)).state.digest, ReadAppliedState(h.view)->digest);
}

}  // namespace
}  // namespace mom::broker::test
