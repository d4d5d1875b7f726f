#include "core/quorum/quorum.h"

#include <gtest/gtest.h>

namespace mom::quorum {
namespace {

Restored After(uint32_t epoch, uint64_t log_end, uint32_t last_epoch) {
  return Restored{{Epoch{epoch}, NodeId{1}, NodeId{1}}, Offset{log_end}, Epoch{last_epoch}};
}

TEST(SingleVoter, LeadsANewEpochAfterEveryStart) {
  Quorum quorum(NodeId{1}, After(4, 10, 4));
  const Effects effects = quorum.Step(Started{});
  ASSERT_TRUE(effects.hard_state.has_value());
  EXPECT_EQ(effects.hard_state->epoch, Epoch{5});
  EXPECT_EQ(effects.hard_state->voted_for, NodeId{1});
  ASSERT_TRUE(effects.append.has_value());
  EXPECT_TRUE(effects.append->leader_change);
  EXPECT_EQ(effects.append->begin, Offset{10});
  EXPECT_EQ(quorum.role(), Role::kLeader);
}

TEST(SingleVoter, HasNoHighWatermarkBeforeItsOwnEntryIsDurable) {
  Quorum quorum(NodeId{1}, After(4, 10, 4));
  quorum.Step(Started{});
  EXPECT_FALSE(quorum.high_watermark().has_value());
  EXPECT_FALSE(quorum.Step(Persisted{Offset{10}}).committed_end.has_value());
  EXPECT_EQ(quorum.Step(Persisted{Offset{11}}).committed_end, Offset{11});
}

TEST(SingleVoter, CommitsOnlyWhatIsDurable) {
  Quorum quorum(NodeId{1}, Restored{});
  quorum.Step(Started{});
  const Effects appended = quorum.Step(Proposed{3});
  EXPECT_EQ(appended.append->commands, 3u);
  EXPECT_FALSE(appended.committed_end.has_value());
  EXPECT_EQ(quorum.Step(Persisted{Offset{2}}).committed_end, Offset{2});
  EXPECT_EQ(quorum.Step(Persisted{Offset{4}}).committed_end, Offset{4});
}

TEST(SingleVoter, RefusesProposalsBeforeItLeads) {
  Quorum quorum(NodeId{1}, Restored{});
  const Effects effects = quorum.Step(Proposed{2});
  EXPECT_EQ(effects.refused, 2u);
  EXPECT_FALSE(effects.append.has_value());
}

TEST(SingleVoterDeathTest, RefusesDurableEndsBehindTheLog) {
  Quorum quorum(NodeId{1}, Restored{});
  quorum.Step(Started{});
  EXPECT_DEATH(quorum.Step(Persisted{Offset{7}}), "durable_end");
}

TEST(SingleVoterDeathTest, RefusesALogNewerThanTheHardState) {
  EXPECT_DEATH(Quorum(NodeId{1}, After(3, 10, 4)), "epoch");
}

}  // namespace
}  // namespace mom::quorum
