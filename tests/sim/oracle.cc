#include "tests/sim/oracle.h"

#include <algorithm>

#include "tests/sim/random.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

uint64_t Extended(uint64_t digest, uint64_t id) {
  return Random::Mix(digest * 31 + id + 1);
}

}  // namespace

uint64_t Oracle::NewId() {
  outcomes_.push_back(Outcome::kWaiting);
  committed_at_.push_back(Offset{UINT64_MAX});
  return outcomes_.size() - 1;
}

void Oracle::OnHardState(const quorum::HardState& old, const quorum::HardState& now, bool damaged) {
  SIM_CHECK(now.epoch >= old.epoch, "I1: an epoch on a disk fell", old.epoch, now.epoch);
  const bool voted = !now.voted_for.empty() && (now.epoch != old.epoch || now.voted_for != old.voted_for);
  SIM_CHECK(!voted || !damaged, "G4: a damaged node votes", now.epoch, now.voted_for);
  if (now.epoch != old.epoch) return;
  SIM_CHECK(old.voted_for.empty() || now.voted_for == old.voted_for, "I2: a second vote on a disk", now.epoch,
            old.voted_for, now.voted_for);
  SIM_CHECK(old.leader == NodeId{} || now.leader == old.leader, "I4: a second leader on a disk", now.epoch,
            old.leader, now.leader);
}

void Oracle::OnSend(const Disk& disk, const quorum::ReplicaKey& sender, const quorum::Message& message) {
  const quorum::HardState& state = disk.hard_state;
  if (const auto* reply = std::get_if<quorum::VoteReply>(&message.body)) {
    if (reply->pre_vote || reply->refusal != quorum::Refusal::kNone) return;
    SIM_CHECK(state.epoch == reply->epoch && state.voted_for.node == message.to,
              "I2: a vote that is not on the disk", reply->epoch, message.to, state.voted_for);
  } else if (const auto* request = std::get_if<quorum::VoteRequest>(&message.body)) {
    if (request->pre_vote) return;
    SIM_CHECK(state.epoch == request->epoch && state.voted_for == sender,
              "I2: stands without its own vote on the disk", request->epoch, sender);
  } else if (const auto* fetch = std::get_if<quorum::FetchRequest>(&message.body)) {
    SIM_CHECK(fetch->durable_end <= disk.synced(), "I7: acknowledges what is not durable", fetch->durable_end,
              disk.synced());
  }
}

void Oracle::OnRepaired(const Disk& disk) const {
  SIM_CHECK(disk.damaged, "G5: repaired, but never damaged", disk.end());
  for (const auto& [at, record] : disk.lost()) {
    if (at >= disk.committed_when_lost() || committed_[at.value].id != record.id) continue;
    SIM_CHECK(at < disk.synced(), "G5: repaired without a committed entry that was lost", at, disk.synced());
  }
}

// One change at a time, and none before an entry of the own epoch is committed: else two majorities that do
// not meet (Ongaro, raft-dev 2015).
void Oracle::OnVotersAppend(Epoch epoch, std::optional<Offset> newest) const {
  SIM_CHECK(!steps_.empty() && steps_.back().epoch >= epoch &&
                CommittedBefore(Next(epoch)) > epochs_[epoch.value].start,
            "G1: changes voters before its epoch has committed", epoch);
  SIM_CHECK(!newest || *newest < committed_end(), "G1: changes voters twice at once", epoch, *newest);
}

Oracle::EpochLog& Oracle::LogOf(Epoch epoch) {
  if (epochs_.size() <= epoch.value) epochs_.resize(epoch.value + 1);
  return epochs_[epoch.value];
}

// Everything that leaders of older epochs committed.
Offset Oracle::CommittedBefore(Epoch epoch) const {
  for (size_t i = steps_.size(); i > 0; --i) {
    if (steps_[i - 1].epoch < epoch) return steps_[i - 1].end;
  }
  return Offset{};
}

