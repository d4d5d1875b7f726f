// Applies a log to views, in batches as a running node does.
#pragma once

#include <chrono>
#include <functional>
#include <ostream>
#include <string>

#include "core/base/result.h"
#include "core/broker/broker.h"
#include "replication/view/leveldb_view.h"
#include "wal/wal.h"

namespace mom::replay {

// Says on `err` every two seconds how far long work is. Not thread-safe.
class Progress {
 public:
  Progress(std::ostream* err, std::string what);
  void Tell(uint64_t done, uint64_t all);

 private:
  std::ostream* const err_;
  const std::string what_;
  std::chrono::steady_clock::time_point last_;
};

// Calls `use` with the entries of [from, end) in order until it is not ok.
Status ForEachEntry(wal::Wal* log, Offset from, Offset end, const std::function<Status(const Entry&)>& use);

// Applies [applied end of `view`, end) and makes it durable. REQUIRES: the log holds these entries.
Result<broker::AppliedState> ApplyLog(wal::Wal* log, Offset end, replication::LevelDbView* view,
                                      Progress* progress);

}  // namespace mom::replay
