#include "tests/sim/disk.h"

#include <algorithm>

#include "tests/sim/violation.h"

namespace mom::sim {

uint16_t VoterTable::IndexOf(const quorum::VoterSet& voters) {
  for (size_t i = sets_.size(); i > 0; --i) {
    if (sets_[i - 1] == voters) return static_cast<uint16_t>(i - 1);
  }
  SIM_ASSERT(sets_.size() < UINT16_MAX, sets_.size());
  sets_.push_back(voters);
  return static_cast<uint16_t>(sets_.size() - 1);
}

uint16_t Disk::VotersAt(Offset end) const {
  for (size_t i = voters_.size(); i > 0; --i) {
    if (voters_[i - 1].first < end) return voters_[i - 1].second;
  }
  return start_voters_;
}

void Disk::Append(const Record& record) {
  if (record.kind == EntryKind::kVoters) voters_.emplace_back(end(), record.voters);
  log_.push_back(record);
}

void Disk::SetSynced(Offset end_synced) {
  synced_ = std::max(synced_, std::min(end_synced, end()));
}

void Disk::TruncateTo(Offset to) {
  SIM_ASSERT(start_ <= to && to <= end(), start_, to, end());
  log_.resize(to.value - start_.value);
  while (!voters_.empty() && voters_.back().first >= to) voters_.pop_back();
  synced_ = std::min(synced_, to);
}

void Disk::DropPrefix(Offset to) {
  SIM_ASSERT(start_ <= to && to <= synced_, start_, to, synced_);
  start_epoch_ = EpochBefore(to);
  start_voters_ = VotersAt(to);
  log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(to.value - start_.value));
  std::erase_if(voters_, [to](const auto& entry) { return entry.first < to; });
  start_ = to;
  if (snapshot && snapshot->id.end < start_) snapshot.reset();
}

void Disk::InstallSnapshot(const Snapshot& installed) {
  log_.clear();
  voters_.clear();
  start_ = synced_ = view_end = installed.id.end;
  start_epoch_ = installed.id.epoch;
  start_voters_ = installed.voters;
  view_digest = installed.digest;
  snapshot.reset();
}

void Disk::Crash(Random* random, uint32_t keep_tail) {
  uint64_t kept = 0;
  if (random->Chance(keep_tail)) kept = random->Below((end() - synced_).value + 1);
  TruncateTo(synced_ + Count{kept});
  synced_ = end();
}

void Disk::Damage(Offset to, Offset committed) {
  for (Offset at = to; at < synced_; at = Next(at)) lost_.emplace_back(at, At(at));
  TruncateTo(to);
  damaged = true;
  committed_when_lost_ = committed;
}

bool Disk::Held(Offset at, const Record& record) const {
  if (at < start_) return true;  // Below a prefix that was dropped or replaced by a snapshot: committed.
  if (at < synced_ && At(at).id == record.id) return true;
  for (const auto& [offset, lost] : lost_) {
    if (offset == at && lost.id == record.id) return true;
  }
  return false;
}

quorum::Restored Disk::Restore(const VoterTable& table) const {
  quorum::Restored restored;
  restored.hard_state = hard_state;
  restored.log_start = start_;
  restored.log_start_epoch = start_epoch_;
  restored.log_end = end();
  uint32_t last = 0;
  for (size_t i = 0; i < log_.size(); ++i) {
    if (i == 0 || log_[i].epoch != last) {
      restored.epochs.push_back({Epoch{log_[i].epoch}, Offset{start_.value + i}});
    }
    last = log_[i].epoch;
  }
  restored.voters = table[start_voters_];
  for (const auto& [offset, voters] : voters_) restored.voter_entries.push_back({offset, table[voters]});
  restored.committed_end = std::min(view_end, end());
  restored.damaged = damaged;
  restored.last_session = last_session;
  return restored;
}

}  // namespace mom::sim
