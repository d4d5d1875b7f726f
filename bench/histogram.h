// Histogram: counts of durations in buckets whose width is below 1 % of their value (log-linear, like HDR
// histograms), so that percentiles up to the maximum cost no memory per sample.
#pragma once

#include <cstdint>
#include <vector>

namespace mom::bench {

// Not thread-safe. Values are nanoseconds; the whole range of uint64_t is allowed.
class Histogram {
 public:
  Histogram();

  void Record(uint64_t value);
  // The smallest bucket bound that at least `fraction` of all values do not exceed; 0 when empty.
  // REQUIRES: 0 < fraction <= 1.
  uint64_t Percentile(double fraction) const;
  uint64_t max() const { return max_; }
  uint64_t count() const { return count_; }
  void Clear();

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace mom::bench
