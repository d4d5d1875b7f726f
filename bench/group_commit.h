// The ceiling of any log: records written in batches into a preallocated file, fdatasync after each batch.
#pragma once

#include <cstdint>
#include <string>

#include "bench/histogram.h"
#include "core/base/result.h"

namespace mom::bench {

struct GroupCommitOptions {
  std::string directory;
  uint64_t record_bytes = 256;
  uint64_t records_per_sync = 64;
  double seconds = 10;
  uint64_t rate = 0;  // Syncs a second, at fixed times where the disk keeps up; 0: one after the other.
};

struct GroupCommitResult {
  uint64_t records = 0;
  double seconds = 0;
  Histogram sync_ns;  // Of fdatasync alone.
};

// Makes a file in the directory and removes it again.
Result<GroupCommitResult> RunGroupCommit(const GroupCommitOptions& options);

}  // namespace mom::bench
