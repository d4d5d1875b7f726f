#include "rest/login_gate.h"

#include <algorithm>
#include <utility>

namespace mom::rest {

LoginGate::LoginGate(const LoginLimits& limits)
    : limits_(limits), pairs_(limits.pair), addresses_(limits.address), users_(limits.user) {}

LoginGate::Pair LoginGate::PairOf(const std::string& user, const std::string& address) {
  return {user, address, user + '\n' + address};  // No name has a line break in it.
}

void LoginGate::Enter(const std::string& user, const std::string& address, Instant now, Try attempt) {
  const Pair pair = PairOf(user, address);
  {
    std::unique_lock lock(mutex_);
    const auto found = under_way_.find(pair.key);
    if (found != under_way_.end() && !stopped_ && waiting_ < limits_.waiting_max &&
        found->second.waiting.size() < limits_.waiting_of_pair_max) {
      found->second.waiting.push_back(std::move(attempt));
      ++waiting_;
      return;
    }
    if (found != under_way_.end() || stopped_) {
      lock.unlock();
      return attempt.refuse(Refusal::kBusy, 0);
    }
    under_way_[pair.key].waiting.push_back(std::move(attempt));
    ++waiting_;
  }
  Admit(pair, now);
}

void LoginGate::Leave(const std::string& user, const std::string& address, Instant now, bool matched) {
  const Pair pair = PairOf(user, address);
  {
    std::lock_guard lock(mutex_);
    const auto found = under_way_.find(pair.key);
    if (found == under_way_.end()) return;  // Stopped meanwhile.
    if (matched) {
      TakeBack(pair, found->second.of_known);
      pairs_.Forget(pair.key);
      Remember(pair);
    }
  }
  Admit(pair, now);
}

void LoginGate::Admit(const Pair& pair, Instant now) {
  while (true) {
    Try attempt;
    int64_t wait_ms = 0;
    int64_t delay_ms = 0;
    bool of_known = false;
    {
      std::lock_guard lock(mutex_);
      const auto found = under_way_.find(pair.key);
      if (found == under_way_.end()) return;  // Stopped meanwhile.
      if (found->second.waiting.empty()) {
        under_way_.erase(found);
        return;
      }
      attempt = std::move(found->second.waiting.front());
      found->second.waiting.pop_front();
      --waiting_;
      wait_ms = WaitMs(pair, now);
      if (wait_ms == 0) {
        of_known = found->second.of_known = known_.contains(pair.key);
        if (!of_known && users_.IsSuspect(pair.user, now)) delay_ms = limits_.user_delay_ms;
        Count(pair, of_known, now);
      }
    }
    if (wait_ms > 0) {
      attempt.refuse(Refusal::kLocked, wait_ms);
      continue;
    }
    if (attempt.start(delay_ms)) return;
    std::lock_guard lock(mutex_);
    TakeBack(pair, of_known);
  }
}

int64_t LoginGate::WaitMs(const Pair& pair, Instant now) const {
  const int64_t of_pair = pairs_.WaitMs(pair.key, now);
  return known_.contains(pair.key) ? of_pair : std::max(of_pair, addresses_.WaitMs(pair.address, now));
}

void LoginGate::Count(const Pair& pair, bool of_known, Instant now) {
  pairs_.Count(pair.key, now);
  if (of_known) return;
  addresses_.Count(pair.address, now);
  users_.Count(pair.user, now);
}

void LoginGate::TakeBack(const Pair& pair, bool of_known) {
  pairs_.TakeBack(pair.key);
  if (of_known) return;
  addresses_.TakeBack(pair.address);
  users_.TakeBack(pair.user);
}

void LoginGate::Remember(const Pair& pair) {
  const auto found = known_.find(pair.key);
  if (found != known_.end()) {
    known_by_use_.splice(known_by_use_.end(), known_by_use_, found->second);
    return;
  }
  if (known_.size() >= limits_.known_max && !known_by_use_.empty()) {
    known_.erase(known_by_use_.front());
    known_by_use_.pop_front();
  }
  known_[pair.key] = known_by_use_.insert(known_by_use_.end(), pair.key);
}

void LoginGate::Stop() {
  std::unordered_map<std::string, UnderWay> dropped;  // Destroyed without the lock: a try owns its answer.
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    waiting_ = 0;
    dropped.swap(under_way_);
  }
}

}  // namespace mom::rest
