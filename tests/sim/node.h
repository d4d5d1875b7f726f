// Node: one replica of the simulated cluster, with its disk, its clock and what its driver remembers. The
// adapter of tier 1: Quorum stands for the whole replica.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/quorum/quorum.h"
#include "tests/sim/disk.h"

namespace mom::sim {

// A node's own time: an offset and a rate against the simulated time. Never goes back within a life.
class Clock {
 public:
  Instant At(int64_t sim_ns) const { return Instant{local_ + (sim_ns - sim_) * rate_ / 1024}; }
  // First simulated time at which the node's clock shows `local` or later.
  int64_t SimTimeOf(Instant local) const { return sim_ + ((local.ns - local_) * 1024 + rate_ - 1) / rate_; }
  void SetRate(int64_t sim_ns, int64_t per_1024) {
    local_ = At(sim_ns).ns;
    sim_ = sim_ns;
    rate_ = per_1024;
  }
  void Jump(int64_t sim_ns, int64_t by_ns) {
    local_ = At(sim_ns).ns + by_ns;
    sim_ = sim_ns;
  }

 private:
  int64_t sim_ = 0;
  int64_t local_ = 0;
  int64_t rate_ = 1024;
};

// A command that this node, as a leader, accepted and has not seen committed.
struct PendingCommand {
  Offset offset;
  uint64_t id = 0;
};

struct PendingRead {
  uint64_t id = 0;
  Offset acknowledged_end;  // Behind every write that was acknowledged when the read was invoked.
};

struct PendingAdmin {
  uint64_t id = 0;
  bool is_change = false;
  std::optional<Offset> offset;  // Of the entry with the voters.
};

// A snapshot that is being fetched.
struct Pull {
  uint64_t number = 0;
  quorum::SnapshotId id;
  NodeId from;
  uint32_t piece = 0;
  uint32_t tries = 0;
};

struct Node {
  Node(uint8_t index_, Uuid disk_id, uint16_t voters) : index(index_), disk(new Disk(disk_id, voters)) {}

  const uint8_t index;
  std::unique_ptr<Disk> disk;
  std::optional<quorum::Quorum> core;  // Empty while it is down.
  uint32_t life = 0;                   // Of the process; the next start takes a new one.
  uint64_t starts = 0;
  Clock clock;
  Instant last_now;
  int64_t wake_event_at = INT64_MAX;  // The one event kWake that counts.

  // The driver's memory; gone with the process.
  bool syncing = false;
  Offset applied;
  uint64_t digest = 0;
  std::optional<Pull> pull;
  std::optional<Snapshot> downloaded;
  bool installing = false;
  bool making_snapshot = false;
  std::vector<uint64_t> waiting;  // Commands of the proposal in this step.
  std::deque<PendingCommand> commands;
  std::vector<PendingRead> reads;
  std::vector<PendingAdmin> admin;
  bool leads = false;  // After the newest step.
  Offset leader_hw;    // Compared with the disks up to here.
  Epoch leader_hw_epoch;

  // The nemesis' doing.
  int64_t paused_until = 0;
  int64_t slow_until = 0;
  int64_t full_until = 0;
  bool restart_planned = false;
  bool kept_down = false;  // To the end of the run.

  NodeId id() const { return NodeId{index + 1u}; }
  quorum::ReplicaKey key() const { return quorum::ReplicaKey{id(), disk->id()}; }
  bool is_up() const { return core.has_value(); }
};

}  // namespace mom::sim
