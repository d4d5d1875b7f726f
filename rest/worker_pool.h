// A few threads and a bounded queue of work, for what must not hold up a REST thread or the replica.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
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

  // False when `waiting_max` tasks wait already or the pool stops; `task` is then untouched.
  bool Submit(std::function<void()>&& task);
  // Drops what waits, finishes what runs. Idempotent.
  void Stop();
  size_t waiting() const;

 private:
  void Run();

  const size_t waiting_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;  // Guarded by mutex_, like the next.
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mom::rest
