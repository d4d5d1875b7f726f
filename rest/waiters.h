// Waiters: receives that wait for the first message of a queue. First come, first served.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/time.h"

namespace mom::rest {

enum class Wake {
  kReady,     // There may be something: try, then call Done().
  kTimeout,   // The time is over.
  kStopping,  // The node stops.
};

struct WaitersOptions {
  uint32_t per_user_max = 64;
  uint32_t per_node_max = 4096;
};

// Thread-safe. Callbacks run without the lock, on the thread of Offer(), Stop() or the timer.
//
// No wake-up is lost if a caller adds its waiter first, then looks into the queue once more and offers what
// it finds; and if whoever was woken ends with Done() and then looks and offers again.
class Waiters {
 public:
  struct Waiter {
    std::string queue;
    std::string user;
    uint32_t max = 1;  // Messages it would take.
    Instant deadline;  // Of the steady clock.
    std::shared_ptr<const std::atomic<bool>> hung_up;
    std::function<void(Wake, uint64_t place)> resume;  // Called exactly once.
  };

  explicit Waiters(WaitersOptions options);
  ~Waiters();  // Stop().
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  // False, with `waiter` untouched, when the user or the node has too many or the node stops. `place` of an
  // earlier wake-up puts a waiter back where it stood; 0 is the end of the queue.
  bool Add(Waiter&& waiter, uint64_t place = 0);
  bool HasWaiters(const std::string& queue) const;
  // `ready` messages are there now: wakes as many waiters as could take them, less those who are at it.
  void Offer(const std::string& queue, uint64_t ready);
  // A waiter that was woken with kReady has tried.
  void Done(const std::string& queue, uint32_t max);
  // Everybody gets kStopping; afterwards Add refuses. Idempotent.
  void Stop();
  size_t size() const;

 private:
  struct Line {
    std::map<uint64_t, Waiter> waiting;  // By place.
    uint64_t taking = 0;                 // Sum of `max` of those woken and not done.
  };
  using Deadline = std::pair<Instant, uint64_t>;  // With the place.

  void RunTimer();
  // All four need the lock.
  Waiter Remove(Line* line, std::map<uint64_t, Waiter>::iterator at);
  void DropIfIdle(const std::string& queue);
  void RemoveHungUp(std::vector<Waiter>* gone);
  bool IsFull(const std::string& user) const;

  const WaitersOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All guarded by mutex_.
  std::unordered_map<std::string, Line> lines_;  // By queue.
  std::map<Deadline, std::string> deadlines_;    // To the queue.
  std::unordered_map<std::string, uint32_t> per_user_;
  uint64_t next_place_ = 1;
  bool stopping_ = false;
  std::thread timer_;
};

}  // namespace mom::rest
