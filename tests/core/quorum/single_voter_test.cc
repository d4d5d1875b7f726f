// A cluster of one voter: it elects itself in the step that starts it, and what is durable here is committed.
#include <gtest/gtest.h>

#include "core/quorum/quorum.h"

namespace mom::quorum {
namespace {

constexpr Uuid kDisk{0, 1};

Options OneNode() {
  Options options;
  options.self = Identity{Uuid{0, 9}, NodeId{1}, kDisk};
  return options;
}

Restored After(uint32_t epoch, uint64_t log_end, uint32_t last_epoch) {
  Restored restored;
  restored.hard_state = {Epoch{epoch}, ReplicaKey{NodeId{1}, kDisk}, NodeId{1}};
  restored.log_end = Offset{log_end};
  if (log_end > 0) restored.epochs = {{Epoch{last_epoch}, Offset{0}}};
  restored.voters = VoterSet({ReplicaKey{NodeId{1}, kDisk}});
  return restored;
}

Restored Empty() {
  Restored restored = After(0, 0, 0);
  restored.hard_state = HardState();
  return restored;
}

TEST(SingleVoter, LeadsANewEpochAfterEveryStart) {
  Quorum quorum(OneNode(), After(4, 10, 4));
  const Effects effects = quorum.Step(Instant{1}, Started{});
  ASSERT_TRUE(effects.hard_state.has_value());
  EXPECT_EQ(effects.hard_state->epoch, Epoch{5});
  EXPECT_EQ(effects.hard_state->voted_for.node, NodeId{1});
  EXPECT_EQ(effects.hard_state->leader, NodeId{1});
  ASSERT_TRUE(effects.append.has_value());
  EXPECT_TRUE(effects.append->leader_change);
  EXPECT_EQ(effects.append->begin, Offset{10});
  EXPECT_EQ(effects.wake_at, kNever);
  EXPECT_EQ(quorum.role(), Role::kLeader);
}

TEST(SingleVoter, HasNoHighWatermarkBeforeItsOwnEntryIsDurable) {
  Quorum quorum(OneNode(), After(4, 10, 4));
  quorum.Step(Instant{1}, Started{});
  EXPECT_FALSE(quorum.high_watermark().has_value());
  EXPECT_FALSE(quorum.Step(Instant{1}, Persisted{Offset{10}}).committed_end.has_value());
  EXPECT_EQ(quorum.Step(Instant{1}, Persisted{Offset{11}}).committed_end, Offset{11});
}

TEST(SingleVoter, CommitsOnlyWhatIsDurable) {
  Quorum quorum(OneNode(), Empty());
  quorum.Step(Instant{1}, Started{});
  const Effects appended = quorum.Step(Instant{1}, Proposed{3});
  EXPECT_EQ(appended.append->commands, 3u);
  EXPECT_FALSE(appended.committed_end.has_value());
  EXPECT_EQ(quorum.Step(Instant{1}, Persisted{Offset{2}}).committed_end, Offset{2});
  EXPECT_EQ(quorum.Step(Instant{1}, Persisted{Offset{4}}).committed_end, Offset{4});
}

TEST(SingleVoter, ConfirmsReadsOnceItsOwnEntryIsCommitted) {
  Quorum quorum(OneNode(), Empty());
  quorum.Step(Instant{1}, Started{});
  EXPECT_TRUE(quorum.Step(Instant{1}, ReadRequested{7}).reads.empty());
  const Effects effects = quorum.Step(Instant{1}, Persisted{Offset{1}});
  ASSERT_EQ(effects.reads.size(), 1u);
  EXPECT_EQ(effects.reads[0].id, 7u);
  EXPECT_EQ(effects.reads[0].read_end, Offset{1});
  EXPECT_EQ(quorum.Step(Instant{1}, ReadRequested{8}).reads.size(), 1u);
}

// Goal: a slow disk of a sole voter costs nothing but time. Method: a day without progress.
TEST(SingleVoter, KeepsLeadingHoweverSlowTheDisk) {
  Quorum quorum(OneNode(), Empty());
  quorum.Step(Instant{1}, Started{});
  quorum.Step(Instant{1}, Proposed{3});
  EXPECT_EQ(quorum.Step(Instant{86'400'000'000'000}, Tick{}).wake_at, kNever);
  EXPECT_EQ(quorum.role(), Role::kLeader);
}

TEST(SingleVoter, RefusesProposalsBeforeItLeads) {
  Quorum quorum(OneNode(), Empty());
  const Effects effects = quorum.Step(Instant{1}, Proposed{2});
  EXPECT_EQ(effects.refused, 2u);
  EXPECT_EQ(effects.refused_why, Refusal::kNotLeader);
  EXPECT_FALSE(effects.append.has_value());
}

TEST(SingleVoterDeathTest, RefusesDurableEndsBehindTheLog) {
  Quorum quorum(OneNode(), Empty());
  quorum.Step(Instant{1}, Started{});
  EXPECT_DEATH(quorum.Step(Instant{1}, Persisted{Offset{7}}), "durable_end");
}

TEST(SingleVoterDeathTest, RefusesALogNewerThanTheHardState) {
  EXPECT_DEATH(Quorum(OneNode(), After(3, 10, 4)), "epoch");
}

}  // namespace
}  // namespace mom::quorum
