// Goal: a checker that never failed is no evidence. Method: one good history that uses everything, and bad
// ones, each of which differs from a good one in one point and must be reported under the right name, and no
// other.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/cluster/checker.h"
#include "tests/cluster/momcheck_cases.h"

namespace mom::cluster {
namespace {

// Two messages are sent; one is leased, given back, leased again and acknowledged; the other is taken at
// once.
const std::string kSendA = Line(10, "invoke p 1 1 publish q user=u session=s key=k1 items=0:0:0:a:aa") +
                           Line(12, "ok p 1 1 publish q offset=10 epoch=1 applied=11 items=100:0:0:a:aa");
const std::string kSendB = Line(20, "invoke p 2 2 publish q user=u session=s key=k2 items=0:0:0:b:bb") +
                           Line(22, "ok p 2 2 publish q offset=20 epoch=1 applied=21 items=200:0:0:b:bb");
const std::string kLeaseA = Line(30, "invoke c 1 1 receive q user=u session=s number=1 lease_ms=1000") +
                            Line(32,
                                 "ok c 1 1 receive q lease_ms=1000 offset=30 epoch=1 applied=31 "
                                 "items=100:300:1:a:aa");
const std::string kNackA = Line(40, "invoke c 2 1 nack q user=u session=s items=100:300:1:a:aa") +
                           Line(42, "ok c 2 1 nack q offset=40 epoch=1 applied=41 items=100:300:1:a:aa");
const std::string kLeaseAgain = Line(50, "invoke d 1 2 receive q user=u session=s number=1 lease_ms=1000") +
                                Line(52,
                                     "ok d 1 2 receive q lease_ms=1000 offset=50 epoch=2 applied=51 "
                                     "items=100:500:2:a:aa");
const std::string kAckA = Line(60, "invoke d 2 2 ack q user=u session=s items=100:500:2:a:aa") +
                          Line(62, "ok d 2 2 ack q offset=60 epoch=2 applied=61 items=100:500:2:a:aa");
const std::string kTakeB =
    Line(70, "invoke e 1 2 receive q user=u session=s key=k3 number=8 auto=1") +
    Line(72, "ok e 1 2 receive q auto=1 offset=70 epoch=2 applied=71 items=200:0:1:b:bb");
const std::string kDrained = Line(500, "ok drain 1 0 drained q");
const std::string kGood = kSendA + kSendB + kLeaseA + kNackA + kLeaseAgain + kAckA + kTakeB + kDrained;

std::string Repeat(uint64_t ms, const std::string& answer) {
  return Line(ms, "invoke p 3 2 publish q user=u session=s key=k1 items=0:0:0:a:aa") + Line(ms + 1, answer);
}

const std::string kMade = Line(1, "invoke o 1 1 create_queue q user=u session=s") +
                          Line(2, "ok o 1 1 create_queue q offset=1 epoch=1 applied=2");
const std::string kDeleted = Line(100, "invoke o 2 1 delete_queue q user=u session=s") +
                             Line(102, "ok o 2 1 delete_queue q offset=100 epoch=2 applied=101");
const std::string kEnded = Line(100, "invoke p 4 1 logout - user=u session=s") +
                           Line(102, "ok p 4 1 logout - session=s offset=100 epoch=2 applied=101");
const std::string kLonger =
    Line(33, "invoke c 3 1 extend q user=u session=s lease_ms=9000 items=100:300:1:a:aa") +
    Line(34, "ok c 3 1 extend q lease_ms=9000 offset=33 epoch=1 applied=34 items=100:300:1:a:aa");

std::vector<Case> GoodCases() {
  return {
      {"nothing", "", {}},
      {"everything", kGood, {}},
      {"an unknown publish that never came", kGood + Line(5, "invoke p 9 1 publish q items=0:0:0:c:cc"), {}},
      {"an unknown publish that came",
       kGood + Line(5, "invoke p 9 1 publish q items=0:0:0:c:cc") +
           Line(6, "info p 9 1 publish q code=no-answer") +
           Line(80, "invoke e 2 2 receive q user=u session=s key=k4 number=8 auto=1") +
           Line(82, "ok e 2 2 receive q auto=1 offset=80 epoch=2 applied=81 items=240:0:1:c:cc"),
       {}},
      {"a publish repeated with its key",
       kGood + Repeat(90,
                      "ok p 3 2 publish q offset=10 epoch=2 applied=90 replayed=1 "
                      "items=100:0:0:a:aa"),
       {}},
      {"an answer that never came may hold a message",
       kSendA + Line(30, "invoke e 1 2 receive q user=u key=k3 number=8 auto=1") + kDrained,
       {}},
      {"a lease that ran out",
       kSendA + kSendB + kLeaseA + Line(1030, "invoke d 1 2 receive q number=1 lease_ms=1000") +
           Line(1032, "ok d 1 2 receive q lease_ms=1000 offset=50 epoch=2 applied=51 items=100:500:2:a:aa"),
       {}},
      {"an acknowledgement that is repeated",
       kGood + Line(90, "invoke c 4 1 ack q items=100:500:2:a:aa") +
           Line(91, "ok c 4 1 ack q offset=90 epoch=2 applied=91 items=100:500:2:a:aa"),
       {}},
      {"a late acknowledgement that was refused",
       kSendA + kSendB + kLeaseA + kNackA + kLeaseAgain +
           Line(55, "invoke c 4 1 ack q items=100:300:1:a:aa") +
           Line(56, "ok c 4 1 ack q offset=55 epoch=2 applied=56 items=100:300:1:a:aa failed=100:300:0:0:0") +
           kAckA + kTakeB,
       {}},
      {"a queue deleted when empty", kMade + kGood + kDeleted, {}},
      {"a session that ended",
       kGood + kEnded + Line(110, "invoke p 5 1 count q session=s") +
           Line(111, "fail p 5 1 count q code=session-invalid applied=101"),
       {}},
      {"reads",
       kSendA + Line(15, "invoke r 1 2 count q linearizable=1") +
           Line(16, "ok r 1 2 count q applied=11 number=1") +
           Line(17, "invoke r 2 2 peek q min=10 items=100:0:0:0:0") +
           Line(18, "ok r 2 2 peek q applied=11 items=100:0:0:a:aa") + kSendB,
       {}},
      {"a local read may be old",
       kSendA + Line(15, "invoke r 1 2 count q") + Line(16, "ok r 1 2 count q applied=9 number=0"),
       {}},
      {"equal replicas",
       Line(1, "ok s 0 1 sample - epoch=1 offset=9 applied=9 digest=d boot=1") +
           Line(2, "ok s 0 2 sample - epoch=1 offset=9 applied=9 digest=d boot=1"),
       {}},
  };
}

std::vector<Case> MessageCases() {
  return {
      {"lost", kSendA + kSendB + kTakeB + kDrained, {"C1"}},
      {"lost after it was given back", kSendA + kSendB + kLeaseA + kNackA + kTakeB + kDrained, {"C1"}},
      {"lost, its acknowledgement refused",
       kSendA + kSendB + kLeaseA + Line(40, "invoke c 2 1 ack q items=100:300:1:a:aa") +
           Line(41, "ok c 2 1 ack q offset=40 epoch=1 applied=41 items=100:300:1:a:aa failed=100:300:0:0:0") +
           kTakeB + kDrained,
       {"C1"}},
      {"nobody sent it", kSendB + kLeaseA, {"C2"}},
      {"changed on its way",
       kSendA + Line(30, "invoke c 1 1 receive q lease_ms=1000") +
           Line(32, "ok c 1 1 receive q offset=30 epoch=1 applied=31 items=100:300:1:a:ab"),
       {"C2"}},
      {"from another queue",
       kSendA + Line(30, "invoke c 1 1 receive other lease_ms=1000") +
           Line(32, "ok c 1 1 receive other offset=30 epoch=1 applied=31 items=100:300:1:a:aa"),
       {"C2"}},
      {"there twice, without a key",
       Line(10, "invoke p 1 1 publish q items=0:0:0:a:aa") + Line(11, "info p 1 1 publish q") +
           Line(30, "invoke c 1 1 receive q auto=1") +
           Line(31, "ok c 1 1 receive q offset=30 epoch=1 items=100:0:1:a:aa") +
           Line(40, "invoke c 2 1 receive q auto=1") +
           Line(41, "ok c 2 1 receive q offset=40 epoch=1 items=140:0:2:a:aa"),
       {"C2", "C3"}},
      {"delivered after its acknowledgement",
       kGood + Line(80, "invoke c 5 1 receive q lease_ms=1000") +
           Line(81, "ok c 5 1 receive q offset=80 epoch=2 applied=81 items=100:800:3:a:aa"),
       {"C3", "C5"}},
      {"delivered after it was taken for good",
       kGood + Line(80, "invoke c 5 1 receive q lease_ms=1000") +
           Line(81, "ok c 5 1 receive q offset=80 epoch=2 applied=81 items=200:800:2:b:bb"),
       {"C3"}},
      {"attempts that do not count",
       kSendA + kSendB + kLeaseA + kNackA + Line(50, "invoke d 1 2 receive q lease_ms=1000") +
           Line(52, "ok d 1 2 receive q offset=50 epoch=2 applied=51 items=100:500:1:a:aa"),
       {"C3", "C4"}},
      {"an old lease acknowledges what somebody else has settled",
       kGood + Line(90, "invoke c 4 1 ack q items=100:300:1:a:aa") +
           Line(91, "ok c 4 1 ack q offset=90 epoch=2 applied=91 items=100:300:1:a:aa"),
       {"C5"}},
      {"one key, two offsets",
       kGood + Repeat(90, "ok p 3 2 publish q offset=90 epoch=2 applied=91 items=100:0:0:a:aa"),
       {"C6"}},
      {"one key, two ids",
       kGood + Repeat(90, "ok p 3 2 publish q offset=10 epoch=2 applied=91 replayed=1 items=900:0:0:a:aa"),
       {"C6"}},
      {"one key, two requests",
       kGood + Line(90, "invoke p 3 2 publish q user=u key=k1 items=0:0:0:c:cc") +
           Line(91, "ok p 3 2 publish q offset=10 epoch=2 applied=91 replayed=1 items=100:0:0:c:cc"),
       {"C6"}},
      {"one key, sent twice",
       Line(10, "invoke p 1 1 publish q user=u key=k1 items=0:0:0:a:aa") + Line(11, "info p 1 1 publish q") +
           Line(12, "invoke p 2 2 publish q user=u key=k1 items=0:0:0:a:aa") +
           Line(14, "ok p 2 2 publish q offset=10 epoch=1 applied=11 items=100:0:0:a:aa") +
           Line(30, "invoke c 1 1 receive q lease_ms=1000") +
           Line(31, "ok c 1 1 receive q offset=30 epoch=1 items=90:300:1:a:aa"),
       {"C6"}},
  };
}

std::vector<Case> OrderCases() {
  const std::string take_b_first =
      Line(25, "invoke e 1 2 receive q number=1 auto=1") +
      Line(26, "ok e 1 2 receive q auto=1 offset=25 epoch=1 applied=26 items=200:0:1:b:bb");
  return {
      {"the later one first", kSendA + kSendB + take_b_first + kLeaseA, {"C4"}},
      {"the wrong order in one answer",
       kSendA + kSendB + Line(30, "invoke c 1 1 receive q number=2 auto=1") +
           Line(31, "ok c 1 1 receive q auto=1 offset=30 epoch=1 applied=31 items=200:0:1:b:bb,100:0:1:a:aa"),
       {"C4"}},
      {"a batch in the wrong order",
       Line(10, "invoke p 1 1 publish q key=k items=0:0:0:a:aa,0:0:0:b:bb") +
           Line(11, "ok p 1 1 publish q offset=10 epoch=1 applied=11 items=101:0:0:a:aa,100:0:0:b:bb"),
       {"C4"}},
      {"one id, two messages",
       kSendA + Line(20, "invoke p 2 1 publish r key=k2 items=0:0:0:b:bb") +
           Line(21, "ok p 2 1 publish r offset=20 epoch=1 applied=21 items=100:0:0:b:bb"),
       {"C4"}},
      {"two holders",
       kSendA + kLeaseA + Line(50, "invoke d 1 2 receive q lease_ms=1000") +
           Line(52, "ok d 1 2 receive q offset=50 epoch=2 applied=51 items=100:500:2:a:aa"),
       {"C5"}},
      {"given away although the lease was extended",
       kSendA + kLeaseA + kLonger + Line(1100, "invoke d 1 2 receive q lease_ms=1000") +
           Line(1102, "ok d 1 2 receive q offset=50 epoch=2 applied=51 items=100:500:2:a:aa"),
       {"C5"}},
      {"a fencing number that falls",
       kSendA + kLeaseA + kNackA + Line(50, "invoke d 1 2 receive q lease_ms=1000") +
           Line(52, "ok d 1 2 receive q offset=50 epoch=2 applied=51 items=100:2ff:2:a:aa"),
       {"C5"}},
      {"an old lease acknowledges",
       kSendA + kLeaseA + kNackA + kLeaseAgain + Line(55, "invoke c 3 1 ack q items=100:300:1:a:aa") +
           Line(56, "ok c 3 1 ack q offset=55 epoch=2 applied=56 items=100:300:1:a:aa"),
       {"C5"}},
      {"an old lease is extended",
       kSendA + kLeaseA + kNackA + kLeaseAgain +
           Line(55, "invoke c 3 1 extend q lease_ms=9 items=100:300:1:a:aa") +
           Line(56, "ok c 3 1 extend q offset=55 epoch=2 applied=56 items=100:300:1:a:aa"),
       {"C5"}},
      {"one offset, two entries",
       kSendA + Line(11, "invoke x 1 1 publish r key=k2 items=0:0:0:b:bb") +
           Line(13, "ok x 1 1 publish r offset=10 epoch=1 applied=11 items=180:0:0:b:bb"),
       {"C9"}},
      {"a later entry before an earlier one",
       kSendA + Line(20, "invoke x 1 1 publish r key=k2 items=0:0:0:b:bb") +
           Line(23, "ok x 1 1 publish r offset=9 epoch=1 applied=11 items=90:0:0:b:bb"),
       {"C9"}},
      {"an epoch that falls",
       Line(10, "invoke p 1 1 publish q key=k1 items=0:0:0:a:aa") +
           Line(12, "ok p 1 1 publish q offset=10 epoch=3 applied=11 items=100:0:0:a:aa") + kSendB,
       {"C9"}},
      {"refused, but done",
       Line(10, "invoke p 1 1 publish q items=0:0:0:a:aa") + Line(12, "fail p 1 1 publish q code=no-leader") +
           kLeaseA,
       {"C9"}},
  };
}

std::vector<Case> QueueCases() {
  return {
      {"deleted with a message in it", kMade + kSendA + kSendB + kTakeB + kDeleted, {"C7"}},
      {"deleted by somebody else",
       kMade + Line(100, "invoke o 2 1 delete_queue q user=v") +
           Line(102, "ok o 2 1 delete_queue q offset=100 epoch=2"),
       {"C7"}},
      {"used after its deletion",
       kMade + kDeleted + Line(110, "invoke p 1 1 publish q key=k1 items=0:0:0:a:aa") +
           Line(112, "ok p 1 1 publish q offset=110 epoch=2 applied=111 items=900:0:0:a:aa"),
       {"C7"}},
      {"a message of the queue's former life",
       kMade + kSendA + kLeaseA + Line(40, "invoke c 2 1 ack q items=100:300:1:a:aa") +
           Line(41, "info c 2 1 ack q") + kDeleted + Line(110, "invoke o 3 1 create_queue q user=u") +
           Line(111, "ok o 3 1 create_queue q offset=110 epoch=2") +
           Line(1200, "invoke c 3 1 receive q auto=1") +
           Line(1202, "ok c 3 1 receive q offset=120 epoch=2 items=100:0:2:a:aa"),
       {"C7"}},
  };
}

std::vector<Case> ReadCases() {
  return {
      {"a write answered before it was applied",
       Line(10, "invoke p 1 1 publish q key=k1 items=0:0:0:a:aa") +
           Line(12, "ok p 1 1 publish q offset=10 epoch=1 applied=10 items=100:0:0:a:aa"),
       {"C8"}},
      {"a read of too old a view",
       kSendA + Line(15, "invoke r 1 2 count q min=10") + Line(16, "ok r 1 2 count q applied=10 number=1"),
       {"C8"}},
      {"a count that lacks one",
       kSendA + Line(15, "invoke r 1 2 count q linearizable=1") +
           Line(16, "ok r 1 2 count q applied=11 number=0"),
       {"C8"}},
      {"a count of what nobody sent",
       kSendA + Line(15, "invoke r 1 2 count q") + Line(16, "ok r 1 2 count q number=2"),
       {"C8"}},
      {"a message not shown",
       kSendA + Line(15, "invoke r 1 2 peek q min=10 items=100:0:0:0:0") +
           Line(16, "fail r 1 2 peek q code=message-not-found applied=11"),
       {"C8"}},
      {"another message shown",
       kSendA + Line(15, "invoke r 1 2 peek q items=100:0:0:0:0") +
           Line(16, "ok r 1 2 peek q applied=11 items=100:0:0:b:bb"),
       {"C8"}},
  };
}

std::vector<Case> StateCases() {
  const std::string sample = Line(1, "ok s 0 1 sample - epoch=2 offset=9 applied=9 digest=d boot=1");
  return {
      {"a node that went back for a client",
       kSendA + Line(15, "invoke p 8 1 count q") + Line(16, "ok p 8 1 count q applied=10 number=1"),
       {"C11"}},
      {"a high watermark that falls",
       sample + Line(2, "ok s 0 1 sample - epoch=2 offset=8 applied=8 digest=c boot=1"),
       {"C11"}},
      {"an epoch forgotten over a restart",
       sample + Line(2, "ok s 0 1 sample - epoch=1 offset=9 applied=9 digest=d boot=2"),
       {"C11"}},
      {"replicas that differ",
       sample + Line(2, "ok s 0 2 sample - epoch=2 offset=9 applied=9 digest=e boot=1"),
       {"C12"}},
      {"a read with an ended session",
       kGood + kEnded + Line(110, "invoke p 5 1 count q user=u session=s min=100") +
           Line(111, "ok p 5 1 count q applied=102 number=0"),
       {"C13"}},
      {"a read with an ended session at a node that knows it",
       kGood + kEnded + Line(110, "invoke p 5 1 count q user=u session=s") +
           Line(111, "ok p 5 1 count q applied=102 number=0"),
       {"C13"}},
      {"a write with an ended session",
       kGood + kEnded + Line(110, "invoke p 5 1 publish r user=u session=s items=0:0:0:c:cc") +
           Line(111, "ok p 5 1 publish r offset=110 epoch=2 applied=111 items=900:0:0:c:cc"),
       {"C13"}},
  };
}

TEST(Momcheck, PassesGoodHistories) {
  Expect(GoodCases());
}

TEST(Momcheck, FindsWrongMessages) {
  Expect(MessageCases());
}

TEST(Momcheck, FindsWrongOrder) {
  Expect(OrderCases());
}

TEST(Momcheck, FindsWrongDeletionsAndReads) {
  Expect(QueueCases());
  Expect(ReadCases());
}

TEST(Momcheck, FindsWrongState) {
  Expect(StateCases());
}

TEST(Momcheck, CountsWhatItSaw) {
  const Verdict verdict = CheckHistory(Parse(kGood));
  EXPECT_EQ(verdict.operations, 7u);
  EXPECT_EQ(verdict.ok, 7u);
  EXPECT_EQ(verdict.acknowledged_messages, 2u);
  EXPECT_EQ(verdict.delivered_messages, 2u);
  EXPECT_EQ(verdict.repeated_deliveries, 1u);
  EXPECT_EQ(verdict.epochs, 2u);
  EXPECT_EQ(verdict.unjudged_messages, 0u);
  EXPECT_EQ(verdict.timers_checked, 1u);
  EXPECT_EQ(CheckHistory(Parse(kSendA)).unjudged_messages, 1u);
}

TEST(Momcheck, ReadsWhatItWrites) {
  const auto events =
      Parse(kGood + kEnded + Line(3, "ok s 0 1 sample - digest=d boot=2 epoch=1 offset=2 applied=3"));
  std::string text;
  for (const Event& event : events) text += ToLine(event) + "\n";
  EXPECT_EQ(Parse(text), events);
}

}  // namespace
}  // namespace mom::cluster
