#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace mom::bench {
namespace {

// Values below kPerOctave have a bucket each; every octave above is cut into kPerOctave buckets.
constexpr int kOctaveBits = 7;
constexpr uint64_t kPerOctave = 1u << kOctaveBits;
constexpr size_t kBuckets = (64 - kOctaveBits + 1) * kPerOctave;

size_t BucketOf(uint64_t value) {
  if (value < kPerOctave) return value;
  const int shift = static_cast<int>(std::bit_width(value)) - kOctaveBits - 1;
  return (static_cast<size_t>(shift) + 1) * kPerOctave + ((value >> shift) - kPerOctave);
}

uint64_t UpperBoundOf(size_t bucket) {
  if (bucket < kPerOctave) return bucket;
  const size_t shift = bucket / kPerOctave - 1;
  const uint64_t top = kPerOctave + bucket % kPerOctave;
  return ((top + 1) << shift) - 1;  // Wraps to the largest value for the last bucket.
}

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

void Histogram::Record(uint64_t value) {
  ++buckets_[BucketOf(value)];
  ++count_;
  max_ = std::max(max_, value);
}

uint64_t Histogram::Percentile(double fraction) const {
  if (count_ == 0) return 0;
  const auto rank =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return std::min(UpperBoundOf(bucket), max_);
  }
  return max_;
}

void Histogram::Clear() {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = 0;
  max_ = 0;
}

}  // namespace mom::bench
