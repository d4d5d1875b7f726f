// Minimise: a history that breaks a property, with as few kinds of faults and as few events as do.
#pragma once

#include <cstdint>

#include "tests/sim/simulation.h"

namespace mom::sim {

struct Minimal {
  RunOptions options;   // How to run it.
  FaultSet faults = 0;  // That are left.
  Report report;        // What it shows: the same property, if perhaps elsewhere.
  int runs = 0;         // That the search took.
};

// REQUIRES: the history of `seed` and `options` has a violation. Each kind of fault goes without which the
// same property still breaks, one after the other until none can go; then the time with faults is shortened.
// As a history is another one without a fault, the result is small, not the smallest.
Minimal Minimise(uint64_t seed, const RunOptions& options);

}  // namespace mom::sim
