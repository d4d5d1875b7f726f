// Tier 2: histories of whole nodes. docs/simulator.md.
#pragma once

#include <cstdint>
#include <cstdio>

#include "tests/sim/full/full_oracle.h"
#include "tests/sim/report.h"

namespace mom::sim {

using FullReport = HistoryReport<FullCoverage>;

// `events` with faults, then the cluster is healed and must come to rest.
FullReport RunFullSeed(uint64_t seed, uint64_t events, std::FILE* trace = nullptr);

}  // namespace mom::sim
