// Ordered groups, dead messages and dead-letter queues.
#include <gtest/gtest.h>

#include "core/broker/keys.h"
#include "core/broker/lanes.h"
#include "core/broker/limits.h"
#include "tests/core/broker_harness.h"

namespace mom::broker::test {
namespace {

using Strings = std::vector<std::string>;

class Groups : public ::testing::Test {
 protected:
  Groups() {
    h.AddUser("ann");
    Create("q", 2, "");
  }
  void Create(const std::string& name, uint32_t max_attempts, const std::string& dead_letter) {
    v1::CreateQueue create = QueueNamed(name);
    create.mutable_settings()->set_max_attempts(max_attempts);
    create.mutable_settings()->set_dead_letter(dead_letter);
    create.mutable_settings()->set_lease_ms(1000);
    EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  }
  uint64_t Send(const std::string& body, const std::string& group, int64_t delay_ms = 0, int64_t ttl_ms = 0,
                const std::string& queue = "q") {
    v1::NewMessage message;
    message.set_body(body);
    message.set_group(group);
    message.set_delay_ms(delay_ms);
    message.set_ttl_ms(ttl_ms);
    return h.Send("ann", queue, message);
  }
  v1::Reply Receive(const std::string& queue = "q") { return h.As("ann", Take(queue, 100)); }
  // Receives and gives back until nothing is ready any more.
  void WearOut(const std::string& queue) {
    while (HasReady(h.view, queue)) h.As("ann", NackOf(queue, Receive(queue)));
  }
  v1::Reply Redrive(uint32_t max = 100) {
    v1::Redrive redrive;
    redrive.set_queue("q");
    redrive.set_max(max);
    return h.As("ann", redrive);
  }
  v1::UpdateQueue Change(const std::string& name) { return UpdateOf(name); }
  Harness h;
};

TEST_F(Groups, OneAtATimeInOrderBesideOthers) {
  for (const char* body : {"a1", "a2", "a3"}) Send(body, "a");
  Send("b1", "b");
  Send("free", "");
  const v1::Reply first = Receive();
  EXPECT_EQ(h.Bodies(first), (Strings{"a1", "b1", "free"}));
  EXPECT_EQ(h.Bodies(Receive()), Strings{});
  h.As("ann", AckOf("q", first));
  EXPECT_TRUE(h.woken.contains("q"));
  EXPECT_EQ(h.Bodies(Receive()), Strings{"a2"});
}

// They were counted as ready, and a receive gave nothing.
TEST_F(Groups, WhatWaitsForItsGroupIsBlockedNotReady) {
  for (const char* body : {"a1", "a2", "a3"}) Send(body, "a");
  const uint64_t b1 = Send("b1", "b");
  const auto expect = [&](uint64_t ready, uint64_t leased, uint64_t blocked) {
    const v1::QueueCounts counts = h.Counts("q");
    EXPECT_EQ(counts.ready(), ready);
    EXPECT_EQ(counts.leased(), leased);
    EXPECT_EQ(counts.blocked(), blocked);
  };
  expect(2, 0, 2);
  const v1::Reply first = Receive();
  expect(0, 2, 2);
  v1::DeleteQueue remove;
  remove.set_name("q");
  const v1::Reply refused = h.As("ann", remove);
  EXPECT_EQ(refused.error(), v1::ERROR_QUEUE_NOT_EMPTY);
  EXPECT_EQ(refused.counts().blocked(), 2u);
  h.As("ann", NackOf("q", first));
  EXPECT_TRUE(h.woken.contains("q"));
  expect(2, 0, 2);
  const v1::Reply again = Receive();
  v1::Ack one;
  one.set_queue("q");
  for (const auto& delivery : again.receive().messages())
    if (delivery.id() != b1) *one.add_receipts() = ReceiptOf(delivery);
  h.As("ann", one);
  EXPECT_TRUE(h.woken.contains("q"));
  expect(1, 1, 1);
  v1::PurgeQueue purge;
  purge.set_name("q");
  purge.set_max(1);
  EXPECT_TRUE(h.As("ann", purge).count().more());  // The blocked one went.
  expect(1, 1, 0);
  EXPECT_FALSE(h.As("ann", purge).count().more());
  expect(0, 1, 0);
}

// Found without a walk over those that were blocked before, whichever order groups go on in.
TEST_F(Groups, TheOldestThatWaitsIsReadyOrBlocked) {
  const auto oldest = [&] {
    v1::QueueState state;
    const uint64_t queue = h.Record("q").id();
    EXPECT_TRUE(state.ParseFromString(h.view.Get(keys::QueueState(queue)).value()));
    return OldestWaiting(h.view, queue, state);
  };
  EXPECT_EQ(oldest(), std::nullopt);
  const uint64_t a1 = Send("a1", "a");
  const uint64_t a2 = Send("a2", "a");
  const uint64_t b1 = Send("b1", "b");
  Send("a3", "a");
  const uint64_t b2 = Send("b2", "b");
  EXPECT_EQ(oldest(), a1);
  const v1::Reply first = Receive();
  EXPECT_EQ(oldest(), a2);
  h.As("ann", AckOf("q", first));  // a2 and b2 are ready, a3 is blocked.
  EXPECT_EQ(oldest(), a2);
  EXPECT_LT(b1, b2);
  h.Drain("ann", "q");
  EXPECT_EQ(oldest(), std::nullopt);
}

TEST_F(Groups, AnEarlierMessageThatComesBackHoldsTheGroup) {
  Send("a1", "a");
  Send("a2", "a");
  v1::Nack nack = NackOf("q", Receive());
  nack.set_delay_ms(1000);
  h.As("ann", nack);
  EXPECT_EQ(h.Bodies(Receive()), Strings{});  // a2 waits for a1's delay.
  h.PassAndClock(1000);
  EXPECT_EQ(h.Bodies(Receive()), Strings{"a1"});
  h.PassAndClock(1000);  // The lease runs out: dead after two attempts.
  EXPECT_EQ(h.Counts("q").dead(), 1u);
  EXPECT_EQ(h.Bodies(Receive()), Strings{"a2"});
}

TEST_F(Groups, ADelayRunsWhileWaiting) {
  Send("a1", "a");
  Send("a2", "a", 1000);
  Send("a3", "a", 1000);
  const v1::Reply a1 = Receive();
  h.As("ann", AckOf("q", a1));
  EXPECT_EQ(h.Counts("q").delayed(), 1u);
  h.PassAndClock(1000);
  const v1::Reply a2 = Receive();
  EXPECT_EQ(h.Bodies(a2), Strings{"a2"});
  h.As("ann", AckOf("q", a2));
  EXPECT_EQ(h.Bodies(Receive()), Strings{"a3"});  // Its delay is over long since.
}

TEST_F(Groups, TimeToLiveOfTheActiveAndOfWaitingOnes) {
  Send("a1", "a", 0, 1000);
  Send("a2", "a", 0, 1000);
  Send("a3", "a");
  Send("a4", "a", 0, 1000);
  h.PassAndClock(1000);
  const v1::Reply a3 = Receive();
  EXPECT_EQ(h.Bodies(a3), Strings{"a3"});
  h.As("ann", AckOf("q", a3));
  EXPECT_EQ(h.Counts("q").bytes(), 0u);
}

TEST_F(Groups, ExpiryFoundByAReceiveCallsUpTheNext) {
  Send("a1", "a", 0, 1000);
  Send("a2", "a");
  h.Pass(1000);
  EXPECT_EQ(h.Bodies(Receive()), Strings{});  // Found a1 dead; a2 has its turn now.
  EXPECT_TRUE(h.woken.contains("q"));
  EXPECT_EQ(h.Bodies(Receive()), Strings{"a2"});
}

TEST_F(Groups, PurgeTakesTheWaitingFirst) {
  for (int i = 0; i < 5; ++i) Send(std::string(1, static_cast<char>('0' + i)), "a");
  v1::PurgeQueue purge;
  purge.set_name("q");
  purge.set_max(3);
  v1::Reply reply = h.As("ann", purge);
  EXPECT_EQ(reply.count().count(), 3u);
  EXPECT_TRUE(reply.count().more());
  reply = h.As("ann", purge);
  EXPECT_EQ(reply.count().count(), 2u);
  EXPECT_FALSE(reply.count().more());
  Send("new", "a");
  EXPECT_EQ(h.Bodies(Receive()), Strings{"new"});
}

TEST_F(Groups, PurgeBesideAHeldOne) {
  Send("a1", "a");
  Send("a2", "a");
  const v1::Reply a1 = Receive();
  v1::PurgeQueue purge;
  purge.set_name("q");
  purge.set_max(100);
  EXPECT_EQ(h.As("ann", purge).count().count(), 1u);
  Send("a3", "a");
  EXPECT_EQ(h.Bodies(Receive()), Strings{});
  h.As("ann", AckOf("q", a1));
  EXPECT_EQ(h.Bodies(Receive()), Strings{"a3"});
}

TEST_F(Groups, RemovingTheActiveOrAWaitingOne) {
  const uint64_t a1 = Send("a1", "a"), a2 = Send("a2", "a");
  Send("a3", "a");
  v1::DeleteMessage remove;
  remove.set_queue("q");
  remove.set_id(a2);
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_NONE);
  remove.set_id(a1);
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Bodies(Receive()), Strings{"a3"});
}

