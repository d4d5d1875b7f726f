// ReplicaOptions: what an AsioReplica is told by who owns it, and how it tells them something.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "replication/replica/data_dir.h"
#include "replication/replica/members.h"
#include "replication/transport/transport.h"

namespace mom::replication {

// Plain value.
struct ReplicaOptions {
  DataDirOptions data;
  uint64_t log_retain_bytes = 4ull << 30;       // Kept for audit and rebuilding; the prefix beyond may go.
  uint64_t disk_free_min_bytes = 256ull << 20;  // Below it publishing is refused.
  uint64_t pending_bytes_max = 48ull << 20;     // Payload proposed and not applied yet.
  uint64_t pending_entries_max = 65536;
  // Of a cluster of several nodes: how they reach each other, and whom to ask for the leader. Not owned; its
  // handler is peer_handler(). Null: alone.
  Transport* transport = nullptr;
  std::vector<NodeId> bootstrap;
  uint32_t fetch_timeout_ms = 2000;
  uint32_t election_timeout_ms = 1000;
  std::string version;  // Of the program, for the other nodes.
  // Nodes hold different states: a line for who operates them. On the replica thread; may be empty.
  std::function<void(const std::string& text)> on_divergence;
  // A snapshot from another node took the place of log and view, up to `end`. On the replica thread; may be
  // empty.
  std::function<void(Offset end)> on_snapshot;
  // A snapshot was not loaded, not handed over, or not put in its place: a line with which one, from or to
  // whom, why, and what comes next. Rare when it repeats itself. Any thread; may be empty.
  std::function<void(const std::string& text)> on_snapshot_error;
  // Another node leads than before, or another epoch began under it; node 0: nobody that is known here. On
  // the replica thread; may be empty.
  std::function<void(NodeId leader, Epoch epoch)> on_leader;
  // Making entries durable took this long: so long that clients notice. On the log's thread; must not block;
  // may be empty.
  std::function<void(int64_t ms)> on_slow_sync;
  // Where nodes are reached, as far as known when it starts; the log may say better later.
  PeerAddresses addresses;
  // Other voters, or other addresses, than before. On the replica thread; may be empty.
  std::function<void(const Members& members)> on_members;
  // The disk is too full to publish, or no more. `lacking`: a file that had to wait for room since; empty
  // when none had. On the replica thread; may be empty.
  std::function<void(bool nearly_full, const std::string& lacking)> on_disk;
  // Called once, on any thread, when the node cannot go on; the process should end.
  std::function<void(const Status& status)> on_failure;
};

}  // namespace mom::replication
