// Recorder: what a measurement has seen, by kind of request.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/histogram.h"

namespace mom::bench {

enum class Kind : uint8_t { kPublish, kBatch, kReceive, kAck, kRead, kEmpty };
inline constexpr size_t kKinds = 6;
std::string_view KindName(Kind kind);

// One request, for those who look for what made a few slow.
struct Sample {
  int64_t intended_ns = 0;  // Since the recording began; below zero when it started in the warm-up.
  int64_t latency_ns = 0;   // From then on.
  int status = 0;           // 0: no answer.
  Kind kind = Kind::kEmpty;
};

// Not thread-safe.
struct Recorder {
  struct OfKind {
    Histogram latency_ns;   // Of answered requests, from their intended start.
    uint64_t messages = 0;  // Published, delivered or acknowledged by them.
  };

  std::array<OfKind, kKinds> kinds;
  std::map<int, uint64_t> statuses;  // 0: the connection failed.
  double seconds = 0;
  double client_cpu_seconds = 0;
  bool keeps_samples = false;
  std::vector<Sample> samples;  // As answers came, if they are kept.

  OfKind& of(Kind kind) { return kinds[static_cast<size_t>(kind)]; }
  uint64_t answers() const;
  void Clear();
};

// One line a sample, after one that names the columns.
std::string ToCsv(const std::vector<Sample>& samples);

}  // namespace mom::bench
