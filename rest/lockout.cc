#include "rest/lockout.h"

#include <algorithm>

namespace mom::rest {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr uint32_t kDoublingsMax = 30;

}  // namespace

int64_t Lockout::UntilNs(const State& state) const {
  if (state.failures <= options_.failures_free) return state.last.ns;
  const uint32_t doublings = std::min(state.failures - options_.failures_free - 1, kDoublingsMax);
  return state.last.ns + std::min(options_.delay_ms << doublings, options_.delay_ms_max) * kNsPerMs;
}

int64_t Lockout::WaitMs(const std::string& key, Instant now) const {
  const auto found = states_.find(key);
  if (found == states_.end()) return 0;
  const int64_t until_ns = UntilNs(found->second);
  return until_ns <= now.ns ? 0 : (until_ns - now.ns + kNsPerMs - 1) / kNsPerMs;
}

bool Lockout::IsSuspect(const std::string& key, Instant now) const {
  const auto found = states_.find(key);
  return found != states_.end() && found->second.over_ns > now.ns &&
         found->second.failures > options_.failures_free;
}

void Lockout::Place(const std::string& key, State* state) {
  by_end_.erase({state->over_ns, key});
  state->over_ns = UntilNs(*state) + options_.delay_ms_max * kNsPerMs;
  by_end_.emplace(state->over_ns, key);
}

void Lockout::Count(const std::string& key, Instant now) {
  if (!states_.contains(key) && states_.size() >= options_.keys_max && !by_end_.empty()) {
    states_.erase(by_end_.begin()->second);
    by_end_.erase(by_end_.begin());
  }
  State& state = states_[key];
  if (now.ns > state.over_ns) state.failures = 0;
  ++state.failures;
  state.last = now;
  Place(key, &state);
}

void Lockout::TakeBack(const std::string& key) {
  const auto found = states_.find(key);
  if (found == states_.end()) return;
  if (--found->second.failures == 0) return Forget(key);
  Place(key, &found->second);
}

void Lockout::Forget(const std::string& key) {
  const auto found = states_.find(key);
  if (found == states_.end()) return;
  by_end_.erase({found->second.over_ns, key});
  states_.erase(found);
}

}  // namespace mom::rest
