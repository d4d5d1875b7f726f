// Disk: what a node has written, how much of it is synced, and what a crash leaves. Never lies on its own;
// the nemesis damages it.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/quorum/events.h"
#include "tests/sim/packet.h"
#include "tests/sim/random.h"

namespace mom::sim {

// Voter sets by number, so that a record stays small.
class VoterTable {
 public:
  uint16_t IndexOf(const quorum::VoterSet& voters);
  const quorum::VoterSet& operator[](uint16_t index) const { return sets_[index]; }

 private:
  std::vector<quorum::VoterSet> sets_;
};

// Not thread-safe.
class Disk {
 public:
  Disk(Uuid id, uint16_t voters) : id_(id), start_voters_(voters) {}

  Uuid id() const { return id_; }
  Offset start() const { return start_; }
  Offset end() const { return Offset{start_.value + log_.size()}; }
  Offset synced() const { return synced_; }
  // REQUIRES: start() <= at < end().
  const Record& At(Offset at) const { return log_[at.value - start_.value]; }
  // REQUIRES: start() <= end <= this->end().
  Epoch EpochBefore(Offset end) const {
    return end == start_ ? start_epoch_ : Epoch{log_[end.value - start_.value - 1].epoch};
  }
  uint16_t VotersAt(Offset end) const;
  uint16_t VotersInForce() const { return voters_.empty() ? start_voters_ : voters_.back().second; }
  // Offset of the newest entry with voters; nothing when the set is older than the log.
  std::optional<Offset> NewestVoters() const {
    return voters_.empty() ? std::nullopt : std::optional<Offset>(voters_.back().first);
  }

  void Append(const Record& record);
  void SetSynced(Offset end);
  void TruncateTo(Offset to);
  void DropPrefix(Offset to);
  void InstallSnapshot(const Snapshot& snapshot);
  // Forgets what was not synced, but for a prefix of it when `keep_tail` says so.
  void Crash(Random* random, uint32_t keep_tail);
  // Loses entries that were durable. They are remembered as proof that they once were; `committed`: the
  // cluster's, now.
  void Damage(Offset to, Offset committed);
  // Whether this disk holds the entry durably, or did before it was damaged.
  bool Held(Offset at, const Record& record) const;
  const std::vector<std::pair<Offset, Record>>& lost() const { return lost_; }
  Offset committed_when_lost() const { return committed_when_lost_; }
  quorum::Restored Restore(const VoterTable& table) const;

  // Durable at once, written before anything that depends on them.
  quorum::HardState hard_state;
  bool damaged = false;
  quorum::SessionId last_session;
  std::optional<Snapshot> snapshot;
  // Of the view: end and digest of its newest checkpoint.
  Offset view_end;
  uint64_t view_digest = 0;

 private:
  const Uuid id_;
  Offset start_;
  Epoch start_epoch_;
  uint16_t start_voters_;
  std::vector<Record> log_;
  std::vector<std::pair<Offset, uint16_t>> voters_;  // In the log, ascending.
  Offset synced_;
  std::vector<std::pair<Offset, Record>> lost_;
  Offset committed_when_lost_;
};

}  // namespace mom::sim
