// AppliedWaiters: who waits until the view has applied entries up to an end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "core/base/ids.h"

namespace mom::replication {

// Thread-safe. `done` is called once, by whichever function here finds the waiting over, without a lock held;
// it must not block.
class AppliedWaiters {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = std::function<void(bool applied)>;

  // `end`: applied so far.
  explicit AppliedWaiters(Offset end) : end_(end) {}

  // True: Expire must be called at `deadline`; else an earlier call of it is due anyway.
  bool Add(Offset end, Clock::time_point deadline, Done done);
  // Everything below `end` is applied.
  void Release(Offset end);
  // Tells those whose time is over. Gives when to call it next; max(): not until Add says so.
  Clock::time_point Expire(Clock::time_point now);
  // Nothing will be applied any more: tells all, also those to come.
  void Close();

 private:
  struct Waiter {
    Clock::time_point deadline;
    Done done;
  };

  static void Tell(const std::vector<Done>& over, bool applied);

  std::mutex mutex_;  // Guards all below.
  Offset end_;
  bool is_closed_ = false;
  Clock::time_point expire_at_ = Clock::time_point::max();  // When Expire will be called.
  std::multimap<Offset, Waiter> waiters_;                   // By the end they wait for.
};

}  // namespace mom::replication
