// Scheduler: what happens next. Events of equal time come in the order in which they were asked for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/time.h"

namespace mom::sim {

// What an event is for; the arguments are the handler's.
enum class What : uint8_t {
  kWake,         // A node asked to be woken.
  kDatagram,     // a: packet.
  kStreamUp,     // a: stream. Towards the leader.
  kStreamDown,   // a: stream.
  kStreamEnded,  // a: session, b: peer. A node learns that a stream is over.
  kFrameRead,    // a: packet with the order. Entries were read from the disk.
  kFrameSent,    // a: session, b: peer, c: end.
  kSynced,       // a: end that the fsync covered.
  kInstalled,    // The snapshot is in place.
  kSnapshotMade,
  kPullRetry,  // a: number of the pull.
  kRestart,    // A stopped node starts.
  kResume,     // A paused node goes on.
  kSubmit,     // Clients do something.
  kFault,      // The nemesis does something.
  kFaultEnds,  // a: which; b: its argument.
};

// A plain value. `life` is that of the node when the event was made; events of earlier lives are void.
struct Event {
  int64_t at = 0;
  uint64_t order = 0;
  uint64_t a = 0;
  uint32_t b = 0;
  uint32_t life = 0;
  What what = What::kWake;
  uint8_t node = 0;
};

// Not thread-safe. A binary heap without a heap allocation an event.
class Scheduler {
 public:
  int64_t now() const { return now_; }
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }

  void At(int64_t at, Event event) {
    event.at = std::max(at, now_);
    event.order = next_order_++;
    heap_.push_back(event);
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  void In(int64_t ns, const Event& event) { At(now_ + std::max<int64_t>(ns, 0), event); }

  // REQUIRES: !empty(). Time moves to the event.
  Event Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const Event event = heap_.back();
    heap_.pop_back();
    now_ = event.at;
    return event;
  }

 private:
  static bool Later(const Event& x, const Event& y) { return x.at != y.at ? x.at > y.at : x.order > y.order; }

  int64_t now_ = 0;
  uint64_t next_order_ = 0;
  std::vector<Event> heap_;
};

}  // namespace mom::sim
