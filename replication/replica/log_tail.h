// LogTail: the newest entries of the log in memory, for those who want them soon: followers, the view.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/base/entry.h"

namespace mom::replication {

// Not thread-safe. Contiguous; ends where the log ends.
class LogTail {
 public:
  // An empty tail of a log that ends at `log_end`.
  explicit LogTail(Offset log_end) : end_(log_end) {}

  Offset begin() const { return Offset{end_.value - entries_.size()}; }
  Offset end() const { return end_; }
  uint64_t bytes() const { return bytes_; }  // In memory, about.

  // REQUIRES: entry.offset == end().
  void Append(const Entry& entry);
  // Removes entries at and behind `to`.
  void TruncateTo(Offset to);
  // Forgets entries below `end`, the oldest first, until at most `bytes_max` are left.
  void Trim(Offset end, uint64_t bytes_max);
  // Forgets everything; the log ends at `log_end` now.
  void Reset(Offset log_end);
  // Entries of [from, to), stopping before more than `bytes_max` of payload, but at least one.
  // REQUIRES: begin() <= from < to <= end().
  std::vector<Entry> Slice(Offset from, Offset to, uint64_t bytes_max) const;
  // REQUIRES: begin() <= at < end().
  const Entry& At(Offset at) const { return entries_[at.value - begin().value]; }

 private:
  std::deque<Entry> entries_;
  Offset end_;
  uint64_t bytes_ = 0;
};

}  // namespace mom::replication
