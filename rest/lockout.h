// Lockout: how long somebody has to wait after wrong passwords. Never for good: that would let anybody lock
// anybody out.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/time.h"

namespace mom::rest {

struct LockoutOptions {
  uint32_t failures_free = 4;             // The next one starts the delays.
  int64_t delay_ms = 1000;                // Doubles with each further failure ...
  int64_t delay_ms_max = 15 * 60 * 1000;  // ... up to this; a key this long without failure starts over.
  size_t keys_max = 10'000;               // Then the one that would start over first is forgotten.
};

// Counts failures by key. Not thread-safe. `now` is the caller's monotonic clock.
class Lockout {
 public:
  explicit Lockout(LockoutOptions options) : options_(options) {}

  // Milliseconds until `key` may try again; 0: now.
  int64_t WaitMs(const std::string& key, Instant now) const;
  // More failures than are free, and not long ago.
  bool IsSuspect(const std::string& key, Instant now) const;
  // A failure, or a try that is taken for one until it is known to be none.
  void Count(const std::string& key, Instant now);
  // One that was counted was no failure.
  void TakeBack(const std::string& key);
  void Forget(const std::string& key);
  size_t size() const { return states_.size(); }

 private:
  struct State {
    uint32_t failures = 0;
    Instant last;
    int64_t over_ns = 0;  // When the key starts over: its place in by_end_.
  };
  using States = std::unordered_map<std::string, State>;

  int64_t UntilNs(const State& state) const;  // May not try before.
  void Place(const std::string& key, State* state);

  const LockoutOptions options_;
  States states_;
  // What would start over first goes first, so that nobody gets rid of a long delay by many short ones.
  std::set<std::pair<int64_t, std::string>> by_end_;
};

}  // namespace mom::rest
