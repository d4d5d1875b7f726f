// DigestMarks: state digests at offsets where other nodes have one, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "core/broker/broker.h"
#include "replication/replica/node_status.h"

namespace mom::replication {

// Kept at every end that is a multiple: the coarse ones reach far enough back for nodes that are seconds
// apart under full load, the fine ones let a quiet cluster compare within minutes. Not of batches, whose
// borders differ from node to node.
inline constexpr uint64_t kFineMarkEntries = 64;
inline constexpr uint64_t kCoarseMarkEntries = 4096;
inline constexpr size_t kMarksMax = 64;  // Of each kind.
static_assert(kCoarseMarkEntries % kFineMarkEntries == 0);

// In memory only: after a restart the first mark is where the view stands. OnEntry, OnBatch, Forget and Reset
// belong to the applier's thread, or to who has stopped it; the rest is thread-safe.
class DigestMarks {
 public:
  // The view was opened or replaced. What was marked before says nothing of it.
  void Reset(const broker::AppliedState& state);
  // For every entry: costs a comparison, and a push every kFineMarkEntries.
  void OnEntry(const broker::AppliedState& state) {
    if (state.end.value % kFineMarkEntries == 0) pending_.push_back({state.end, state.digest});
  }
  // What OnEntry was told since the last OnBatch did not happen.
  void Forget() { pending_.clear(); }
  // What OnEntry was told since the last call is in the view, up to `state`.
  void OnBatch(const broker::AppliedState& state);

  // Where the view stands. End and digest belong together, which two separate reads would not promise.
  DigestMark newest() const;
  // Ascending by end; the newest is the last. Empty for an empty view.
  std::vector<DigestMark> All() const;

 private:
  std::vector<DigestMark> pending_;  // Used by the applier's thread only.
  mutable std::mutex mutex_;
  std::deque<DigestMark> fine_;  // Guarded by mutex_, like the next two. Without those that are coarse.
  std::deque<DigestMark> coarse_;
  DigestMark newest_;
};

}  // namespace mom::replication
