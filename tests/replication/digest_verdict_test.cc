// Goal: equal states are never called different; different ones always are, and the right node is named.
#include "replication/replica/digest_verdict.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "replication/replica/digest_marks.h"

namespace mom::replication {
namespace {

using Marks = std::vector<DigestMark>;
constexpr NodeId kOne{1}, kTwo{2}, kThree{3}, kNobody{0};

DigestMark At(uint64_t end, uint64_t digest) {
  return DigestMark{Offset{end}, digest};
}

broker::AppliedState StateAt(uint64_t end) {
  return broker::AppliedState{Offset{end}, Epoch{1}, Timestamp{}, 1000 + end};
}

// Applies entries up to `to` in batches of `batch`.
void Apply(DigestMarks* marks, uint64_t from, uint64_t to, uint64_t batch) {
  for (uint64_t end = from + 1; end <= to; ++end) {
    marks->OnEntry(StateAt(end));
    if (end % batch == 0 || end == to) marks->OnBatch(StateAt(end));
  }
}

TEST(DigestMarks, StandWhereOtherNodesHaveThemWhateverTheBatches) {
  DigestMarks by_one, by_many;
  Apply(&by_one, 0, 10'000, 1);
  Apply(&by_many, 0, 10'000, 777);
  const Marks marks = by_one.All();
  EXPECT_EQ(marks, by_many.All());
  EXPECT_TRUE(std::is_sorted(marks.begin(), marks.end()));
  EXPECT_EQ(marks.back(), At(10'000, 11'000));
  EXPECT_EQ(marks.size(), kMarksMax + 2 + 1);  // Fine ones, 4096 and 8192, the newest.
  EXPECT_EQ(CommonMarks(marks, by_many.All()).size(), marks.size());
}

// A node that is far behind finds the coarse ones of a node that is ahead; the rings do not grow.
TEST(DigestMarks, ReachBackAndAreBounded) {
  DigestMarks ahead, behind;
  Apply(&ahead, 0, 300'000, 1024);
  Apply(&behind, 0, 100'000, 1024);
  EXPECT_EQ(ahead.All().size(), 2 * kMarksMax + 1);
  EXPECT_GE(CommonMarks(ahead.All(), behind.All()).size(), 10u);
}

TEST(DigestMarks, OfABatchThatIsNotInTheViewAreNotShown) {
  DigestMarks marks;
  for (uint64_t end = 1; end <= 64; ++end) marks.OnEntry(StateAt(end));
  EXPECT_TRUE(marks.All().empty());
  marks.OnBatch(StateAt(64));
  EXPECT_EQ(marks.All(), (Marks{At(64, 1064)}));  // Once, although it is the newest, too.
}

TEST(DigestMarks, OfAViewThatWasReplacedAreForgotten) {
  DigestMarks marks;
  Apply(&marks, 0, 5000, 100);
  marks.OnEntry(StateAt(5056));
  marks.Reset(StateAt(7000));
  EXPECT_EQ(marks.All(), (Marks{At(7000, 8000)}));
  EXPECT_EQ(marks.newest(), At(7000, 8000));
  marks.Reset(broker::AppliedState());
  EXPECT_TRUE(marks.All().empty());
}

TEST(DigestVerdict, EqualStatesAreEqual) {
  const Marks marks{At(64, 5), At(128, 6)};
  EXPECT_FALSE(Judge({{kOne, marks}, {kTwo, marks}, {kThree, {At(128, 6), At(130, 7)}}}, kOne).differs);
  EXPECT_FALSE(Judge({{kOne, marks}}, kOne).differs);
  EXPECT_FALSE(Judge({}, kNobody).differs);
}

TEST(DigestVerdict, MarksThatDoNotMeetSayNothing) {
  EXPECT_FALSE(Judge({{kOne, {At(64, 5)}}, {kTwo, {At(128, 6)}}, {kThree, {}}}, kOne).differs);
  EXPECT_TRUE(CommonMarks({At(64, 5), At(192, 1)}, {At(128, 6)}).empty());
}

TEST(DigestVerdict, TheMinorityHasDivergedEvenWhenItLeads) {
  const std::vector<DigestOpinion> opinions{{kOne, {At(64, 5)}}, {kTwo, {At(64, 5)}}, {kThree, {At(64, 9)}}};
  for (NodeId leader : {kNobody, kOne, kThree}) {
    const DigestVerdict verdict = Judge(opinions, leader);
    EXPECT_TRUE(verdict.differs);
    EXPECT_EQ(verdict.end, Offset{64});
    EXPECT_EQ(verdict.diverged, (std::set<NodeId>{kThree})) << leader;
  }
}

TEST(DigestVerdict, OfTwoTheOneThatDoesNotLeadHas) {
  const std::vector<DigestOpinion> opinions{{kOne, {At(64, 5)}}, {kTwo, {At(64, 9)}}};
  EXPECT_EQ(Judge(opinions, kOne).diverged, (std::set<NodeId>{kTwo}));
  EXPECT_EQ(Judge(opinions, kTwo).diverged, (std::set<NodeId>{kOne}));
  const DigestVerdict undecided = Judge(opinions, kThree);
  EXPECT_TRUE(undecided.differs);
  EXPECT_TRUE(undecided.diverged.empty());
}

TEST(DigestVerdict, ThreeStatesOfThreeNodesAreTheLeadersToDecide) {
  const std::vector<DigestOpinion> opinions{{kOne, {At(64, 5)}}, {kTwo, {At(64, 9)}}, {kThree, {At(64, 7)}}};
  EXPECT_EQ(Judge(opinions, kTwo).diverged, (std::set<NodeId>{kOne, kThree}));
  EXPECT_TRUE(Judge(opinions, kNobody).diverged.empty());
}

// Goal: the leader's newest mark, which only one other node has reached yet, does not outvote the majority.
TEST(DigestVerdict, TheOffsetThatMostNodesReachedCounts) {
  const DigestVerdict verdict =
      Judge({{kOne, {At(64, 9), At(128, 10)}}, {kTwo, {At(64, 5), At(128, 6)}}, {kThree, {At(64, 5)}}}, kOne);
  EXPECT_EQ(verdict.end, Offset{64});
  EXPECT_EQ(verdict.diverged, (std::set<NodeId>{kOne}));
}

// One that differs only now is not excused by an older offset at which all were equal.
TEST(DigestVerdict, OnlyOffsetsThatDifferCount) {
  const DigestVerdict verdict =
      Judge({{kOne, {At(64, 5), At(128, 6)}}, {kTwo, {At(64, 5), At(128, 9)}}, {kThree, {At(64, 5)}}}, kOne);
  EXPECT_EQ(verdict.end, Offset{128});
  EXPECT_EQ(verdict.diverged, (std::set<NodeId>{kTwo}));
}

}  // namespace
}  // namespace mom::replication
