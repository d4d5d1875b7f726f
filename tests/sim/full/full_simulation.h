// Tier 2: histories of whole nodes. docs/simulator.md.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "tests/sim/full/full_oracle.h"

namespace mom::sim {

struct FullReport {
  uint64_t seed = 0;
  uint64_t events = 0;
  uint64_t hash = 0;
  std::string violation;  // Empty: all is well. Else the name of the property stands first.
  int64_t simulated_ns = 0;
  FullCoverage coverage;
};

// `events` with faults, then the cluster is healed and must come to rest.
FullReport RunFullSeed(uint64_t seed, uint64_t events, std::FILE* trace = nullptr);

}  // namespace mom::sim