TEST_F(Groups, RedrivenMessagesTakeTheirOldPlaceBehindTheActiveOne) {
  Send("a1", "a");
  Send("a2", "a");
  WearOut("q");  // a1, then a2.
  EXPECT_EQ(h.Counts("q").dead(), 2u);
  Send("a3", "a");
  Send("a4", "a");
  EXPECT_EQ(Redrive(1).count().more(), true);
  EXPECT_EQ(Redrive().count().count(), 1u);
  EXPECT_EQ(h.Drain("ann", "q"), (Strings{"a3", "a1", "a2", "a4"}));  // a3 had its turn already.
}

TEST_F(Groups, DeadMessagesCanBeRemovedWithoutTouchingTheGroup) {
  const uint64_t a1 = Send("a1", "a");
  WearOut("q");
  Send("a2", "a");
  v1::DeleteMessage remove;
  remove.set_queue("q");
  remove.set_id(a1);
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Drain("ann", "q"), Strings{"a2"});
}

TEST_F(Groups, TheLastAttemptMakesDeadWithTheReason) {
  const uint64_t id = Send("x", "");
  h.As("ann", NackOf("q", Receive()));
  EXPECT_EQ(h.Counts("q").ready(), 1u);
  v1::Nack nack = NackOf("q", Receive());
  nack.set_reason("cannot read it");
  EXPECT_EQ(h.As("ann", nack).receipts().done(), 1u);
  EXPECT_EQ(h.Counts("q").dead(), 1u);
  EXPECT_EQ(h.Find("q", id)->state.reason(), "cannot read it");
  EXPECT_EQ(h.As("ann", nack).receipts().done(), 1u);  // A repeat.
  EXPECT_EQ(Redrive().count().count(), 1u);
  EXPECT_EQ(Receive().receive().messages(0).attempt(), 1u);  // Fresh attempts.
}

