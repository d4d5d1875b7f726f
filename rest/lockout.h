// Lockout: how long a name or an address has to wait after wrong passwords. Never for good: that would let
// anybody lock anybody out.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/base/time.h"

namespace mom::rest {

struct LockoutOptions {
  uint32_t failures_free = 4;             // The next one starts the delays.
  int64_t delay_ms = 1000;                // Doubles with each further failure ...
  int64_t delay_ms_max = 15 * 60 * 1000;  // ... up to this; a key this long without failure starts over.
  size_t keys_max = 10'000;               // The one unused for longest is forgotten first.
};

// Thread-safe. `now` is the caller's monotonic clock.
class Lockout {
 public:
  explicit Lockout(LockoutOptions options) : options_(options) {}

  // Milliseconds until `key` may try again; 0: now.
  int64_t WaitMs(const std::string& key, Instant now) const;
  void Fail(const std::string& key, Instant now);
  void Succeed(const std::string& key);
  size_t size() const;

 private:
  struct State {
    uint32_t failures = 0;
    Instant last;   // Failure.
    Instant until;  // May not try before.
    std::list<std::string>::iterator place;
  };

  const LockoutOptions options_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, State> states_;  // Guarded by mutex_, like the next.
  std::list<std::string> by_age_;                  // Keys; the longest unused first.
};

}  // namespace mom::rest