void Oracle::OnElected(NodeId leader, Epoch epoch, const Disk& disk) {
  EpochLog& log = LogOf(epoch);
  SIM_CHECK(log.leader == NodeId{}, "G1: two leaders of one epoch", epoch, log.leader, leader);
  log.leader = leader;
  log.start = disk.end();
  log.epoch_before = disk.EpochBefore(disk.end());
  // Leader completeness. A leader of an epoch that is over already needs only what was committed before it.
  const Offset needed = CommittedBefore(epoch);
  SIM_CHECK(disk.end() >= needed, "G4: a leader without committed entries", epoch, leader, disk.end(),
            needed);
  if (needed == Offset{} || needed <= disk.start()) return;
  const Offset last{needed.value - 1};
  SIM_CHECK(disk.At(last).id == committed_[last.value].id, "G4: a leader with another committed entry", epoch,
            leader, last);
}

void Oracle::OnLeaderAppend(NodeId leader, Offset at, const Record& record) {
  EpochLog& log = LogOf(Epoch{record.epoch});
  SIM_CHECK(log.leader == leader, "G1: an entry of an epoch that somebody else leads", record.epoch, leader);
  SIM_CHECK(at == log.start + Count{log.ids.size()}, "G2: a second entry with this offset and epoch", at,
            record.epoch);
  log.ids.push_back(record.id);
}

// By induction over the entries of a log: what precedes an entry is what preceded it at the leader.
void Oracle::OnFollowerAppend(Offset at, const Record& record, Epoch epoch_before) const {
  SIM_CHECK(record.epoch < epochs_.size(), "G2: an entry that no leader wrote", at, record.epoch);
  const EpochLog& log = epochs_[record.epoch];
  SIM_CHECK(at >= log.start && at < log.start + Count{log.ids.size()}, "G2: an entry at another offset", at,
            record.epoch);
  SIM_CHECK(log.ids[at.value - log.start.value] == record.id, "G2: another entry with this offset and epoch",
            at, record.epoch);
  const Epoch expected = at == log.start ? log.epoch_before : Epoch{record.epoch};
  SIM_CHECK(epoch_before == expected, "G3: the entry before this one is not the leader's", at, record.epoch,
            epoch_before, expected);
}

void Oracle::OnTruncate(Offset to, Offset applied) const {
  SIM_CHECK(to >= applied, "I6: truncates what is applied", to, applied);
}

// G5: on the disks of a majority of the voter set in force in the leader's log. What a disk lost by damage
// after it had acknowledged still counts: the claim was right when it was made.
void Oracle::OnHighWatermark(Epoch epoch, const Disk& disk, Offset end) {
  SIM_CHECK(end <= disk.end(), "I5: a high watermark behind the log", end, disk.end());
  SIM_CHECK(end >= CommittedBefore(epoch), "G6: the cluster's high watermark fell", end,
            CommittedBefore(epoch));
  if (end <= disk.start()) return;
  const Offset last{end.value - 1};
  const Record& record = disk.At(last);
  SIM_CHECK(record.epoch == epoch.value, "I9: an entry of an older epoch is committed by counting", last,
            record.epoch, epoch);
  const quorum::VoterSet& voters = (*voter_table_)[disk.VotersInForce()];
  size_t holders = 0;
  for (const quorum::ReplicaKey& voter : voters) {
    const Disk* held = find_disk_(voter);
    if (held != nullptr && held->Held(last, record)) ++holders;
  }
  SIM_CHECK(holders >= voters.size() / 2 + 1, "G5: committed without a durable majority", end, epoch, holders,
            voters);
  Extend(disk, end, epoch);
}

// The first to say that an entry is committed defines it; all others are compared.
void Oracle::Extend(const Disk& disk, Offset end, Epoch epoch) {
  for (Offset at{committed_.size()}; at < end; at = Next(at)) {
    SIM_CHECK(at >= disk.start(), "G3: committed below the start of the log, never seen", at, disk.start());
    const Record& record = disk.At(at);
    SIM_CHECK(committed_at_[record.id].value == UINT64_MAX, "G8: committed twice", record.id, at,
              committed_at_[record.id]);
    SIM_CHECK(outcomes_[record.id] != Outcome::kRefused, "G8: refused, yet committed", record.id, at);
    committed_at_[record.id] = at;
    committed_.push_back(Committed{record.id, record.epoch});
    digests_.push_back(Extended(digests_.empty() ? 0 : digests_.back(), record.id));
  }
  if (steps_.empty() || steps_.back().epoch < epoch) {
    const Offset before = steps_.empty() ? Offset{} : steps_.back().end;
    steps_.push_back(CommitStep{epoch, before});
  }
  // A stale leader may still learn that its entries were committed.
  for (size_t i = steps_.size(); i > 0 && steps_[i - 1].epoch >= epoch; --i) {
    steps_[i - 1].end = std::max(steps_[i - 1].end, end);
  }
}

