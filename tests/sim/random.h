// Random: every choice of a simulation comes from here, so that one seed is one history on every machine.
#pragma once

#include <cstdint>

namespace mom::sim {

// SplitMix64 (Steele, Lea, Flood 2014). Integers only: floating point may differ between machines.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15ull); }
  // In [0, n); 0 when n is 0.
  uint64_t Below(uint64_t n) { return static_cast<uint64_t>((static_cast<__uint128_t>(Next()) * n) >> 64); }
  // In [low, high], both included.
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  bool Coin() { return Next() >> 63 != 0; }
  // True in `per_million` of a million cases.
  bool Chance(uint32_t per_million) { return Below(1'000'000) < per_million; }

  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace mom::sim
