// SplitMix64: pseudo-random numbers from a seed, the same on every machine and in every build.
#pragma once

#include <cstdint>

namespace mom {

// Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014. Not for secrets. Seeds of
// simulations, payloads and tests stand for what came of them, so the sequence never changes.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15ull); }

  // One number from one number: a bijection in which each bit depends on all.
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace mom
