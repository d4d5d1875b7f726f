// Receipts: what they still mean when they are used late, again, or by others.
#include <gtest/gtest.h>

#include "core/broker/keys.h"
#include "core/broker/limits.h"
#include "tests/core/one_queue.h"

namespace mom::broker::test {
namespace {

using Strings = std::vector<std::string>;

using ReceiptsTest = OneQueue;

// Enough receipts to be looked for in one walk.
TEST_F(ReceiptsTest, ReceiptsOfOneAcknowledgementMayRepeatAndComeInAnyOrder) {
  for (int i = 0; i < 12; ++i) Send("x");
  const v1::Reply bobs = Receive("bob", 10);
  const v1::Reply anns = Receive("ann", 2);
  v1::Ack ack;
  ack.set_queue("q");
  const auto add = [&](const v1::Reply& received, int index, uint64_t lease_off_by = 0) {
    v1::Receipt receipt = ReceiptOf(received.receive().messages(index));
    receipt.set_lease(receipt.lease() + lease_off_by);
    *ack.add_receipts() = receipt;
  };
  for (int index : {4, 1, 2, 2, 4, 3}) add(bobs, index);
  add(bobs, 7, 1);  // A wrong receipt for a message does not spoil the right one behind it.
  for (int index : {7, 8, 9}) add(bobs, index);
  add(anns, 0);
  const v1::Reply reply = h.As("bob", ack);
  EXPECT_EQ(reply.receipts().done(), 9u);  // Two of them repeats.
  ASSERT_EQ(reply.receipts().failed_size(), 2);
  EXPECT_EQ(reply.receipts().failed(0).receipt().id(), bobs.receive().messages(7).id());
  EXPECT_EQ(reply.receipts().failed(1).receipt().id(), anns.receive().messages(0).id());
  for (const auto& failed : reply.receipts().failed()) EXPECT_EQ(failed.error(), v1::ERROR_RECEIPT_UNKNOWN);
  EXPECT_EQ(h.Counts("q").leased(), 5u);
}

TEST_F(ReceiptsTest, ALateAckCountsWhileNobodyElseTookTheMessage) {
  Send("x");
  Send("y");
  const v1::Reply x = Receive("ann");
  const v1::Reply y = Receive("ann");
  h.PassAndClock(1000);
  EXPECT_EQ(h.As("ann", AckOf("q", x)).receipts().done(), 1u);
  EXPECT_EQ(h.Bodies(Receive("bob", 5)), Strings{"y"});
  const v1::Reply late = h.As("ann", AckOf("q", y));
  EXPECT_EQ(late.receipts().done(), 0u);
  EXPECT_EQ(late.receipts().failed(0).error(), v1::ERROR_LEASE_LOST);
  EXPECT_EQ(h.Counts("q").leased(), 1u);
}

TEST_F(ReceiptsTest, OldReceiptsAreFenced) {
  const uint64_t id = Send("x");
  const v1::Reply old = Receive("ann");
  h.PassAndClock(1000);
  const v1::Reply now = Receive("ann");  // The same user, another lease.
  EXPECT_EQ(h.As("ann", AckOf("q", old)).receipts().failed_size(), 1);
  EXPECT_EQ(h.As("ann", NackOf("q", old)).receipts().failed_size(), 1);
  EXPECT_EQ(h.As("ann", ExtendOf("q", old, 5)).receipts().failed_size(), 1);
  EXPECT_EQ(h.As("bob", AckOf("q", now)).receipts().failed_size(), 1);  // Not bob's.
  EXPECT_TRUE(h.Find("q", id));
  EXPECT_EQ(h.As("ann", AckOf("q", now)).receipts().done(), 1u);
}

TEST_F(ReceiptsTest, RepeatsAreNoErrors) {
  Send("x");
  Send("y");
  const v1::Reply x = Receive("ann");
  EXPECT_EQ(h.As("ann", AckOf("q", x)).receipts().done(), 1u);
  EXPECT_EQ(h.As("ann", AckOf("q", x)).receipts().done(), 1u);
  const v1::Reply y = Receive("ann");
  EXPECT_EQ(h.As("ann", NackOf("q", y)).receipts().done(), 1u);
  EXPECT_EQ(h.As("ann", NackOf("q", y)).receipts().done(), 1u);
  EXPECT_EQ(h.As("ann", AckOf("q", y)).receipts().failed_size(), 1);  // It was given back.
  EXPECT_EQ(h.Counts("q").ready(), 1u);
}

// "Acknowledged", and the message came back later: receipts of another queue, and such as nobody was given.
TEST_F(ReceiptsTest, ReceiptsOfAnotherQueueAndInventedOnesFailByName) {
  h.AddQueue("ann", "other");
  Send("x");
  h.Send("ann", "other", "y");
  const v1::Reply received = Receive("ann");
  v1::Ack invented;
  invented.set_queue("q");
  for (const auto& [id, lease] : {std::pair(UINT64_MAX, UINT64_MAX), std::pair(uint64_t{0}, uint64_t{0}),
                                  std::pair(received.receive().messages(0).id(), UINT64_MAX),
                                  std::pair(UINT64_MAX, received.receive().messages(0).lease())}) {
    invented.clear_receipts();
    invented.add_receipts()->set_id(id);
    invented.mutable_receipts(0)->set_lease(lease);
    v1::Nack nack;
    v1::Extend extend;
    nack.set_queue("q");
    extend.set_queue("q");
    extend.set_lease_ms(1000);
    *nack.mutable_receipts() = *extend.mutable_receipts() = invented.receipts();
    EXPECT_EQ(ErrorOf(h.As("ann", invented)), v1::ERROR_RECEIPT_UNKNOWN);
    EXPECT_EQ(ErrorOf(h.As("ann", nack)), v1::ERROR_RECEIPT_UNKNOWN);
    EXPECT_EQ(ErrorOf(h.As("ann", extend)), v1::ERROR_RECEIPT_UNKNOWN);
  }
  EXPECT_EQ(ErrorOf(h.As("ann", AckOf("other", received))), v1::ERROR_RECEIPT_UNKNOWN);
  EXPECT_EQ(ErrorOf(h.As("ann", NackOf("other", received))), v1::ERROR_RECEIPT_UNKNOWN);
  EXPECT_EQ(ErrorOf(h.As("ann", ExtendOf("other", received, 5))), v1::ERROR_RECEIPT_UNKNOWN);
  EXPECT_EQ(ErrorOf(h.As("bob", AckOf("q", received))), v1::ERROR_RECEIPT_UNKNOWN);
  EXPECT_EQ(h.As("ann", AckOf("q", received)).receipts().done(), 1u);
  EXPECT_EQ(ErrorOf(h.As("ann", AckOf("other", received))), v1::ERROR_RECEIPT_UNKNOWN);
  EXPECT_EQ(ErrorOf(h.As("bob", AckOf("q", received))), v1::ERROR_RECEIPT_UNKNOWN);
  EXPECT_EQ(ErrorOf(h.As("ann", NackOf("q", received))), v1::ERROR_LEASE_LOST);
  EXPECT_EQ(ErrorOf(h.As("ann", ExtendOf("q", received, 5))), v1::ERROR_LEASE_LOST);
}

// Gone is not acknowledged: somebody else took it meanwhile.
TEST_F(ReceiptsTest, ALostLeaseAcknowledgesNothingAlsoWhenTheMessageIsGone) {
  Send("x");
  const v1::Reply old = Receive("ann");
  h.PassAndClock(1000);
  const v1::Reply now = Receive("bob");
  EXPECT_EQ(ErrorOf(h.As("ann", AckOf("q", old))), v1::ERROR_LEASE_LOST);
  EXPECT_EQ(h.As("bob", AckOf("q", now)).receipts().done(), 1u);
  EXPECT_EQ(ErrorOf(h.As("ann", AckOf("q", old))), v1::ERROR_RECEIPT_UNKNOWN);
}

TEST_F(ReceiptsTest, ARepeatedAckIsKnownForTwoMinutesWhateverTheLease) {
  for (int i = 0; i < 3; ++i) Send("x");
  const v1::Reply all = Receive("ann", 3);
  const auto ack = [&](int i) {
    v1::Ack one;
    one.set_queue("q");
    *one.add_receipts() = ReceiptOf(all.receive().messages(i));
    return h.As("ann", one);
  };
  EXPECT_EQ(ack(0).receipts().done(), 1u);
  EXPECT_EQ(ack(1).receipts().done(), 1u);  // One lease, settled in parts; then late.
  h.PassAndClock(1000);
  EXPECT_EQ(ack(2).receipts().done(), 1u);
  h.PassAndClock(2 * kSettledSlotMs - 1000);
  for (int i : {0, 1, 2}) EXPECT_EQ(ack(i).receipts().done(), 1u) << i;
  h.PassAndClock(2 * kSettledSlotMs);
  for (int i : {0, 1, 2}) EXPECT_EQ(ErrorOf(ack(i)), v1::ERROR_RECEIPT_UNKNOWN) << i;
}

// What is remembered of leases does not grow without bound, and what is extended is remembered, too.
TEST_F(ReceiptsTest, AcknowledgedLeasesAreForgottenInTime) {
  const auto remembered = [&] {
    const auto first = h.view.contents().lower_bound(std::string(1, keys::kSettled));
    const auto last = h.view.contents().lower_bound(std::string(1, keys::kSettled + 1));
    return std::distance(first, last);
  };
  for (int i = 0; i < 5; ++i) {
    Send("x");
    const v1::Reply received = Receive("ann");
    h.As("ann", ExtendOf("q", received, 400'000));
    h.As("ann", AckOf("q", received));
    EXPECT_EQ(h.As("ann", AckOf("q", received)).receipts().done(), 1u);
  }
  EXPECT_EQ(remembered(), 5);
  h.PassAndClock(3 * kSettledSlotMs);
  EXPECT_EQ(remembered(), 0);
}

// "nacked: 1", and the message was there at once all the same.
TEST_F(ReceiptsTest, ALateNackFailsInsteadOfForgettingItsDelay) {
  Send("x");
  const v1::Reply received = Receive("ann");
  h.PassAndClock(1000);
  v1::Nack nack = NackOf("q", received);
  nack.set_delay_ms(60'000);
  EXPECT_EQ(ErrorOf(h.As("ann", nack)), v1::ERROR_LEASE_LOST);
  EXPECT_EQ(h.Counts("q").ready(), 1u);
}

TEST_F(ReceiptsTest, TheSameReceiptTwiceInOneList) {
  Send("x");
  Send("y");
  const v1::Reply received = Receive("ann", 2);
  v1::Nack nack = NackOf("q", received);
  nack.mutable_receipts()->MergeFrom(NackOf("q", received).receipts());
  EXPECT_EQ(h.As("ann", nack).receipts().done(), 4u);
  const v1::Reply again = Receive("ann", 2);
  v1::Extend extend = ExtendOf("q", again, 1000);  // To the very same moment, twice.
  extend.mutable_receipts()->MergeFrom(ExtendOf("q", again, 1000).receipts());
  EXPECT_EQ(h.As("ann", extend).receipts().done(), 4u);
  v1::Ack ack = AckOf("q", again);
  ack.mutable_receipts()->MergeFrom(AckOf("q", again).receipts());
  EXPECT_EQ(h.As("ann", ack).receipts().done(), 4u);
  EXPECT_EQ(h.Counts("q").bytes(), 0u);
}

TEST_F(ReceiptsTest, ReceiptListsHaveOneToAThousand) {
  v1::Ack ack;
  ack.set_queue("q");
  EXPECT_EQ(h.As("ann", ack).error(), v1::ERROR_MALFORMED);
  for (int i = 0; i < 1001; ++i) ack.add_receipts();
  EXPECT_EQ(h.As("ann", ack).error(), v1::ERROR_MALFORMED);
}

TEST_F(ReceiptsTest, ExtendingPutsTheEndOff) {
  Send("x");
  const v1::Reply received = Receive("ann");
  h.Pass(900);
  EXPECT_EQ(h.As("ann", ExtendOf("q", received, 2000)).receipts().done(), 1u);
  h.PassAndClock(1500);
  EXPECT_EQ(h.Counts("q").leased(), 1u);
  h.PassAndClock(500);
  EXPECT_EQ(h.Counts("q").ready(), 1u);
  EXPECT_EQ(h.As("ann", ExtendOf("q", received, 2000)).receipts().failed_size(), 1);  // It came back.
  EXPECT_EQ(h.As("ann", ExtendOf("q", received, 0)).error(), v1::ERROR_MALFORMED);
}

TEST_F(ReceiptsTest, ANackWaitsForItsDelayOrTheQueues) {
  v1::UpdateQueue update = UpdateOf("q");
  update.set_retry_delay_ms(300);
  EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NONE);
  Send("x");
  h.As("ann", NackOf("q", Receive("ann")));
  EXPECT_EQ(h.Counts("q").delayed(), 1u);
  h.PassAndClock(300);
  v1::Nack at_once = NackOf("q", Receive("ann"));
  at_once.set_delay_ms(0);
  h.As("ann", at_once);
  EXPECT_EQ(h.Counts("q").ready(), 1u);
  at_once.set_delay_ms(INT64_MAX);
  EXPECT_EQ(h.As("ann", at_once).error(), v1::ERROR_MALFORMED);
}

}  // namespace
}  // namespace mom::broker::test
