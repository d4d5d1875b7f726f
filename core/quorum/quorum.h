// Quorum: the replication protocol as a pure state machine. Events go in, effects come out; whoever drives it
// executes the effects in the order of the fields of Effects, from top to bottom.
//
// This is the protocol for a cluster of one voter: it elects itself, and what is durable here is committed.
// Elections among several nodes, fetching and truncation arrive with the cluster.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace mom::quorum {

enum class Role : uint8_t { kUnattached, kFollower, kProspective, kCandidate, kLeader, kResigned };

// What must be durable before anything that depends on it leaves the node.
struct HardState {
  Epoch epoch;
  NodeId voted_for;  // 0: nobody.
  NodeId leader;     // 0: unknown.
  bool operator==(const HardState&) const = default;
};

// What the log and the hard state held when the process started.
struct Restored {
  HardState hard_state;
  Offset log_end;
  Epoch last_epoch;  // Of the entry before log_end.
};

// The process starts. First event, once.
struct Started {};
// `count` commands wait to be appended.
struct Proposed {
  uint32_t count = 0;
};
// Everything below `durable_end` has been fsynced.
struct Persisted {
  Offset durable_end;
};
using Event = std::variant<Started, Proposed, Persisted>;

// Appends to be made now, from `begin` on, all of `epoch`.
struct Append {
  Offset begin;
  Epoch epoch;
  bool leader_change = false;  // One LeaderChange entry comes first.
  uint32_t commands = 0;       // Then so many of the waiting commands, in their order.
};

struct Effects {
  std::optional<HardState> hard_state;  // Make durable before going on.
  std::optional<Append> append;
  std::optional<Offset> committed_end;  // Rose to this.
  std::optional<Role> role;
  uint32_t refused = 0;  // So many waiting commands are refused: this node does not lead.
};

// Not thread-safe; one instance a group, never a singleton. Holds offsets and epochs, never payloads.
class Quorum {
 public:
  Quorum(NodeId self, const Restored& restored);

  Effects Step(const Event& event);

  Role role() const { return role_; }
  Epoch epoch() const { return hard_state_.epoch; }
  NodeId leader() const { return hard_state_.leader; }
  Offset log_end() const { return log_end_; }
  Offset durable_end() const { return durable_end_; }
  // Empty until an entry of the own epoch is committed (I10).
  std::optional<Offset> high_watermark() const { return high_watermark_; }

 private:
  void On(const Started& event, Effects* effects);
  void On(const Proposed& event, Effects* effects);
  void On(const Persisted& event, Effects* effects);
  void CheckInvariants() const;

  NodeId self_;
  HardState hard_state_;
  Role role_ = Role::kUnattached;
  Epoch last_epoch_;
  Offset log_end_;
  Offset durable_end_;  // Invariant: <= log_end_.
  Offset epoch_start_;  // Where this node's leadership began.
  std::optional<Offset> high_watermark_;
};

}  // namespace mom::quorum
