// Recorder: what a measurement has seen, by kind of request.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "bench/histogram.h"

namespace mom::bench {

enum class Kind : uint8_t { kPublish, kBatch, kReceive, kAck, kRead, kEmpty };
inline constexpr size_t kKinds = 6;
std::string_view KindName(Kind kind);

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

  OfKind& of(Kind kind) { return kinds[static_cast<size_t>(kind)]; }
  uint64_t answers() const;
  void Clear();
};

}  // namespace mom::bench
