// The epoch table: what it knows after appends, cuts and dropped prefixes, and KRaft's two rules built on it.
#include "core/quorum/epoch_table.h"

#include <gtest/gtest.h>

#include "core/base/random.h"

namespace mom::quorum {
namespace {

// "1 1 2": an entry of epoch 1, another, one of epoch 2.
EpochTable Log(std::initializer_list<uint32_t> epochs) {
  EpochTable table;
  for (uint32_t epoch : epochs) table.Append(Epoch{epoch}, 1);
  return table;
}

Position Compare(const EpochTable& log, uint64_t end, uint32_t last_epoch, EpochEnd* diverging = nullptr) {
  EpochEnd unused;
  return log.Compare(Offset{end}, Epoch{last_epoch}, diverging != nullptr ? diverging : &unused);
}

TEST(EpochTable, KnowsTheEpochBeforeEveryEnd) {
  const EpochTable log = Log({1, 1, 2, 4, 4});
  const uint32_t expected[] = {0, 1, 1, 2, 4, 4};
  for (uint64_t end = 0; end <= 5; ++end) EXPECT_EQ(log.EpochBefore(Offset{end}).value, expected[end]) << end;
  EXPECT_EQ(log.last_start(), Offset{3});
}

TEST(EpochTable, MatchesOnlyAnEqualEpochThatReachesAsFar) {
  const EpochTable log = Log({1, 1, 2, 4, 4});
  EXPECT_EQ(Compare(log, 0, 0), Position::kMatches);
  EXPECT_EQ(Compare(log, 2, 1), Position::kMatches);
  EXPECT_EQ(Compare(log, 5, 4), Position::kMatches);
  EpochEnd diverging;
  EXPECT_EQ(Compare(log, 3, 1, &diverging), Position::kDiverges);  // Epoch 1 ends at 2 here.
  EXPECT_EQ(diverging, (EpochEnd{Epoch{1}, Offset{2}}));
  EXPECT_EQ(Compare(log, 6, 4, &diverging), Position::kDiverges);
  EXPECT_EQ(diverging, (EpochEnd{Epoch{4}, Offset{5}}));
}

// Goal: an epoch that is unknown is never taken for a match (P2). Method: ask with epoch 3, which this log
// skipped, at every end.
TEST(EpochTable, UnknownEpochsDiverge) {
  const EpochTable log = Log({1, 1, 2, 4, 4});
  for (uint64_t end = 1; end <= 9; ++end) {
    EpochEnd diverging;
    EXPECT_EQ(Compare(log, end, 3, &diverging), Position::kDiverges) << end;
    EXPECT_EQ(diverging, (EpochEnd{Epoch{2}, Offset{3}}));
  }
}

// Same mistake as KAFKA-10706: an epoch stays in the table although its entries are gone.
TEST(EpochTable, ForgetsEpochsWhoseEntriesWereCut) {
  EpochTable log = Log({1, 1, 2, 4, 4});
  log.TruncateTo(Offset{3});
  EXPECT_EQ(log.last_epoch(), Epoch{2});
  EXPECT_EQ(log.size(), 2u);
  log.TruncateTo(Offset{2});
  EXPECT_EQ(log.last_epoch(), Epoch{1});
  log.TruncateTo(Offset{0});
  EXPECT_EQ(log.last_epoch(), Epoch{0});
  log.Append(Epoch{5}, 2);
  EXPECT_EQ(log.EndFor(Epoch{9}), (EpochEnd{Epoch{5}, Offset{2}}));
}

TEST(EpochTable, KeepsTheFloorOfADroppedPrefix) {
  EpochTable log = Log({1, 1, 2, 4, 4});
  log.DropPrefix(Offset{3});
  EXPECT_EQ(log.EpochBefore(Offset{3}), Epoch{2});
  EXPECT_EQ(Compare(log, 2, 1), Position::kTooOld);
  EXPECT_EQ(Compare(log, 3, 2), Position::kMatches);
  EXPECT_EQ(Compare(log, 3, 1), Position::kTooOld);  // They part below the log's start.
  EXPECT_EQ(Compare(log, 5, 4), Position::kMatches);
  log.DropPrefix(Offset{4});  // Inside of an epoch.
  EXPECT_EQ(log.last_start(), Offset{4});
  EXPECT_EQ(Compare(log, 4, 4), Position::kMatches);
  EXPECT_EQ(Compare(log, 5, 4), Position::kMatches);
  log.DropPrefix(Offset{5});  // All of it.
  EXPECT_EQ(log.size(), 0u);
  EXPECT_EQ(log.last_epoch(), Epoch{4});
  EXPECT_EQ(Compare(log, 5, 4), Position::kMatches);
}

TEST(EpochTable, ResetStartsBehindASnapshot) {
  EpochTable log = Log({1, 1, 2});
  log.Reset(Offset{40}, Epoch{6});
  EXPECT_EQ(log.log_start(), Offset{40});
  EXPECT_EQ(log.last_epoch(), Epoch{6});
  log.Append(Epoch{6}, 3);
  EXPECT_EQ(log.EpochBefore(Offset{41}), Epoch{6});
}

// Goal: two logs that any history of leaders can leave agree after as many rounds as there are divergent
// epochs, and every round removes something. Method: a random common prefix and random, rising tails.
TEST(EpochTable, TruncationConvergesToTheCommonPrefix) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SplitMix64 random(seed);
    std::vector<uint32_t> common, mine, theirs;
    uint32_t epoch = 1;
    for (uint64_t i = random.Next() % 6; i > 0; --i)
      common.push_back(epoch += static_cast<uint32_t>(random.Next() % 2));
    mine = theirs = common;
    // An epoch belongs to one of the two tails, as it had one leader.
    for (uint32_t e = epoch + 1; e < epoch + 8; ++e) {
      auto& tail = random.Next() % 2 == 0 ? mine : theirs;
      for (uint64_t i = random.Next() % 4; i > 0; --i) tail.push_back(e);
    }
    EpochTable follower, leader;
    for (uint32_t e : mine) follower.Append(Epoch{e}, 1);
    for (uint32_t e : theirs) leader.Append(Epoch{e}, 1);
    size_t rounds = 0;
    EpochEnd diverging;
    while (leader.Compare(follower.log_end(), follower.last_epoch(), &diverging) == Position::kDiverges) {
      const Offset to = follower.TruncationPoint(diverging);
      ASSERT_LT(to, follower.log_end()) << seed;
      follower.TruncateTo(to);
      ASSERT_LE(++rounds, 8u) << seed;
    }
    EXPECT_EQ(follower.log_end().value, common.size()) << seed;
  }
}

TEST(EpochTableDeathTest, RefusesEpochsThatFall) {
  EpochTable log = Log({3});
  EXPECT_DEATH(log.Append(Epoch{2}, 1), "last_epoch");
}

}  // namespace
}  // namespace mom::quorum
