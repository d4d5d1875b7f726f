// A few threads and a bounded queue of work, for what must not hold up a REST thread or the replica.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace mom::rest {

// Thread-safe; Stop from one thread only, and not from a task.
class WorkerPool {
 public:
  // `name` is of its threads; see NameThisThread.
  WorkerPool(const char* name, int threads, size_t waiting_max);
  ~WorkerPool();  // Stop().
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when `waiting_max` tasks wait already or the pool stops; `task` is then untouched. With a delay it
  // joins the queue when that is over; those that do not stand in it yet have a bound of the same size, and
  // take no places of others.
  bool Submit(std::function<void()>&& task, int64_t delay_ms = 0);
  // Drops what waits, finishes what runs. Idempotent.
  void Stop();
  size_t waiting() const;

 private:
  using Clock = std::chrono::steady_clock;
  void Run();
  void QueueWhatIsDue();

  const size_t waiting_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;  // Guarded by mutex_, like the next.
  std::multimap<Clock::time_point, std::function<void()>> delayed_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mom::rest
