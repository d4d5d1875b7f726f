// Strong types for the numbers of the product. Different numbers do not mix: adding two offsets or passing
// an epoch for an offset does not compile. All are plain values, thread-compatible, and order as integers.
#pragma once

#include <compare>
#include <cstdint>
#include <ostream>

namespace mom {

// A number of entries.
struct Count {
  uint64_t value = 0;
  auto operator<=>(const Count&) const = default;
};

// Position of an entry in the log. Every *end* in the code base is exclusive. The first entry has offset 0.
struct Offset {
  uint64_t value = 0;
  auto operator<=>(const Offset&) const = default;
};

// Leadership number (Raft: term). Grows by at least one an election; 0 means "before any leader".
struct Epoch {
  uint32_t value = 0;
  auto operator<=>(const Epoch&) const = default;
};

// A node of the cluster as the operator numbers it, 1 to 2^32-1; 0 means none.
struct NodeId {
  uint32_t value = 0;
  auto operator<=>(const NodeId&) const = default;
};

// 128 random bits that name a cluster or a disk (KIP-853's directory id).
struct Uuid {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const Uuid&) const = default;
  bool empty() const { return high == 0 && low == 0; }
};

constexpr Offset operator+(Offset begin, Count n) {
  return Offset{begin.value + n.value};
}
constexpr Count operator-(Offset end, Offset begin) {
  return Count{end.value - begin.value};
}
constexpr Offset Next(Offset offset) {
  return Offset{offset.value + 1};
}
constexpr Epoch Next(Epoch epoch) {
  return Epoch{epoch.value + 1};
}

inline std::ostream& operator<<(std::ostream& out, Count v) {
  return out << v.value;
}
inline std::ostream& operator<<(std::ostream& out, Offset v) {
  return out << v.value;
}
inline std::ostream& operator<<(std::ostream& out, Epoch v) {
  return out << v.value;
}
inline std::ostream& operator<<(std::ostream& out, NodeId v) {
  return out << v.value;
}

}  // namespace mom
