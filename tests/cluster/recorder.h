// Recorder: collects the history of a run from all its threads.
#pragma once

#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "tests/cluster/history.h"

namespace mom::cluster {

// Nanoseconds of the clock that all events of a run have.
inline uint64_t NowNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

// Thread-safe.
class Recorder {
 public:
  void Add(Event event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  std::vector<Event> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace mom::cluster
