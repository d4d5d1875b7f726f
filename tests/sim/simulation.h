// Simulation: one history of one seed, from the first event to the verdict.
#pragma once

#include <cstdint>
#include <cstdio>

#include "tests/sim/coverage.h"
#include "tests/sim/plan.h"
#include "tests/sim/report.h"

namespace mom::sim {

struct RunOptions {
  uint64_t events = 20'000;    // With faults; then the cluster is healed and has to come to rest.
  std::FILE* trace = nullptr;  // Where to print what happens.
  FaultSet without = 0;        // Faults that the seed's plan has and this history has not.
};

using Report = HistoryReport<Coverage>;

Report RunSeed(uint64_t seed, const RunOptions& options);

}  // namespace mom::sim
