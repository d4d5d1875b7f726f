// Time as data: the core never asks a clock, callers pass these values in.
#pragma once

#include <compare>
#include <cstdint>
#include <ostream>

namespace mom {

// Milliseconds since 1970-01-01 UTC as stamped by a leader into an entry. Never decreases along the log.
struct Timestamp {
  int64_t ms = 0;
  auto operator<=>(const Timestamp&) const = default;
};

// Monotonic time of one process in nanoseconds, from an arbitrary origin; never compared between processes.
struct Instant {
  int64_t ns = 0;
  auto operator<=>(const Instant&) const = default;
};

constexpr Timestamp AddMs(Timestamp t, int64_t ms) {
  return Timestamp{t.ms + ms};
}

inline std::ostream& operator<<(std::ostream& out, Timestamp v) {
  return out << v.ms << "ms";
}
inline std::ostream& operator<<(std::ostream& out, Instant v) {
  return out << v.ns << "ns";
}

}  // namespace mom
