// LogClock: the time that a leader gives to its next entry. It follows the wall clock, but never falls and
// never stands still: after the wall clock was set back it goes on from the log's last time, a little slower
// than real time, until the wall clock has caught up. docs/adr/0022-log-time-goes-on.md.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/time.h"

namespace mom::replication {

// A value; used by one thread. The caller brings both clocks: `now` never falls, `wall` may jump.
class LogClock {
 public:
  LogClock(Timestamp last, Instant now) : last_(last), base_(last), since_(now) {}

  // The log ends with an entry of this time now, which somebody else wrote.
  void Follow(Timestamp last, Instant now) {
    last_ = base_ = last;
    since_ = now;
  }
  // What an entry would get.
  Timestamp At(Timestamp wall, Instant now) const {
    constexpr int64_t kSlower = 16;  // By so many parts of one.
    const int64_t passed_ms = (now.ns - since_.ns) / 1'000'000;
    return std::max(wall, AddMs(base_, passed_ms - passed_ms / kSlower));
  }
  // Gives it to one. The base stays while the wall clock is behind, or many entries in one millisecond
  // would stop the clock.
  Timestamp Stamp(Timestamp wall, Instant now) {
    last_ = At(wall, now);
    if (last_ == wall) Follow(wall, now);
    return last_;
  }
  Timestamp last() const { return last_; }  // Of the log's last entry.

 private:
  Timestamp last_;
  Timestamp base_;  // The time that it was at `since_`.
  Instant since_;
};

}  // namespace mom::replication
