// Voter sets and their history in the log.
#include "core/quorum/voter_history.h"

#include <gtest/gtest.h>

namespace mom::quorum {
namespace {

ReplicaKey Key(uint32_t node) {
  return ReplicaKey{NodeId{node}, Uuid{0, node}};
}

TEST(VoterSet, RefusesWhatIsNoSet) {
  EXPECT_FALSE(VoterSet::IsValid({}));
  EXPECT_FALSE(VoterSet::IsValid({Key(1), Key(1)}));
  EXPECT_FALSE(VoterSet::IsValid({Key(1), ReplicaKey{NodeId{1}, Uuid{0, 7}}}));  // Two disks of one node.
  EXPECT_FALSE(VoterSet::IsValid({ReplicaKey{NodeId{1}, Uuid{}}}));
  std::vector<ReplicaKey> many;
  for (uint32_t node = 1; node <= kVotersMax + 1; ++node) many.push_back(Key(node));
  EXPECT_FALSE(VoterSet::IsValid(many));
  many.pop_back();
  EXPECT_TRUE(VoterSet::IsValid(many));
}

TEST(VoterSet, CountsMajorities) {
  const size_t expected[] = {1, 2, 2, 3, 3, 4, 4, 5, 5};
  std::vector<ReplicaKey> keys;
  for (uint32_t node = 1; node <= kVotersMax; ++node) {
    keys.push_back(Key(node));
    EXPECT_EQ(VoterSet(keys).majority(), expected[node - 1]);
  }
}

TEST(VoterHistory, TheLastSetCountsUntilItIsCut) {
  const VoterSet one({Key(1)}), two({Key(1), Key(2)}), three({Key(1), Key(2), Key(3)});
  VoterHistory history(one, {});
  history.Append(Offset{5}, two);
  history.Append(Offset{9}, three);
  EXPECT_EQ(history.current(), three);
  EXPECT_EQ(history.At(Offset{9}), two);
  EXPECT_EQ(history.At(Offset{5}), one);
  EXPECT_FALSE(history.TruncateTo(Offset{10}));
  EXPECT_TRUE(history.TruncateTo(Offset{9}));
  EXPECT_EQ(history.current(), two);
  history.DropPrefix(Offset{6});
  EXPECT_EQ(history.current(), two);
  EXPECT_EQ(history.last(), nullptr);
}

}  // namespace
}  // namespace mom::quorum
