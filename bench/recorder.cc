#include "bench/recorder.h"

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
}

}  // namespace mom::bench
