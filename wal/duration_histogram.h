// DurationHistogram: how long something took, each time, for the metrics.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mom::wal {

// What a histogram held at one moment; a value.
struct DurationCounts {
  // Upper bounds in nanoseconds, inclusive; what took longer is in the last count.
  static constexpr std::array<int64_t, 12> kBoundsNs = {50'000,     100'000,     250'000,     500'000,
                                                        1'000'000,  2'500'000,   5'000'000,   10'000'000,
                                                        50'000'000, 100'000'000, 300'000'000, 1'000'000'000};
  std::array<uint64_t, kBoundsNs.size() + 1> counts{};
  uint64_t total_ns = 0;
};

// Thread-safe; costs two additions. The counts of one Read() need not be of one instant.
class DurationHistogram {
 public:
  void Add(int64_t ns) {
    const auto bound =
        std::lower_bound(DurationCounts::kBoundsNs.begin(), DurationCounts::kBoundsNs.end(), ns);
    counts_[static_cast<size_t>(bound - DurationCounts::kBoundsNs.begin())].fetch_add(
        1, std::memory_order_relaxed);
    total_ns_.fetch_add(static_cast<uint64_t>(std::max<int64_t>(ns, 0)), std::memory_order_relaxed);
  }
  DurationCounts Read() const {
    DurationCounts read;
    for (size_t i = 0; i < counts_.size(); ++i) read.counts[i] = counts_[i].load(std::memory_order_relaxed);
    read.total_ns = total_ns_.load(std::memory_order_relaxed);
    return read;
  }

 private:
  std::array<std::atomic<uint64_t>, DurationCounts::kBoundsNs.size() + 1> counts_{};
  std::atomic<uint64_t> total_ns_{0};
};

}  // namespace mom::wal
