// NodeStatus: what a node says of itself to the others, and what a node knows of them.
// Plain values, thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "replication/replica/snapshot_load.h"

namespace mom::replication {

// The state digest of everything below `end`. Only of what is committed and applied, so two nodes that both
// have a mark at `end` must have the same digest there.
struct DigestMark {
  Offset end;
  uint64_t digest = 0;
  auto operator<=>(const DigestMark&) const = default;
};

struct NodeStatus {
  NodeId node;
  std::string role;  // As ReplicaInfo::role.
  Epoch epoch;
  NodeId leader;  // 0: none known.
  Offset log_start, log_end, durable_end, high_watermark;
  DigestMark applied;  // Its applied end and the digest there.
  bool damaged = false;
  bool loading_snapshot = false;
  bool caught_up = false;
  bool disk_nearly_full = false;
  std::optional<SnapshotLoad> snapshot;  // That it loads, or could not load yet.
  std::string version;                   // Of its program; printable.
  std::string rest;                      // HOST:PORT of its REST server; empty until it serves.
  std::vector<DigestMark> marks;         // Ascending, the newest ones.
};

// Another node, as this one knows it by asking.
struct WatchedNode {
  NodeId node;
  std::string address;                      // Where it listens for the others.
  std::optional<NodeStatus> status;         // Its newest answer, without the marks; none yet.
  std::optional<uint64_t> last_contact_ms;  // So long ago it was asked what `status` answers.
  bool diverged = false;                    // Its state is not the one that the log makes.
};

}  // namespace mom::replication
