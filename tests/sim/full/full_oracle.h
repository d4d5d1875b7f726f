// FullOracle: what must hold over all replicas and clients, from what they show; knows nothing of how they
// work.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/entry.h"
#include "core/broker/broker.h"
#include "core/broker/view.h"
#include "replication/replica/node_status.h"

namespace mom::sim {

// How often the histories did what they are for.
#define MOM_FULL_COVERAGE(X) \
  X(elections)               \
  X(applied)                 \
  X(applied_ahead)           \
  X(ahead_wasted)            \
  X(digest_marks)            \
  X(clock_entries)           \
  X(timed)                   \
  X(acknowledged)            \
  X(replayed)                \
  X(refused)                 \
  X(uncertain)               \
  X(published)               \
  X(received)                \
  X(barriers)                \
  X(truncations)             \
  X(log_reads)               \
  X(snapshots)               \
  X(installations)           \
  X(prefix_drops)            \
  X(crashes)                 \
  X(stopped_calls)           \
  X(failed_calls)            \
  X(full_disks)              \
  X(damages)                 \
  X(put_aside)               \
  X(repairs)                 \
  X(disks_lost)              \
  X(voter_changes)           \
  X(transfers)               \
  X(partitions)              \
  X(pauses)                  \
  X(clock_jumps)             \
  X(streams_broken)

struct FullCoverage {
#define X(name) uint64_t name = 0;
  MOM_FULL_COVERAGE(X)
#undef X
  void Add(const FullCoverage& other) {
#define X(name) name += other.name;
    MOM_FULL_COVERAGE(X)
#undef X
  }
  // Calls visit(name, count, required) for each counter: all are required of a set of runs.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
#define X(name) visit(#name, name, true);
    MOM_FULL_COVERAGE(X)
#undef X
  }
};

class FullOracle {
 public:
  // A node applied `entry`, which gave `state` (G2, G3, G7).
  void OnApplied(NodeId node, const Entry& entry, const broker::AppliedState& state);
  // What a node would tell the others of its state, now that it has applied something (G7). How many of them
  // another node would have, too.
  size_t OnMarks(NodeId node, const std::vector<replication::DigestMark>& marks) const;
  // A client was told that its command is at `offset` (G8). `payload` is what it sent.
  void OnAcknowledged(Offset offset, Epoch epoch, const std::string& payload);
  // A linearizable read may be served from `end`; `floor` was acknowledged before it began.
  void OnReadConfirmed(Offset end, Offset floor) const;
  // Behind the largest acknowledged offset.
  Offset acknowledged_end() const { return acknowledged_end_; }

  void OnPublished(const std::string& queue, const std::vector<uint64_t>& ids);
  // Ids were taken off a queue by the entry at `offset`.
  void OnReceived(const std::string& queue, Offset offset, const std::vector<uint64_t>& ids);
  // In the end: all that was published was received once, in order, or is still there.
  void CheckMessages(const broker::MemoryView& view) const;
  // Every acknowledged entry is in the applied prefix below `end`.
  void CheckAcknowledged(Offset end) const;

 private:
  struct AppliedEntry {
    Epoch epoch;
    EntryKind kind;
    uint64_t payload_hash;
    uint64_t digest;
  };
  std::vector<AppliedEntry> applied_;                            // By offset.
  std::map<uint64_t, std::pair<Epoch, uint64_t>> acknowledged_;  // Offset to epoch and hash of the payload.
  Offset acknowledged_end_;
  std::map<std::string, std::set<uint64_t>> published_;
  std::map<std::string, std::map<Offset, std::vector<uint64_t>>> received_;
};

}  // namespace mom::sim
