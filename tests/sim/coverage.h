// Coverage: how often the histories did what they are for. A set of runs that never saw one of these proves
// nothing about it.
#pragma once

#include <cstdint>

namespace mom::sim {

// X(name, is required of every set of runs that is large enough)
#define MOM_SIM_COVERAGE(X)       \
  X(steps, true)                  \
  X(elections, true)              \
  X(leader_changes, true)         \
  X(resignations, true)           \
  X(commits, true)                \
  X(truncations, true)            \
  X(divergences, true)            \
  X(snapshots_offered, true)      \
  X(snapshot_installs, true)      \
  X(prefix_drops, true)           \
  X(voter_changes, true)          \
  X(voter_changes_reverted, true) \
  X(transfers, true)              \
  X(acknowledged, true)           \
  X(refused, true)                \
  X(unknown, true)                \
  X(reads_confirmed, true)        \
  X(crashes, true)                \
  X(aimed_crashes, true)          \
  X(failed_syncs, true)           \
  X(tails_lost, true)             \
  X(tails_kept, true)             \
  X(damages, true)                \
  X(repairs, true)                \
  X(disks_lost, true)             \
  X(partitions, true)             \
  X(pauses, true)                 \
  X(clock_jumps, true)            \
  X(stale_packets, true)          \
  X(duplicates, true)             \
  X(streams_ended, true)          \
  X(lies, true)

struct Coverage {
#define X(name, required) uint64_t name = 0;
  MOM_SIM_COVERAGE(X)
#undef X

  void Add(const Coverage& other) {
#define X(name, required) name += other.name;
    MOM_SIM_COVERAGE(X)
#undef X
  }

  // Calls visit(name, count, required) for each counter.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
#define X(name, required) visit(#name, name, required);
    MOM_SIM_COVERAGE(X)
#undef X
  }
};

}  // namespace mom::sim
