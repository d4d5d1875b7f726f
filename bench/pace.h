// Times as std::chrono has them, from those that options have.
#pragma once

#include <chrono>
#include <cstdint>

namespace mom::bench {

inline std::chrono::steady_clock::duration FromSeconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

// Between two starts at so many a second; zero for a rate of 0, which means no fixed times.
inline std::chrono::steady_clock::duration IntervalOf(uint64_t rate) {
  return rate == 0 ? std::chrono::steady_clock::duration::zero()
                   : FromSeconds(1.0 / static_cast<double>(rate));
}

}  // namespace mom::bench
