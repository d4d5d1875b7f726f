// DiskBudget: how much a node writes at once, and how much of the disk it keeps free for that.
#pragma once

#include <cstdint>

#include "replication/replica/replica_options.h"

namespace mom::replication {

// For a disk of `capacity` bytes, and at least `free_min` that somebody asked for. Small disks get small
// segments and memory tables, so that what must be kept free is about a seventh of them. See
// docs/adr/0026-room-on-the-disk.md.
struct DiskBudget {
  uint64_t segment_bytes;       // Of the log.
  uint64_t write_buffer_bytes;  // Memory table of the view.
  uint64_t table_bytes;         // Of merged tables.
  uint64_t reserve_bytes;       // Held in a file.
  uint64_t free_min_bytes;      // Below it publishing is refused.
};
DiskBudget BudgetFor(uint64_t capacity, uint64_t free_min);

void Use(const DiskBudget& budget, ReplicaOptions* options);

}  // namespace mom::replication
