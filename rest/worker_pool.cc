#include "rest/worker_pool.h"

#include <utility>

#include "wal/this_thread.h"

namespace mom::rest {

WorkerPool::WorkerPool(const char* name, int threads, size_t waiting_max) : waiting_max_(waiting_max) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      wal::NameThisThread(name);
      Run();
    });
  }
}

WorkerPool::~WorkerPool() {
  Stop();
}

bool WorkerPool::Submit(std::function<void()>&& task, int64_t delay_ms) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || (delay_ms > 0 ? delayed_.size() : tasks_.size()) >= waiting_max_) return false;
    if (delay_ms > 0) {
      delayed_.emplace(Clock::now() + std::chrono::milliseconds(delay_ms), std::move(task));
    } else {
      tasks_.push_back(std::move(task));
    }
  }
  wake_.notify_one();
  return true;
}

void WorkerPool::Stop() {
  std::deque<std::function<void()>> dropped;  // Destroyed without the lock: a task may own an answer.
  std::multimap<Clock::time_point, std::function<void()>> dropped_delayed;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
    dropped_delayed.swap(delayed_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

size_t WorkerPool::waiting() const {
  std::lock_guard lock(mutex_);
  return tasks_.size();
}

void WorkerPool::QueueWhatIsDue() {
  while (!delayed_.empty() && delayed_.begin()->first <= Clock::now()) {
    tasks_.push_back(std::move(delayed_.begin()->second));
    delayed_.erase(delayed_.begin());
  }
}

void WorkerPool::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (stopping_) return;
    QueueWhatIsDue();
    if (tasks_.empty()) {
      if (delayed_.empty()) {
        wake_.wait(lock);
      } else {
        const auto next = delayed_.begin()->first;  // A copy: another thread may take it meanwhile.
        wake_.wait_until(lock, next);
      }
      continue;
    }
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace mom::rest