TEST_F(Groups, ALateAckOfADeadMessageCounts) {
  Send("x", "");
  h.As("ann", NackOf("q", Receive()));
  const v1::Reply received = Receive();
  h.PassAndClock(1000);
  EXPECT_EQ(h.Counts("q").dead(), 1u);
  EXPECT_EQ(h.As("ann", AckOf("q", received)).receipts().done(), 1u);
  EXPECT_EQ(h.Counts("q").dead(), 0u);
}

TEST_F(Groups, DeadLettersMoveWithWhereFromAndWhy) {
  Create("dlq", 2, "");
  Create("work", 1, "dlq");
  const uint64_t id = Send("x", "g", 0, 0, "work");
  Send("y", "g", 0, 0, "work");
  v1::Nack nack = NackOf("work", Receive("work"));
  nack.set_reason("broken");
  h.As("ann", nack);
  EXPECT_TRUE(h.woken.contains("dlq"));
  EXPECT_TRUE(h.woken.contains("work"));  // The group goes on.
  EXPECT_FALSE(h.Find("work", id));
  v1::Receive receive = Take("dlq");
  receive.set_auto_ack(true);
  const v1::Reply moved = h.As("ann", receive);
  const auto& envelope = moved.receive().messages(0).envelope();
  EXPECT_EQ(envelope.body(), "x");
  EXPECT_EQ(envelope.sender(), "ann");
  EXPECT_EQ(envelope.group(), "g");
  ASSERT_EQ(envelope.dead_letters_size(), 1);
  EXPECT_EQ(envelope.dead_letters(0).queue(), "work");
  EXPECT_EQ(envelope.dead_letters(0).reason(), "broken");
  EXPECT_EQ(envelope.dead_letters(0).at_ms(), h.now_ms);
  EXPECT_EQ(envelope.headers_size(), 0);
}