uint64_t Oracle::OnApply(const Disk& disk, Offset from, Offset to, uint64_t digest) {
  SIM_CHECK(to <= disk.synced(), "I5: applies what is not durable here", to, disk.synced());
  SIM_CHECK(to.value <= committed_.size(), "G5: applies what no leader has committed", to, committed_.size());
  for (Offset at = from; at < to; at = Next(at)) {
    const Record& record = disk.At(at);
    const Committed& expected = committed_[at.value];
    SIM_CHECK(record.id == expected.id && record.epoch == expected.epoch,
              "G3: two logs differ in a committed entry", at, record.epoch, expected.epoch);
    digest = Extended(digest, record.id);
  }
  SIM_CHECK(digest == DigestAt(to), "G7: equal applied ends, different states", to);
  return digest;
}

void Oracle::OnInstall(const Snapshot& snapshot) const {
  SIM_CHECK(snapshot.id.end <= committed_end(), "G4: a snapshot of what is not committed", snapshot.id.end);
  SIM_CHECK(snapshot.digest == DigestAt(snapshot.id.end), "G7: a snapshot of another state", snapshot.id.end);
  if (snapshot.id.end == Offset{}) return;
  SIM_CHECK(committed_[snapshot.id.end.value - 1].epoch == snapshot.id.epoch.value,
            "G3: a snapshot with another epoch", snapshot.id.end, snapshot.id.epoch);
}

uint64_t Oracle::DigestAt(Offset end) const {
  if (end == Offset{}) return 0;
  SIM_CHECK(end.value <= digests_.size(), "G7: a state of what is not committed", end);
  return digests_[end.value - 1];
}

void Oracle::OnAcknowledged(uint64_t id, Offset at) {
  SIM_CHECK(at.value < committed_.size() && committed_[at.value].id == id,
            "G8: acknowledged, but not committed at its offset", id, at);
  SIM_CHECK(outcomes_[id] == Outcome::kWaiting, "G8: two outcomes", id);
  outcomes_[id] = Outcome::kAcknowledged;
  acknowledged_end_ = std::max(acknowledged_end_, Next(at));
  ++acknowledged_;
}

void Oracle::OnRefused(uint64_t id) {
  SIM_CHECK(outcomes_[id] == Outcome::kWaiting, "G8: two outcomes", id);
  SIM_CHECK(committed_at_[id].value == UINT64_MAX, "G8: committed, yet refused", id);
  outcomes_[id] = Outcome::kRefused;
}

void Oracle::OnUnknown(uint64_t id) {
  SIM_CHECK(outcomes_[id] == Outcome::kWaiting, "G8: two outcomes", id);
  outcomes_[id] = Outcome::kUnknown;
}

void Oracle::OnReadConfirmed(Offset read_end, Offset acknowledged_end) const {
  SIM_CHECK(read_end >= acknowledged_end, "G8: a linearizable read misses an acknowledged write", read_end,
            acknowledged_end);
  SIM_CHECK(read_end <= committed_end(), "G8: a read of what is not committed", read_end, committed_end());
}

void Oracle::OnChangeCommitted(Offset at) const {
  SIM_CHECK(at < committed_end(), "G8: a voter change is reported, but not committed", at, committed_end());
}

void Oracle::CheckFinal(Offset applied, uint64_t digest) const {
  SIM_CHECK(applied >= acknowledged_end_, "G8: an acknowledged write is gone", applied, acknowledged_end_);
  SIM_CHECK(digest == DigestAt(applied), "G7: states differ in the end", applied);
}

}  // namespace mom::sim
