// VoterHistory: the voter sets of a log. The last one counts from the moment it is appended; truncation
// brings back the one before (I15).
#pragma once

#include <vector>

#include "core/quorum/types.h"

namespace mom::quorum {

// Not thread-safe.
class VoterHistory {
 public:
  VoterHistory() = default;
  // `floor` is in force before the first of `entries`, which ascend.
  VoterHistory(VoterSet floor, std::vector<VotersEntry> entries);

  const VoterSet& current() const { return entries_.empty() ? floor_ : entries_.back().voters; }
  const VoterSet& At(Offset end) const;  // In force behind all entries below `end`.
  // Offset of the entry that holds current(); nothing when it is the floor.
  const VotersEntry* last() const { return entries_.empty() ? nullptr : &entries_.back(); }

  // REQUIRES: behind all others.
  void Append(Offset offset, const VoterSet& voters);
  // Returns whether current() changed.
  bool TruncateTo(Offset to);
  void DropPrefix(Offset to);
  void Reset(const VoterSet& voters);

 private:
  VoterSet floor_;
  std::vector<VotersEntry> entries_;  // Rare, so short.
};

}  // namespace mom::quorum
