// EpochTable: which epochs a log consists of. Derived from the entries alone; there is no file of it (P4,
// P5).
#pragma once

#include <optional>
#include <vector>

#include "core/quorum/types.h"

namespace mom::quorum {

// How a fetch position relates to a log.
enum class Position : uint8_t { kMatches, kDiverges, kTooOld };

// Not thread-safe. Invariants: epochs rise strictly; starts rise strictly and lie in [log_start, log_end);
// the floor, the epoch of the entry before log_start, is below the first of them, or equal to it after a
// prefix was dropped inside of an epoch.
class EpochTable {
 public:
  EpochTable() = default;
  // REQUIRES: `epochs` ascending within [log_start, log_end); an entry at log_start unless the log is empty.
  EpochTable(Offset log_start, Epoch floor, Offset log_end, const std::vector<EpochStart>& epochs);

  Offset log_start() const { return log_start_; }
  Offset log_end() const { return log_end_; }
  Epoch last_epoch() const { return epochs_.empty() ? floor_ : epochs_.back().epoch; }
  // Epoch of the entry before `end`. REQUIRES: log_start <= end <= log_end.
  Epoch EpochBefore(Offset end) const;
  // First offset of the newest epoch; log_start when the log is empty.
  Offset last_start() const { return epochs_.empty() ? log_start_ : epochs_.back().start; }
  size_t size() const { return epochs_.size(); }
  const std::vector<EpochStart>& epochs() const { return epochs_; }

  // Largest epoch <= `epoch` with its end; nothing when all epochs known here are larger. The floor counts,
  // with log_start as its end when no entry has its epoch.
  std::optional<EpochEnd> EndFor(Epoch epoch) const;
  // Whether a log that ends at `end` with an entry of `last_epoch` is a prefix of this one. An epoch that is
  // unknown here never matches (P2). `diverging` is what to answer to kDiverges.
  Position Compare(Offset end, Epoch last_epoch, EpochEnd* diverging) const;
  // Where this log is to be cut after the leader's answer `diverging`.
  Offset TruncationPoint(const EpochEnd& diverging) const;

  // REQUIRES: epoch >= last_epoch(), count > 0.
  void Append(Epoch epoch, uint64_t count);
  // REQUIRES: log_start <= to < log_end.
  void TruncateTo(Offset to);
  // REQUIRES: log_start <= to <= log_end.
  void DropPrefix(Offset to);
  // Empties the log: it starts and ends at `end`.
  void Reset(Offset end, Epoch floor);

 private:
  Offset log_start_;
  Offset log_end_;
  Epoch floor_;  // Of the entry before log_start; 0 when log_start is 0.
  std::vector<EpochStart> epochs_;
};

}  // namespace mom::quorum
