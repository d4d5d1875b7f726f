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
  kReady,      // There may be something: try, then call Done().
  kLookAgain,  // The queue, the right or the session may be gone: look, and come back to the place if not.
  kTimeout,    // The time is over.
  kStopping,   // The node stops.
};

struct WaitersOptions {
  uint32_t per_user_max = 4096;
  uint32_t per_node_max = 16'384;  // Each costs a connection and some KiB.
};

// Thread-safe. Callbacks run without the lock, on the thread of Offer(), LookAgain...(), Stop() or the timer.
//
// No wake-up is lost if a caller adds its waiter first, then looks into the queue once more and offers what
// it finds; and if whoever was woken ends with Done() and then looks and offers again.
class Waiters {
 public:
  struct Waiter {
    std::string queue;
    std::string user;
    std::string session;
    uint32_t max = 1;  // Messages it would take.
    Instant deadline;  // Of the steady clock.
    std::shared_ptr<const std::atomic<bool>> hung_up;
    std::function<void(Wake, uint64_t place)> resume;  // Called exactly once.
  };

  explicit Waiters(WaitersOptions options);
  ~Waiters();  // Stop().
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  enum class Added { kYes, kUserIsFull, kNodeIsFull, kStopping };
  // `waiter` is untouched unless it was added. `place` of an earlier wake-up puts a waiter back where it
  // stood; 0 is the end of the queue.
  Added Add(Waiter&& waiter, uint64_t place = 0);
  bool HasWaiters(const std::string& queue) const;
  // `ready` messages are there now: wakes as many waiters as could take them, less those who are at it.
  void Offer(const std::string& queue, uint64_t ready);
  // A waiter that was woken with kReady has tried.
  void Done(const std::string& queue, uint32_t max);
  // Those at `queue` that `which` picks get kLookAgain. `which` is called under the lock: pure and quick.
  void LookAgain(const std::string& queue, const std::function<bool(const Waiter&)>& which);
  void LookAgainUnder(const std::string& session);
  void LookAgainAll();
  // Everybody gets kStopping; afterwards Add refuses. Idempotent.
  void Stop();
  size_t size() const;

 private:
  struct Line {
    std::map<uint64_t, Waiter> waiting;  // By place.
    uint64_t taking = 0;                 // Sum of `max` of those woken and not done.
  };
  using Deadline = std::pair<Instant, uint64_t>;  // With the place.
  using Places = std::vector<std::pair<uint64_t, Waiter>>;

  void RunTimer();
  static void Resume(Places* woken, Wake wake);
  // All of these need the lock.
  Waiter Remove(Line* line, std::map<uint64_t, Waiter>::iterator at);
  void DropIfIdle(const std::string& queue);
  void RemoveHungUp(std::vector<Waiter>* gone);
  Added RoomFor(const std::string& user) const;

  const WaitersOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All guarded by mutex_.
  std::unordered_map<std::string, Line> lines_;  // By queue.
  std::map<Deadline, std::string> deadlines_;    // To the queue.
  std::unordered_map<std::string, uint32_t> per_user_;
  std::unordered_map<std::string, std::map<uint64_t, std::string>> per_session_;  // Places, with the queue.
  uint64_t next_place_ = 1;
  bool stopping_ = false;
  std::thread timer_;
};

}  // namespace mom::rest