TEST_F(Groups, ExpiredMessagesGoToTheDeadLetterQueueToo) {
  Create("dlq", 2, "");
  Create("work", 1, "dlq");
  Send("x", "", 0, 1000, "work");
  h.PassAndClock(1000);
  EXPECT_EQ(h.Drain("ann", "dlq"), Strings{"x"});
}

TEST_F(Groups, AFullOrClosedDeadLetterQueueLeavesTheDeadWhereTheyAre) {
  Create("dlq", 2, "");
  Create("work", 1, "dlq");
  v1::UpdateQueue close = Change("dlq");
  close.set_closed(true);
  h.As("ann", close);
  Send("x", "", 0, 0, "work");
  WearOut("work");
  EXPECT_EQ(h.Counts("work").dead(), 1u);
  v1::UpdateQueue small = Change("dlq");
  small.set_closed(false);
  small.set_max_messages(1);
  h.As("ann", small);
  Send("y", "", 0, 0, "work");
  Send("z", "", 0, 0, "work");
  WearOut("work");
  EXPECT_EQ(h.Counts("work").dead(), 2u);
  EXPECT_EQ(h.Counts("dlq").ready(), 1u);
}

TEST_F(Groups, DeletingTheTargetKeepsDeadLettersAtTheSource) {
  Create("dlq", 2, "");
  Create("work", 1, "dlq");
  v1::DeleteQueue remove;
  remove.set_name("dlq");
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Record("work").settings().dead_letter(), "");
  Send("x", "", 0, 0, "work");
  WearOut("work");
  EXPECT_EQ(h.Counts("work").dead(), 1u);
}

// Dead letters went on into a queue whose owner had withdrawn the right to send.
TEST_F(Groups, WithdrawingTheRightToSendStopsDeadLetters) {
  h.AddUser("bob");
  v1::CreateQueue create = QueueNamed("dlq");
  *create.mutable_settings()->mutable_senders() = Users({"ann"});
  EXPECT_EQ(h.As("bob", create).error(), v1::ERROR_NONE);
  Create("work", 1, "dlq");
  v1::UpdateQueue withdraw = Change("dlq");
  *withdraw.mutable_senders() = Users({});
  EXPECT_EQ(h.As("bob", withdraw).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Record("work").settings().dead_letter(), "");
  v1::UpdateQueue other = Change("work");
  other.set_max_messages(5);  // Is not refused for the dead-letter queue that was lost.
  EXPECT_EQ(h.As("ann", other).error(), v1::ERROR_NONE);
}

}  // namespace
}  // namespace mom::broker::test
