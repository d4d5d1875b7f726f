// Random: every choice of a simulation comes from here, so that one seed is one history on every machine.
#pragma once

#include <cstdint>

#include "core/base/random.h"

namespace mom::sim {

// Integers only: floating point may differ between machines.
class Random : public SplitMix64 {
 public:
  using SplitMix64::SplitMix64;

  // In [0, n); 0 when n is 0.
  uint64_t Below(uint64_t n) { return static_cast<uint64_t>((static_cast<__uint128_t>(Next()) * n) >> 64); }
  // In [low, high], both included.
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  bool Coin() { return Next() >> 63 != 0; }
  // True in `per_million` of a million cases.
  bool Chance(uint32_t per_million) { return Below(1'000'000) < per_million; }
  // A fault of a plan: 0, which is off, or of a strength in [1, max].
  uint32_t Maybe(uint32_t max) {
    const uint32_t strength = 1 + static_cast<uint32_t>(Below(max));
    return Coin() ? strength : 0;
  }
};

}  // namespace mom::sim
