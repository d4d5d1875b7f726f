// Simulation: one history of one seed, from the first event to the verdict.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "tests/sim/coverage.h"
#include "tests/sim/plan.h"

namespace mom::sim {

struct RunOptions {
  uint64_t events = 20'000;    // With faults; then the cluster is healed and has to come to rest.
  std::FILE* trace = nullptr;  // Where to print what happens.
  FaultSet without = 0;        // Faults that the seed's plan has and this history has not.
};

struct Report {
  uint64_t seed = 0;
  uint64_t events = 0;
  uint64_t hash = 0;
  std::string violation;  // Empty: all is well. Else the name of the property stands first.
  int64_t simulated_ns = 0;
  Coverage coverage;
};

Report RunSeed(uint64_t seed, const RunOptions& options);

}  // namespace mom::sim
