#include "replication/replica/applied_waiters.h"

#include <algorithm>
#include <utility>

namespace mom::replication {

bool AppliedWaiters::Add(Offset end, Clock::time_point deadline, Done done) {
  bool applied = false;
  {
    std::lock_guard lock(mutex_);
    applied = end <= end_;
    if (!applied && !is_closed_) {
      waiters_.emplace(end, Waiter{deadline, std::move(done)});
      if (deadline >= expire_at_) return false;
      expire_at_ = deadline;
      return true;
    }
  }
  done(applied);
  return false;
}

void AppliedWaiters::Release(Offset end) {
  std::vector<Done> over;
  {
    std::lock_guard lock(mutex_);
    end_ = std::max(end_, end);
    const auto behind = waiters_.upper_bound(end_);
    for (auto it = waiters_.begin(); it != behind; ++it) over.push_back(std::move(it->second.done));
    waiters_.erase(waiters_.begin(), behind);
  }
  Tell(over, true);
}

AppliedWaiters::Clock::time_point AppliedWaiters::Expire(Clock::time_point now) {
  std::vector<Done> over;
  Clock::time_point next = Clock::time_point::max();
  {
    std::lock_guard lock(mutex_);
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      const bool is_over = it->second.deadline <= now;
      if (is_over) {
        over.push_back(std::move(it->second.done));
      } else {
        next = std::min(next, it->second.deadline);
      }
      it = is_over ? waiters_.erase(it) : std::next(it);
    }
    expire_at_ = next;
  }
  Tell(over, false);
  return next;
}

void AppliedWaiters::Close() {
  std::vector<Done> over;
  {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
    for (auto& [end, waiter] : waiters_) over.push_back(std::move(waiter.done));
    waiters_.clear();
  }
  Tell(over, false);
}

void AppliedWaiters::Tell(const std::vector<Done>& over, bool applied) {
  for (const Done& done : over) done(applied);
}

}  // namespace mom::replication
