// Goal: a command that its sender looks for in its own log is answered exactly once, from there or by the
// leader, and by the leader when the sender finds nothing. Method: two transports over loopback, the sender's
// log is the test.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "replication/replica/asio_forwarder.h"
#include "tests/replication/grpc_forward_harness.h"

namespace mom::replication {
namespace {

Outcome At(uint64_t offset) {
  Outcome outcome;
  outcome.offset = Offset{offset};
  return outcome;
}

// Applied, and refused by the broker.
Outcome RefusedAt(uint64_t offset) {
  Outcome outcome = At(offset);
  outcome.reply.set_error(v1::ERROR_QUEUE_FULL);
  outcome.reply.set_detail("full");
  return outcome;
}

TransportOptions Narrow(size_t calls_max) {
  TransportOptions options;
  options.calls_max = calls_max;
  return options;
}

class WatchedTest : public testing::Test {
 protected:
  WatchedTest() { Connect({&leader_, &sender_}); }

  void Watch(const std::string& command, const Settled& settled, std::function<void(Outcome)> done) {
    sender_.transport->Forward(NodeId{1}, command, 30'000, std::move(done), settled);
  }

  TestNode leader_{1};
  TestNode sender_{2, Narrow(2)};
  Kept kept_{&leader_};
  Tally tally_;
};

TEST_F(WatchedTest, ASenderThatFindsNothingIsToldInTheEnd) {
  Watch("a", std::make_shared<std::atomic<bool>>(false), tally_.Count());
  kept_.Await(1);
  kept_.commands[0].second(At(5));
  EXPECT_EQ(tally_.Await(1)[Status::kOk], 1u);
}

TEST_F(WatchedTest, WhatTheSenderHasAppliedIsNotTold) {
  Watch("a", std::make_shared<std::atomic<bool>>(false), [](const Outcome& outcome) {
    EXPECT_FALSE(outcome.status.ok());  // But that it is uncertain, when the node stops.
  });
  kept_.Await(1);
  kept_.commands[0].second(At(5));
  sender_.recorder.applied_end = 6;
  sender_.transport->Forward(NodeId{1}, "b", 30'000, tally_.Count());
  kept_.Await(2);
  kept_.commands[1].second(At(7));
  EXPECT_EQ(tally_.Await(1)[Status::kOk], 1u);
  // One that the sender has not applied is told late, and all that were kept longer are told before.
  Watch("c", std::make_shared<std::atomic<bool>>(false), tally_.Count());
  kept_.Await(3);
  kept_.commands[2].second(At(8));
  EXPECT_EQ(tally_.Await(2)[Status::kOk], 2u);
}

TEST_F(WatchedTest, AFailureIsToldWhateverTheSenderHasApplied) {
  sender_.recorder.applied_end = 100;
  Watch("a", std::make_shared<std::atomic<bool>>(false), tally_.Count());
  kept_.Await(1);
  kept_.commands[0].second(Refused(Status::kNoSpace, "full"));
  EXPECT_EQ(tally_.Await(1)[Status::kNoSpace], 1u);
}

TEST_F(WatchedTest, WhatIsSettledMakesRoom) {
  const auto settled = std::make_shared<std::atomic<bool>>(false);
  const auto never = [](Outcome) { ADD_FAILURE() << "told"; };
  Watch("a", settled, never);
  Watch("b", settled, never);
  kept_.Await(2);
  Watch("c", settled, tally_.Count());
  EXPECT_EQ(tally_.Await(1)[Status::kOverloaded], 1u);
  *settled = true;
  for (auto& [command, reply] : kept_.commands) reply(At(5));
  sender_.recorder.applied_end = 6;
  Watch("d", std::make_shared<std::atomic<bool>>(false), tally_.Count());
  kept_.Await(3);
  kept_.commands[2].second(Refused(Status::kNoSpace, "full"));
  EXPECT_EQ(tally_.Await(2)[Status::kNoSpace], 1u);
}

// ---------------------------------------------------------------------------------------------------------

class ForwarderTest : public testing::Test {
 protected:
  ForwarderTest() {
    Connect({&leader_, &sender_});
    ForwarderHooks hooks;
    hooks.leader = [this] { return NodeId{leads_.load()}; };
    hooks.wait_applied = [](Offset, const std::function<void(bool)>& done) { done(true); };
    forwarder_ =
        std::make_unique<AsioForwarder>(&runtime_, sender_.transport.get(), NodeId{2}, std::move(hooks));
    runtime_.Start();
  }
  ~ForwarderTest() override {
    sender_.transport->Stop();
    runtime_.Post([this] { forwarder_->Stop(); });
    runtime_.Stop();
  }

  uint64_t Send(const std::string& payload, bool has_key = false) {
    const uint64_t origin = forwarder_->NewOrigin();
    forwarder_->Send({std::make_shared<const std::string>(payload), origin, has_key, tally_.Count(), {}});
    return origin;
  }
  void Apply(uint64_t origin, const std::string& payload, Outcome outcome = At(5)) {
    forwarder_->Settle(origin,
                       Entry{Offset{5}, Epoch{1}, Timestamp{1}, EntryKind::kCommand,
                             std::make_shared<const std::string>(payload)},
                       &outcome);
  }
  void OnReplicaThread(const std::function<void()>& task) {
    Promised<bool> ran;
    runtime_.Post([&] {
      task();
      ran.Set(true);
    });
    ran.Await();
  }

  TestNode leader_{1};
  TestNode sender_{2};
  Kept kept_{&leader_};
  Tally tally_;
  std::atomic<uint32_t> leads_{1};
  AsioRuntime runtime_;
  std::unique_ptr<AsioForwarder> forwarder_;
};

TEST_F(ForwarderTest, WhatIsAppliedHereIsAnsweredOnce) {
  const uint64_t origin = Send("a");
  kept_.Await(1);
  Apply(origin, "a");
  EXPECT_EQ(tally_.Await(1)[Status::kOk], 1u);
  Apply(origin, "a");
  kept_.commands[0].second(Refused(Status::kUncertain, "leadership was lost"));
  Send("b");
  kept_.Await(2);
  kept_.commands[1].second(Refused(Status::kNoSpace, "full"));  // Arrives behind it.
  EXPECT_EQ(tally_.Await(2)[Status::kNoSpace], 1u);
  EXPECT_EQ(tally_.total(), 2u);
}

TEST_F(ForwarderTest, AnEntryThatOnlyHasTheSameOriginAnswersNobody) {
  const uint64_t origin = Send("a");
  kept_.Await(1);
  Apply(origin, "b");
  Apply(origin + 1, "a");
  EXPECT_EQ(tally_.total(), 0u);
  Apply(origin, "a");
  EXPECT_EQ(tally_.Await(1)[Status::kOk], 1u);
}

TEST_F(ForwarderTest, ALeaderThatTellsFirstIsBelieved) {
  const uint64_t origin = Send("a");
  kept_.Await(1);
  kept_.commands[0].second(Refused(Status::kNoSpace, "full"));
  EXPECT_EQ(tally_.Await(1)[Status::kNoSpace], 1u);
  Apply(origin, "a");
  EXPECT_EQ(tally_.total(), 1u);
}

TEST_F(ForwarderTest, ASnapshotInPlaceOfTheLogLeavesItUncertain) {
  const uint64_t origin = Send("a");
  kept_.Await(1);
  OnReplicaThread([&] { forwarder_->OnLogReplaced(); });
  EXPECT_EQ(tally_.Await(1)[Status::kUncertain], 1u);
  Apply(origin, "a");
  EXPECT_EQ(tally_.total(), 1u);
}

// A refusal is not kept under the command's key, so it binds no other try. The one found in the log may be
// the first try's, while the second one is done.
TEST_F(ForwarderTest, ARefusalOfAnEarlierTryDoesNotAnswerALaterOne) {
  const uint64_t origin = Send("a", true);
  kept_.Await(1);
  kept_.commands[0].second(Refused(Status::kUncertain, "leadership was lost"));
  kept_.Await(2);
  Apply(origin, "a", RefusedAt(5));
  EXPECT_EQ(tally_.total(), 0u);
  kept_.commands[1].second(At(6));
  EXPECT_EQ(tally_.Await(1)[Status::kOk], 1u);
}

TEST_F(ForwarderTest, ARefusalAfterAnUncertainTryIsUncertain) {
  Send("a", true);
  kept_.Await(1);
  kept_.commands[0].second(Refused(Status::kUncertain, "leadership was lost"));
  kept_.Await(2);
  kept_.commands[1].second(RefusedAt(6));
  EXPECT_EQ(tally_.Await(1)[Status::kUncertain], 1u);
  Send("b", true);  // Not so when nothing was uncertain.
  kept_.Await(3);
  kept_.commands[2].second(RefusedAt(7));
  EXPECT_EQ(tally_.Await(2)[Status::kOk], 1u);
}

TEST_F(ForwarderTest, AnotherLeaderLeavesItUncertain) {
  Send("a");
  kept_.Await(1);
  leads_ = 3;
  OnReplicaThread([&] { forwarder_->OnLeaderChanged(); });
  EXPECT_EQ(tally_.Await(1)[Status::kUncertain], 1u);
}

}  // namespace
}  // namespace mom::replication
