// Oracle: knows what was appended, committed and acknowledged, from the disks and the effects alone, and
// stops the run when a property of the cluster is broken (G1-G8 of docs/protocol.md). Shares no code with
// core/quorum: it looks at records on disks, never at the core's opinion of them, but for the claims it
// checks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/disk.h"

namespace mom::sim {

// What the client that sent a command was told.
enum class Outcome : uint8_t { kWaiting, kAcknowledged, kRefused, kUnknown };

// Not thread-safe.
class Oracle {
 public:
  // Finds the disk of a voter, used or retired; null when there never was one.
  using FindDisk = std::function<const Disk*(const quorum::ReplicaKey&)>;
  Oracle(const VoterTable* voters, FindDisk find_disk)
      : voter_table_(voters), find_disk_(std::move(find_disk)) {}

  // A number for a new record; commands are waiting from now on.
  uint64_t NewId();

  // A vote and an epoch on a disk: the epoch never falls, one vote an epoch, one leader an epoch; none with a
  // hole in the log.
  static void OnHardState(const quorum::HardState& old, const quorum::HardState& now, bool damaged);
  // What a message claims of its sender's disk is true: a vote, the own candidacy, an acknowledgement.
  static void OnSend(const Disk& disk, const quorum::ReplicaKey& sender, const quorum::Message& message);
  // A damaged disk says that it has again whatever was committed of what it lost.
  void OnRepaired(const Disk& disk) const;
  // A leader of `epoch` appends a voter set; the newest before it stands at `newest`.
  void OnVotersAppend(Epoch epoch, std::optional<Offset> newest) const;
  // A node leads `epoch` from now on; `disk` is as before its first entry. G1, G4.
  void OnElected(NodeId leader, Epoch epoch, const Disk& disk);
  // A leader appends `record` of its own epoch at `at`. G2.
  void OnLeaderAppend(NodeId leader, Offset at, const Record& record);
  // Any other node appends. G2 and log matching: same offset and epoch, same entry and same history.
  void OnFollowerAppend(Offset at, const Record& record, Epoch epoch_before) const;
  // Entries at and behind `to` are about to vanish from a disk whose view stands at `applied`.
  void OnTruncate(Offset to, Offset applied) const;
  // The leader of `epoch` claims that everything below `end` is committed. G5, G6.
  void OnHighWatermark(Epoch epoch, const Disk& disk, Offset end);
  // A node applies [from, to) of its disk; returns its new digest. G3, G7.
  uint64_t OnApply(const Disk& disk, Offset from, Offset to, uint64_t digest);
  // A snapshot takes the place of a node's state. G7.
  void OnInstall(const Snapshot& snapshot) const;

  // Outcomes. G8.
  void OnAcknowledged(uint64_t id, Offset at);
  void OnRefused(uint64_t id);
  void OnUnknown(uint64_t id);
  // A read was confirmed at `read_end`; it had to see everything below `acknowledged_end`.
  void OnReadConfirmed(Offset read_end, Offset acknowledged_end) const;
  // A voter change, its entry at `at`, was reported as committed.
  void OnChangeCommitted(Offset at) const;

  // Behind everything that was acknowledged so far.
  Offset acknowledged_end() const { return acknowledged_end_; }
  Offset committed_end() const { return Offset{committed_.size()}; }
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t DigestAt(Offset end) const;
  // At the end of a run: a node that has applied everything has everything that was acknowledged.
  void CheckFinal(Offset applied, uint64_t digest) const;

 private:
  // What a leader wrote in its epoch: entries [start, start + ids.size()).
  struct EpochLog {
    NodeId leader;
    Offset start;
    Epoch epoch_before;  // Of the entry before start.
    std::vector<uint64_t> ids;
  };
  struct Committed {
    uint64_t id = 0;
    uint32_t epoch = 0;
  };
  // Leaders of `epoch` have committed up to `end`; ascending in both.
  struct CommitStep {
    Epoch epoch;
    Offset end;
  };
  EpochLog& LogOf(Epoch epoch);
  Offset CommittedBefore(Epoch epoch) const;
  void Extend(const Disk& disk, Offset end, Epoch epoch);

  const VoterTable* const voter_table_;
  const FindDisk find_disk_;
  std::vector<EpochLog> epochs_;      // By epoch.
  std::vector<Committed> committed_;  // By offset: what every log has to hold.
  std::vector<uint64_t> digests_;     // digests_[n]: of the first n + 1 entries.
  std::vector<CommitStep> steps_;
  std::vector<Outcome> outcomes_{Outcome::kUnknown};  // By id.
  std::vector<Offset> committed_at_{Offset{UINT64_MAX}};
  Offset acknowledged_end_;
  uint64_t acknowledged_ = 0;
};

}  // namespace mom::sim
