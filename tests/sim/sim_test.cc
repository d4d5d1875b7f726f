// A bounded slice of the simulation, and that a seed is one history. The long runs: mom-sim.
#include <gtest/gtest.h>

#include "tests/sim/simulation.h"

namespace mom::sim {
namespace {

// Goal: no property breaks. Method: histories of the first seeds, as mom-sim runs them.
TEST(Simulation, KeepsEveryProperty) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Report report = RunSeed(seed, RunOptions{.events = 10'000});
    EXPECT_EQ(report.violation, "") << "seed " << seed << " event #" << report.events
                                    << "; replay: mom-sim --events 10000 --trace --seed " << seed;
  }
}

// Goal: a voter that was removed without hearing of it finds the leader, although no voter that it knows
// leads and one of them has a new disk. Method: the history that showed it.
TEST(Simulation, RemovedVoterFindsTheLeader) {
  EXPECT_EQ(RunSeed(58001, RunOptions{.events = 20'000}).violation, "");
}

TEST(Simulation, IsTheSameHistoryForTheSameSeed) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Report first = RunSeed(seed, RunOptions{.events = 3'000});
    const Report second = RunSeed(seed, RunOptions{.events = 3'000});
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.events, second.events) << "seed " << seed;
  }
}

TEST(Simulation, IsAnotherHistoryForAnotherSeed) {
  EXPECT_NE(RunSeed(1, RunOptions{.events = 500}).hash, RunSeed(2, RunOptions{.events = 500}).hash);
}

// Goal: printing changes nothing, or a trace would be of another history than the one that failed.
TEST(Simulation, IsTheSameHistoryWhenItIsPrinted) {
  std::FILE* trace = std::tmpfile();
  ASSERT_NE(trace, nullptr);
  const Report printed = RunSeed(3, RunOptions{.events = 1'000, .trace = trace});
  EXPECT_EQ(printed.hash, RunSeed(3, RunOptions{.events = 1'000}).hash);
  EXPECT_GT(std::ftell(trace), 10'000);
  std::fclose(trace);
}

}  // namespace
}  // namespace mom::sim
