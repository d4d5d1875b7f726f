#include "bench/recorder.h"

#include <cstdio>

namespace mom::bench {

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kPublish:
      return "publish";
    case Kind::kBatch:
      return "batch";
    case Kind::kReceive:
      return "receive";
    case Kind::kAck:
      return "ack";
    case Kind::kRead:
      return "read";
    case Kind::kEmpty:
      return "empty";
  }
  return "unknown";
}

uint64_t Recorder::answers() const {
  uint64_t sum = 0;
  for (const OfKind& kind : kinds) sum += kind.latency_ns.count();
  return sum;
}

void Recorder::Clear() {
  for (OfKind& kind : kinds) {
    kind.latency_ns.Clear();
    kind.messages = 0;
  }
  statuses.clear();
  samples.clear();
}

std::string ToCsv(const std::vector<Sample>& samples) {
  std::string csv = "intended_s,latency_us,kind,status\n";
  for (const Sample& sample : samples) {
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, "%.6f,%.1f,", static_cast<double>(sample.intended_ns) / 1e9,
                  static_cast<double>(sample.latency_ns) / 1e3);
    csv.append(numbers).append(KindName(sample.kind)).append(",");
    csv.append(std::to_string(sample.status)).append("\n");
  }
  return csv;
}

}  // namespace mom::bench
