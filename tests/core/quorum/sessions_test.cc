// Streams at the leader: bugs that the simulator found (docs/simulator.md).
#include <gtest/gtest.h>

#include "core/quorum/quorum.h"

namespace mom::quorum {
namespace {

constexpr Uuid kCluster{0, 9};

Identity Of(uint32_t node, uint64_t disk) {
  return Identity{kCluster, NodeId{node}, Uuid{0, disk}};
}

// Node 1 of three, elected by node 2, with its LeaderChange durable.
class LeaderOfThree : public testing::Test {
 protected:
  LeaderOfThree() : quorum_(OptionsOfOne(), EmptyOfThree()) {
    Step(Started{});
    now_ = quorum_.wake_at();
    Step(Tick{});
    Receive(Of(2, 2), VoteReply{Epoch{0}, NodeId{}, true, 1, Refusal::kNone});
    Receive(Of(2, 2), VoteReply{Epoch{1}, NodeId{}, false, 2, Refusal::kNone});
    Step(Persisted{Offset{1}});
  }

  Effects Step(const Event& event) { return quorum_.Step(now_, event); }
  Effects Receive(const Identity& from, const Body& body) {
    return Step(Received{Message{from, NodeId{1}, body}});
  }
  static FetchRequest Fetch(uint64_t session, bool open, uint64_t end) {
    return FetchRequest{Epoch{1}, SessionId{session}, open, Offset{end}, Epoch{end > 0 ? 1u : 0u}, Offset{},
                        0};
  }
  // The transport has taken the frame that these effects order for `peer`.
  void Sent(const Effects& effects, uint32_t peer) {
    for (const SendFrame& frame : effects.frames) {
      if (frame.to.value == peer) Sent(Step(FrameSent{frame.to, frame.session, frame.end, 1}), peer);
    }
  }

  static Options OptionsOfOne() {
    Options options;
    options.self = Of(1, 1);
    return options;
  }
  static Restored EmptyOfThree() {
    Restored restored;
    restored.voters = VoterSet({Of(1, 1).key(), Of(2, 2).key(), Of(3, 3).key()});
    return restored;
  }

  Quorum quorum_;
  Instant now_{1};
};

// Goal: frames that only carry a new high watermark take no place in the window of a follower that
// acknowledges nothing; the 33rd of them once stopped the leader.
TEST_F(LeaderOfThree, SendsHighWatermarksToASilentFollower) {
  ASSERT_EQ(quorum_.role(), Role::kLeader);
  Sent(Receive(Of(2, 2), Fetch(1, true, 0)), 2);
  Sent(Receive(Of(3, 3), Fetch(1, true, 0)), 3);
  for (uint64_t end = 1; end < 100; ++end) {
    const Effects acknowledged = Receive(Of(3, 3), Fetch(1, false, end));
    Sent(acknowledged, 2);
    Sent(acknowledged, 3);
    const Effects proposed = Step(Proposed{1});
    Sent(proposed, 2);
    Sent(proposed, 3);
    Step(Persisted{quorum_.log_end()});
  }
  EXPECT_EQ(quorum_.high_watermark(), Offset{99});
}

// Goal: node and session name one stream. A node with a new disk counts from 1 again and is told to go on
// behind what its old disk has used; else a frame of the old stream would be taken for one of the new.
TEST_F(LeaderOfThree, RefusesASessionThatTheOldDiskHasUsed) {
  Receive(Of(2, 2), Fetch(7, true, 0));
  const Effects effects = Receive(Of(2, 22), Fetch(7, true, 0));
  ASSERT_EQ(effects.messages.size(), 1u);
  const auto& reply = std::get<FetchReply>(effects.messages[0].body);
  const auto& refused = std::get<FetchRefused>(reply.body);
  EXPECT_EQ(refused.refusal, Refusal::kStaleSession);
  EXPECT_EQ(refused.known_session, SessionId{7});
  EXPECT_TRUE(effects.closes.empty());
  EXPECT_EQ(Receive(Of(2, 22), Fetch(8, true, 0)).closes.size(), 1u);
}

}  // namespace
}  // namespace mom::quorum
