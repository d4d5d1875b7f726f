#include "replication/replica/disk_budget.h"

#include <algorithm>
#include <bit>

namespace mom::replication {
namespace {

constexpr uint64_t kMiB = 1u << 20;
// LevelDB stops writes when so many memory tables have become table files that are not merged; merging them
// takes as much again until it is done.
constexpr uint64_t kUnmergedTablesMax = 12;
constexpr uint64_t kTablesAtOnce = 16;  // Of a merge further below.

}  // namespace

DiskBudget BudgetFor(uint64_t capacity, uint64_t free_min) {
  DiskBudget budget{};
  budget.segment_bytes = std::clamp(std::bit_floor(capacity / 64), 8 * kMiB, 64 * kMiB);
  budget.write_buffer_bytes = std::clamp(capacity / 128, kMiB, 64 * kMiB);
  budget.table_bytes = std::clamp(budget.write_buffer_bytes / 8, kMiB, 8 * kMiB);
  budget.reserve_bytes = budget.segment_bytes + budget.write_buffer_bytes;
  // The segment that follows and the one after it; both memory tables; one merge.
  const uint64_t needed = 2 * budget.segment_bytes + (2 + kUnmergedTablesMax) * budget.write_buffer_bytes +
                          kTablesAtOnce * budget.table_bytes;
  budget.free_min_bytes = std::max(free_min, needed);
  return budget;
}

void Use(const DiskBudget& budget, ReplicaOptions* options) {
  options->data.wal.segment_bytes = budget.segment_bytes;
  options->data.wal.reserve_bytes = budget.reserve_bytes;
  options->data.view.write_buffer_bytes = budget.write_buffer_bytes;
  options->data.view.table_bytes = budget.table_bytes;
  options->disk_free_min_bytes = budget.free_min_bytes;
}

}  // namespace mom::replication
