// Messages of one queue: order, leases, receipts, delays, time to live, dedup, purge.
#include <gtest/gtest.h>

#include "core/broker/limits.h"
#include "tests/core/one_queue.h"

namespace mom::broker::test {
namespace {

using Strings = std::vector<std::string>;

using Delivery = OneQueue;

TEST_F(Delivery, IdsSortInLogOrderAndAreUnique) {
  const v1::Reply batch = h.As("ann", ToQueue("q", {"a", "b", "c"}));
  const uint64_t next = Send("d");
  EXPECT_LT(batch.publish().ids(0), batch.publish().ids(1));
  EXPECT_LT(batch.publish().ids(1), batch.publish().ids(2));
  EXPECT_LT(batch.publish().ids(2), next);
}

TEST_F(Delivery, AMessageSaysWhoSentItAndWhoReceivedIt) {
  const uint64_t id = Send("x");
  const v1::Reply received = Receive("bob");
  EXPECT_EQ(received.receive().messages(0).id(), id);
  EXPECT_EQ(received.receive().messages(0).attempt(), 1u);
  EXPECT_EQ(received.receive().messages(0).lease_until_ms(), h.now_ms + 1000);
  EXPECT_EQ(h.Find("q", id)->state.receiver(), "bob");
  EXPECT_EQ(h.Find("q", id)->state.received_ms(), h.now_ms);
}

TEST_F(Delivery, HighPriorityFirstThenOrderOfSending) {
  Send("low 1");
  Send("high 1", 0, 0, 9);
  Send("low 2");
  Send("high 2", 0, 0, 9);
  Send("middle", 0, 0, 5);
  EXPECT_EQ(h.Drain("ann", "q"), (Strings{"high 1", "high 2", "middle", "low 1", "low 2"}));
}

TEST_F(Delivery, AnAnswerIsBoundedInBytesButNeverEmptyForThat) {
  for (int i = 0; i < 3; ++i) Send(std::string(100, 'x'));
  v1::Receive receive = Take("q", 10);
  receive.set_bytes_max(250);
  EXPECT_EQ(h.As("ann", receive).receive().messages_size(), 2);
  receive.set_bytes_max(0);
  EXPECT_EQ(h.As("ann", receive).receive().messages_size(), 1);
}

// Bodies alone were counted, but an answer that is kept or forwarded carries headers too.
TEST_F(Delivery, AnAnswerThatCarriesBodiesCountsWholeMessages) {
  for (int i = 0; i < 3; ++i) {
    v1::NewMessage message;
    message.add_headers()->set_value(std::string(8000, 'h'));
    h.Send("ann", "q", message);
  }
  v1::Receive receive = Take("q", 10);
  receive.set_bytes_max(10'000);
  EXPECT_EQ(h.As("ann", receive, "key").receive().messages_size(), 1);
  receive.set_auto_ack(true);
  EXPECT_EQ(h.As("ann", receive).receive().messages_size(), 1);
  v1::NewMessage fat;
  fat.add_headers()->set_value(std::string(8193, 'h'));
  v1::Publish publish;
  publish.set_queue("q");
  *publish.add_messages() = fat;
  EXPECT_EQ(h.As("ann", publish).error(), v1::ERROR_MALFORMED);
}

TEST_F(Delivery, ALeaseIsExclusive) {
  Send("x");
  EXPECT_EQ(Receive("ann").receive().messages_size(), 1);
  EXPECT_EQ(Receive("bob").receive().messages_size(), 0);
  EXPECT_FALSE(HasReady(h.view, "q"));
}

TEST_F(Delivery, ALeaseEndsByAClockEntryAndTheMessageComesBackInPlace) {
  Send("first");
  Send("second");
  const v1::Reply received = Receive("ann");
  h.Pass(5000);
  EXPECT_EQ(h.Bodies(Receive("bob")), Strings{"second"});  // Late, but nobody has said so.
  h.Clock();
  EXPECT_TRUE(h.woken.contains("q"));
  const v1::Reply again = Receive("bob", 2);
  EXPECT_EQ(h.Bodies(again), Strings{"first"});
  EXPECT_EQ(again.receive().messages(0).attempt(), 2u);
}

TEST_F(Delivery, ADelayedMessageKeepsItsPlace) {
  Send("first", 1000);
  Send("second");
  EXPECT_EQ(h.Counts("q").delayed(), 1u);
  EXPECT_EQ(NextDue(h.view)->ms, h.now_ms + 1000);
  h.PassAndClock(1000);
  EXPECT_TRUE(h.woken.contains("q"));
  EXPECT_EQ(h.Drain("ann", "q"), (Strings{"first", "second"}));
}

TEST_F(Delivery, ATimeToLiveThatEndsWithTheDelayIsRefused) {
  const auto publish = [&](int64_t delay_ms, int64_t ttl_ms) {
    v1::Publish one = ToQueue("q", {"x"});
    one.mutable_messages(0)->set_delay_ms(delay_ms);
    one.mutable_messages(0)->set_ttl_ms(ttl_ms);
    return h.As("ann", one);
  };
  for (int64_t ttl_ms : {1, 999, 1000}) {
    const v1::Reply refused = publish(1000, ttl_ms);
    EXPECT_EQ(refused.error(), v1::ERROR_MALFORMED);
    EXPECT_NE(refused.detail().find("ttl_ms"), std::string::npos);
    EXPECT_NE(refused.detail().find("delay_ms"), std::string::npos);
  }
  EXPECT_EQ(publish(1000, 1001).error(), v1::ERROR_NONE);
  v1::UpdateQueue update = UpdateOf("q");
  update.set_ttl_ms(500);
  h.As("ann", update);
  EXPECT_EQ(publish(500, 0).error(), v1::ERROR_MALFORMED);  // The queue's.
  EXPECT_EQ(publish(499, 0).error(), v1::ERROR_NONE);
  EXPECT_EQ(publish(500, 501).error(), v1::ERROR_NONE);
}

TEST_F(Delivery, TimeToLiveRunsOutAnywhere) {
  Send("head", 0, 1000);
  Send("stays");
  Send("middle", 0, 1000, 3);
  Send("delayed", 999, 1000);
  EXPECT_EQ(h.Counts("q").ready() + h.Counts("q").delayed(), 4u);
  h.Pass(1000);
  EXPECT_EQ(h.Bodies(Receive("ann", 10)), Strings{"stays"});  // Not given out late, clock entry or not.
  h.Clock();
  EXPECT_EQ(h.Counts("q").ready() + h.Counts("q").delayed(), 0u);
  EXPECT_EQ(h.Counts("q").bytes(), 5u);
}

TEST_F(Delivery, AHeldMessageIsNotTakenAwayByItsTimeToLive) {
  Send("x", 0, 500);
  const v1::Reply received = Receive("ann");
  h.PassAndClock(600);
  EXPECT_EQ(h.Counts("q").leased(), 1u);
  h.PassAndClock(400);  // Back from the lease, it is over.
  EXPECT_EQ(h.Counts("q").leased() + h.Counts("q").ready(), 0u);
  EXPECT_EQ(ErrorOf(h.As("ann", AckOf("q", received))), v1::ERROR_RECEIPT_UNKNOWN);
}

TEST_F(Delivery, EverythingOfOneMessageDueAtOnce) {
  Send("x", 1000, 2000);
  h.PassAndClock(10'000);
  EXPECT_EQ(h.Counts("q").bytes(), 0u);
  Send("y", 0, 1000);  // The lease and the time to live end together.
  EXPECT_EQ(Receive("ann").receive().messages_size(), 1);
  h.PassAndClock(10'000);
  EXPECT_EQ(h.Counts("q").bytes(), 0u);
}

TEST_F(Delivery, TheQueuesTimeToLiveIsForMessagesWithoutOne) {
  v1::UpdateQueue update = UpdateOf("q");
  update.set_ttl_ms(1000);
  EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NONE);
  Send("short");
  Send("long", 0, 5000);
  h.PassAndClock(1000);
  EXPECT_EQ(h.Drain("ann", "q"), Strings{"long"});
}

TEST_F(Delivery, HeadsFollowWhatExpiresAndWhatIsPurged) {
  for (int i = 0; i < 5; ++i) Send("dies", 0, 1000);
  Send("a");
  Send("b");
  h.PassAndClock(1000);
  const v1::Reply a = Receive("ann");
  EXPECT_EQ(h.Bodies(a), Strings{"a"});
  v1::PurgeQueue purge;
  purge.set_name("q");
  purge.set_max(100);
  EXPECT_EQ(h.As("ann", purge).count().count(), 1u);
  EXPECT_FALSE(h.As("ann", purge).count().more());  // What is held stays.
  h.As("ann", NackOf("q", a));
  Send("c");
  EXPECT_EQ(h.Drain("ann", "q"), (Strings{"a", "c"}));
}

TEST_F(Delivery, DedupGivesTheFirstIdWithinTheWindow) {
  v1::Publish publish = ToQueue("q", {"x", "y", "z"});
  publish.mutable_messages(0)->set_dedup_id("d");
  publish.mutable_messages(1)->set_dedup_id("d");  // A repeat within the batch.
  const v1::Reply first = h.As("ann", publish);
  EXPECT_EQ(first.publish().ids(0), first.publish().ids(1));
  EXPECT_TRUE(first.publish().duplicates(1));
  EXPECT_FALSE(first.publish().duplicates(2));
  EXPECT_EQ(h.Drain("ann", "q"), (Strings{"x", "z"}));
  EXPECT_EQ(h.As("ann", publish).publish().ids(0), first.publish().ids(0));  // Taken long ago, still known.
  h.Pass(kDedupWindowMs);  // The window is over; no clock entry says so.
  EXPECT_NE(h.As("ann", publish).publish().ids(0), first.publish().ids(0));
  h.Clock();
  EXPECT_TRUE(h.As("ann", publish).publish().duplicates(0));
}

TEST_F(Delivery, TheOwnerRemovesWhatIsNotHeld) {
  const uint64_t id = Send("x");
  v1::DeleteMessage remove;
  remove.set_queue("q");
  remove.set_id(id);
  EXPECT_EQ(h.As("bob", remove).error(), v1::ERROR_NOT_OWNER);
  const v1::Reply received = Receive("bob");
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_MESSAGE_LEASED);
  h.As("bob", NackOf("q", received));
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_MESSAGE_NOT_FOUND);
}

TEST_F(Delivery, AutoAckTakesOffAtOnce) {
  Send("x");
  v1::Receive receive = Take("q");
  receive.set_auto_ack(true);
  const v1::Reply reply = h.As("bob", receive);
  EXPECT_EQ(reply.receive().messages(0).envelope().body(), "x");
  EXPECT_EQ(reply.receive().messages(0).envelope().sender(), "ann");
  EXPECT_EQ(h.Counts("q").bytes(), 0u);
}

// Deleting a timer with each acknowledgement made every look for the next one walk over deleted keys.
TEST_F(Delivery, TheTimerOfASettledLeaseStaysUntilItIsDue) {
  h.PassAndClock(2'000'000'000);  // The sessions of the start are over.
  const int64_t session_ms = 100'000;
  EXPECT_EQ(h.Connect("ann", 0, session_ms).error(), v1::ERROR_NONE);
  Send("x");
  h.As("ann", AckOf("q", Receive("ann")));
  EXPECT_EQ(NextDue(h.view)->ms, h.now_ms + 1000);
  h.PassAndClock(1000);
  EXPECT_EQ(NextDue(h.view)->ms, h.now_ms + session_ms - 1000);
}

TEST_F(Delivery, AClockEntryDoesABoundedAmountAndTheNextOneGoesOn) {
  h.check_every = 5;
  EXPECT_EQ(h.As("ann", ToQueue("q", Strings(1000, "x"))).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", ToQueue("q", Strings(1000, "y"))).error(), v1::ERROR_NONE);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Receive("ann", 100).receive().messages_size(), 100);
  h.PassAndClock(1000);
  EXPECT_GT(h.Counts("q").leased(), 0u);
  EXPECT_LE(NextDue(h.view)->ms, h.now_ms);
  h.Clock();
  EXPECT_EQ(h.Counts("q").leased(), 0u);
  EXPECT_EQ(h.Counts("q").ready(), 2000u);
}

}  // namespace
}  // namespace mom::broker::test
