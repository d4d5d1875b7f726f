// Goal: commands on a stream are answered exactly once, each with its own outcome, in whatever order; when
// the stream breaks only what was handed to the network is uncertain; nothing grows without a limit. Method:
// two transports over loopback, or one and a bare gRPC server that stalls.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/replication/grpc_forward_harness.h"

namespace mom::replication {
namespace {

TransportOptions Narrow(size_t calls_max) {
  TransportOptions options;
  options.calls_max = calls_max;
  return options;
}

Outcome Echo(const std::string& command) {
  Outcome outcome;
  outcome.reply.set_detail(command);
  return outcome;
}

class ForwardTest : public testing::Test {
 protected:
  ForwardTest() { Connect({&server_, &client_}); }

  void Send(std::string command, std::function<void(Outcome)> done, int64_t timeout_ms = 30'000,
            uint32_t to = 1) {
    client_.transport->Forward(NodeId{to}, std::move(command), timeout_ms, std::move(done));
  }
  Outcome Call(std::string command, uint32_t to = 1) {
    Promised<Outcome> outcome;
    Send(
        std::move(command), [&](Outcome one) { outcome.Set(std::move(one)); }, 30'000, to);
    return outcome.Await();
  }

  TestNode server_{1};
  TestNode client_{2};
};

TEST_F(ForwardTest, ManyAreAnsweredInAnyOrderEachWithItsOwn) {
  constexpr size_t kThreads = 4, kEach = 900;
  Kept kept(&server_);
  std::atomic<size_t> right{0};
  Tally tally;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; ++i) {
        const std::string name = std::to_string(t) + "/" + std::to_string(i);
        Send(name, [&, name, count = tally.Count()](const Outcome& outcome) {
          if (outcome.reply.detail() == name) ++right;
          count(outcome);
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  kept.Await(kThreads * kEach);
  std::reverse(kept.commands.begin(), kept.commands.end());
  for (auto& [command, reply] : kept.commands) reply(Echo(command));
  EXPECT_EQ(tally.Await(kThreads * kEach)[Status::kOk], kThreads * kEach);
  EXPECT_EQ(right, kThreads * kEach);
}

TEST_F(ForwardTest, TheLargestCommandsAndRepliesTravel) {
  server_.recorder.on_forward = [](const quorum::Identity&, const std::string& command,
                                   const ForwardReply& reply) { reply(Echo(command)); };
  const std::string largest(kEntryPayloadBytesMax, 'x');
  std::atomic<size_t> right{0};
  Tally tally;
  for (int i = 0; i < 10; ++i) {
    Send(largest, [&, count = tally.Count()](const Outcome& outcome) {
      if (outcome.reply.detail() == largest) ++right;
      count(outcome);
    });
  }
  EXPECT_EQ(tally.Await(10)[Status::kOk], 10u);
  EXPECT_EQ(right, 10u);
}

TEST_F(ForwardTest, ACommandThatIsTooLargeIsRefusedHere) {
  Kept kept(&server_);
  Promised<Outcome> before;
  Send("before", [&](Outcome one) { before.Set(std::move(one)); });
  EXPECT_EQ(Call(std::string(kEntryPayloadBytesMax + 1, 'x')).status.code(), Status::kInvalidArgument);
  kept.Await(1);
  kept.commands[0].second(Echo("before"));
  EXPECT_TRUE(before.Await().status.ok());  // The stream has not broken.
  EXPECT_EQ(kept.commands.size(), 1u);
}

TEST_F(ForwardTest, WhatWaitsHasALimitOfCount) {
  TestNode narrow(3, Narrow(2));
  Connect({&server_, &narrow});
  Kept kept(&server_);
  Tally tally;
  const auto send = [&] { narrow.transport->Forward(NodeId{1}, "x", 30'000, tally.Count()); };
  for (int i = 0; i < 3; ++i) send();
  EXPECT_EQ(tally.Await(1)[Status::kOverloaded], 1u);
  kept.Await(2);
  kept.commands[0].second(Outcome());
  EXPECT_EQ(tally.Await(2)[Status::kOk], 1u);
  send();  // There is room again.
  kept.Await(3);
  for (auto& [command, reply] : kept.commands) reply(Outcome());
  EXPECT_EQ(tally.Await(4)[Status::kOk], 3u);
}

TEST_F(ForwardTest, WhatWaitsHasALimitOfBytes) {
  Kept kept(&server_);
  Tally tally;
  for (int i = 0; i < 17; ++i) Send(std::string(kEntryPayloadBytesMax, 'x'), tally.Count());
  EXPECT_EQ(tally.Await(1)[Status::kOverloaded], 1u);
  kept.Await(16);
  for (auto& [command, reply] : kept.commands) reply(Outcome());
  EXPECT_EQ(tally.Await(17)[Status::kOk], 16u);
  server_.recorder.on_forward = [](const quorum::Identity&, const std::string&, const ForwardReply& reply) {
    reply(Outcome());
  };
  EXPECT_TRUE(Call(std::string(kEntryPayloadBytesMax, 'x')).status.ok());  // And room again.
}

// Room at the server comes back with the answers, and when the one who asked is gone.
TEST_F(ForwardTest, TheServersRoomComesBack) {
  TestNode narrow(3, Narrow(5));
  Connect({&narrow, &client_});
  for (int round = 0; round < 3; ++round) {
    Tally tally;
    Kept kept(&narrow);
    TestNode other(4);
    Connect({&narrow, &other});
    for (int i = 0; i < 8; ++i) other.transport->Forward(NodeId{3}, "x", 30'000, tally.Count());
    EXPECT_EQ(tally.Await(3)[Status::kOverloaded], 3u);
    kept.Await(5);
    if (round == 0) continue;  // Gone without an answer.
    for (auto& [command, reply] : kept.commands) reply(Outcome());
    EXPECT_EQ(tally.Await(8)[Status::kOk], 5u);
  }
}

TEST_F(ForwardTest, EachHasItsDeadline) {
  Kept kept(&server_);
  Promised<Outcome> patient, hasty;
  Send("patient", [&](Outcome one) { patient.Set(std::move(one)); });
  Send(
      "hasty", [&](Outcome one) { hasty.Set(std::move(one)); }, 30);
  EXPECT_EQ(hasty.Await().status.code(), Status::kUncertain);
  kept.Await(2);
  EXPECT_EQ(patient.count(), 0u);
  for (auto& [command, reply] : kept.commands) reply(Echo(command));
  EXPECT_EQ(patient.Await().reply.detail(), "patient");
  EXPECT_EQ(hasty.count(), 1u);  // The late answer is heard by nobody.
}

TEST_F(ForwardTest, AnswersTwiceAreHeardOnce) {
  server_.recorder.on_forward = [](const quorum::Identity&, const std::string& command,
                                   const ForwardReply& reply) {
    reply(Echo(command));
    reply(Outcome{Status(Status::kBusy, "again"), {}, {}, {}});
  };
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Call(std::to_string(i)).reply.detail(), std::to_string(i));
}

TEST_F(ForwardTest, ANodeThatMovedIsReachedAtItsNewAddress) {
  Kept kept(&server_);
  Promised<Outcome> old;
  Send("old", [&](Outcome one) { old.Set(std::move(one)); });
  kept.Await(1);
  TestNode elsewhere(1);
  elsewhere.recorder.on_forward = [](const quorum::Identity&, const std::string&, const ForwardReply& reply) {
    reply(Echo("elsewhere"));
  };
  client_.transport->SetAddresses({{NodeId{1}, elsewhere.transport->listening()}});
  EXPECT_EQ(Call("new").reply.detail(), "elsewhere");
  kept.commands[0].second(Echo("old place"));  // What was on its way stays there.
  EXPECT_EQ(old.Await().reply.detail(), "old place");
}

TEST_F(ForwardTest, ARestartedLeaderIsReachedAgain) {
  TransportOptions options;
  {
    TestNode leader(3);
    options.listen = leader.transport->listening();
    client_.transport->SetAddresses({{NodeId{3}, options.listen}});
    leader.recorder.on_forward = [](const quorum::Identity&, const std::string&, const ForwardReply& reply) {
      reply(Outcome());
    };
    EXPECT_TRUE(Call("x", 3).status.ok());
  }
  TestNode leader(3, options);
  leader.recorder.on_forward = [](const quorum::Identity&, const std::string&, const ForwardReply& reply) {
    reply(Outcome());
  };
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!Call("x", 3).status.ok()) ASSERT_LT(std::chrono::steady_clock::now(), until);
}

// ---------------------------------------------------------------------------------------------------------

// A leader that does not read: the first message is on its way, what is behind it waits here.
class StalledTest : public ForwardTest {
 protected:
  static constexpr size_t kCommands = 12;

  StalledTest() { client_.transport->SetAddresses({{NodeId{1}, leader_.listening()}}); }
  ~StalledTest() override { LetGo(); }

  void LetGo() {
    if (!std::exchange(has_let_go_, true)) let_go_.Set(true);
  }
  void SendAll(int64_t timeout_ms) {
    for (size_t i = 0; i < kCommands; ++i) {
      Send(std::string(kEntryPayloadBytesMax, 'x'), tally_.Count(), timeout_ms);
    }
    opened_.Await();
  }

  bool has_let_go_ = false;
  Promised<bool> opened_, let_go_;
  Tally tally_;
  FakeLeader leader_{[this](ServerStream*) {
    opened_.Set(true);
    let_go_.Await();
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "broken");
  }};
};

TEST_F(StalledTest, OnlyWhatWasWrittenIsUncertainWhenTheStreamBreaks) {
  SendAll(30'000);
  EXPECT_EQ(tally_.total(), 0u);
  LetGo();
  auto counts = tally_.Await(kCommands);
  EXPECT_GE(counts[Status::kUncertain], 1u);
  EXPECT_GE(counts[Status::kNotFound], 1u);
  EXPECT_EQ(counts[Status::kUncertain] + counts[Status::kNotFound], kCommands);
}

TEST_F(StalledTest, OnlyWhatWasWrittenIsUncertainWhenItIsTooLate) {
  SendAll(100);
  auto counts = tally_.Await(kCommands);
  EXPECT_GE(counts[Status::kUncertain], 1u);
  EXPECT_GE(counts[Status::kNotFound], 1u);
  EXPECT_EQ(counts[Status::kUncertain] + counts[Status::kNotFound], kCommands);
}

TEST_F(StalledTest, WhatWasNotWrittenIsToldThatTheNodeStops) {
  SendAll(30'000);
  client_.transport->Stop();
  auto counts = tally_.Await(kCommands);
  EXPECT_GE(counts[Status::kUncertain], 1u);
  EXPECT_GE(counts[Status::kStopping], 1u);
  EXPECT_EQ(counts[Status::kUncertain] + counts[Status::kStopping], kCommands);
}

}  // namespace
}  // namespace mom::replication
