// AppendedEntries: batches that were appended to the log and are neither committed nor run yet, for who runs
// them ahead (docs/adr/0018-entries-are-run-ahead.md). They may be truncated again, and others take their
// place.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "core/base/entry.h"

namespace mom::replication {

// A value; used by one thread at a time.
class AppendedEntries {
 public:
  // Contiguous. Those at and behind the first of them were truncated. Left out when too many are waiting:
  // they are run when they are committed.
  void Add(std::vector<Entry> entries);
  // Those below `end` need not be run ahead any more.
  void OnCommitted(Offset end);
  // Whether the oldest batch begins there.
  bool BeginAt(Offset offset) const { return !batches_.empty() && batches_.front().front().offset == offset; }
  // The oldest batch. REQUIRES: there is one.
  std::vector<Entry> Take();

 private:
  std::deque<std::vector<Entry>> batches_;  // Ascending, none of them empty.
};

}  // namespace mom::replication
