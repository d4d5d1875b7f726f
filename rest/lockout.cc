#include "rest/lockout.h"

#include <algorithm>

namespace mom::rest {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr uint32_t kDoublingsMax = 30;

}  // namespace

int64_t Lockout::WaitMs(const std::string& key, Instant now) const {
  std::lock_guard lock(mutex_);
  const auto found = states_.find(key);
  if (found == states_.end() || found->second.until <= now) return 0;
  return (found->second.until.ns - now.ns + kNsPerMs - 1) / kNsPerMs;
}

void Lockout::Fail(const std::string& key, Instant now) {
  std::lock_guard lock(mutex_);
  auto [found, is_new] = states_.try_emplace(key);
  State& state = found->second;
  if (is_new) {
    state.place = by_age_.insert(by_age_.end(), key);
    if (by_age_.size() > options_.keys_max) {
      states_.erase(by_age_.front());
      by_age_.pop_front();
    }
  } else {
    by_age_.splice(by_age_.end(), by_age_, state.place);
    const int64_t rest_from = std::max(state.last.ns, state.until.ns);
    if (now.ns - rest_from > options_.delay_ms_max * kNsPerMs) state.failures = 0;
  }
  state.last = now;
  ++state.failures;
  if (state.failures <= options_.failures_free) return;
  const uint32_t doublings = std::min(state.failures - options_.failures_free - 1, kDoublingsMax);
  const int64_t delay_ms = std::min(options_.delay_ms << doublings, options_.delay_ms_max);
  state.until = Instant{now.ns + delay_ms * kNsPerMs};
}

void Lockout::Succeed(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto found = states_.find(key);
  if (found == states_.end()) return;
  by_age_.erase(found->second.place);
  states_.erase(found);
}

size_t Lockout::size() const {
  std::lock_guard lock(mutex_);
  return states_.size();
}

}  // namespace mom::rest
