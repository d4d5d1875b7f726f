// Voter changes, one at a time, through the log (thesis 4, KIP-853).
#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

// The new set counts from the moment it is appended; its own majority commits it.
void Quorum::On(const ChangeVoters& event) {
  if (const Refusal refusal = JudgeChange(event); refusal != Refusal::kNone) {
    effects_->admin.push_back(AdminVerdict{event.id, refusal});
    return;
  }
  const VoterSet changed = event.add ? voters().With(event.replica) : voters().Without(event.replica);
  lead_.change_id = event.id;
  AppendAsLeader(false, &changed, 0);
  MatchProgressToVoters();
  RestartCheckQuorum();
  if (lead_.begin_epoch == kNever) SendBeginEpoch(false);
  RaiseHighWatermark();  // A smaller majority may hold more.
  SendToAll();
}

// A leader must have committed an entry of its own epoch first, or two changes of different epochs could
// give two majorities that do not meet (Ongaro, raft-dev 2015).
Refusal Quorum::JudgeChange(const ChangeVoters& event) {
  if (role_ != Role::kLeader) return Refusal::kNotLeader;
  if (!lead_.high_watermark) return Refusal::kNotReady;
  const VotersEntry* last = voters_.last();
  if (lead_.transfer || (last != nullptr && last->offset >= *lead_.high_watermark)) return Refusal::kBusy;
  if (event.replica.empty() || event.replica.disk.empty()) return Refusal::kInvalid;
  if (!event.add) {
    if (!voters().Contains(event.replica)) return Refusal::kNoChange;
    if (voters().size() == 1) return Refusal::kInvalid;
    return IsMajorityInTouch(voters().Without(event.replica)) ? Refusal::kNone : Refusal::kNotCaughtUp;
  }
  if (voters().Contains(event.replica)) return Refusal::kNoChange;
  if (voters().ContainsNode(event.replica.node)) return Refusal::kInvalid;  // Remove its old disk first.
  if (voters().size() == kVotersMax) return Refusal::kOverloaded;
  const Progress* progress = FindProgress(event.replica);
  const bool close = progress != nullptr && progress->open &&
                     progress->match + Count{options_.catch_up_entries_max} >= log_end();
  return close && IsMajorityInTouch(voters().With(event.replica)) ? Refusal::kNone : Refusal::kNotCaughtUp;
}

// Else the change could never be committed, nor anything behind it.
bool Quorum::IsMajorityInTouch(const VoterSet& changed) const {
  size_t in_touch = changed.Contains(self_) ? 1 : 0;
  for (const Progress& p : lead_.progress) in_touch += p.open && changed.Contains(p.key) ? 1 : 0;
  return in_touch >= changed.majority();
}

void Quorum::OnVotersCommitted() {
  if (!lead_.change_id) return;
  const VotersEntry* last = voters_.last();
  MOM_CHECK(last != nullptr);
  if (last->offset >= *lead_.high_watermark) return;
  effects_->admin.push_back(AdminVerdict{*lead_.change_id, Refusal::kNone});
  lead_.change_id.reset();
}

}  // namespace mom::quorum
