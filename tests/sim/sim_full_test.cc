// A bounded slice of the simulation of whole nodes. The long runs: mom-sim-full.
#include <gtest/gtest.h>

#include "tests/sim/full/full_simulation.h"

namespace mom::sim {
namespace {

// Goal: no property breaks. Method: histories of the first seeds, as mom-sim-full runs them.
TEST(FullSimulation, KeepsEveryProperty) {
  FullCoverage coverage;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const FullReport report = RunFullSeed(seed, 10'000);
    EXPECT_EQ(report.violation, "") << "seed " << seed << " event #" << report.events
                                    << "; replay: mom-sim-full --events 10000 --trace --seed " << seed;
    coverage.Add(report.coverage);
  }
  coverage.ForEach(
      [](const char* name, uint64_t count, bool) { EXPECT_GT(count, 0u) << "vacuous: no " << name; });
}

TEST(FullSimulation, IsTheSameHistoryForTheSameSeed) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const FullReport first = RunFullSeed(seed, 3'000);
    const FullReport second = RunFullSeed(seed, 3'000);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.events, second.events) << "seed " << seed;
  }
}

}  // namespace
}  // namespace mom::sim
