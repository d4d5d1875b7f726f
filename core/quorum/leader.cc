// A leader's proposals and its reasons to stop: no quorum, no disk.
#include <algorithm>

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

void Quorum::On(const Proposed& event) {
  if (event.count == 0) return;
  if (role_ != Role::kLeader || lead_.transfer) {
    effects_->refused = event.count;
    effects_->refused_why = role_ == Role::kLeader ? Refusal::kTransferring : Refusal::kNotLeader;
    return;
  }
  AppendAsLeader(false, nullptr, event.count);
  SendToAll();
}

void Quorum::OnLeaderTick() {
  // Nothing commits without a majority, so going on would only keep clients waiting (P7). The same holds for
  // a disk that takes writes and never finishes them.
  if (now_ >= lead_.check_quorum || now_ >= lead_.disk) return Resign();
  if (lead_.transfer && now_ >= lead_.transfer->deadline) EndTransfer(Refusal::kTimedOut);
  if (now_ >= lead_.begin_epoch) SendBeginEpoch(false);
  for (Progress& p : lead_.progress) {
    if (p.open && now_ >= Instant{p.last_heard.ns + options_.check_quorum_ns()}) EndSession(&p, true);
  }
  SendToAll();
}

// The window starts anew whenever a majority, this leader included if it is a voter, was heard in it.
void Quorum::RestartCheckQuorum() {
  for (Progress& p : lead_.progress) p.in_window = false;
  const bool alone = voters().majority() == (is_voter() ? 1u : 0u);
  lead_.check_quorum = alone ? kNever : After(options_.check_quorum_ns());
}

void Quorum::Contact(Progress* progress) {
  progress->last_heard = now_;
  progress->in_window = true;
  size_t heard = is_voter() ? 1 : 0;
  for (const Progress& p : lead_.progress) heard += p.voter && p.in_window ? 1 : 0;
  if (heard >= voters().majority()) RestartCheckQuorum();
}

// Liveness includes the disk. A sole voter stays: nobody else could lead.
void Quorum::WatchDisk() {
  if (durable_end_ == log_end() || voters().IsSole(self_)) {
    lead_.disk = kNever;
  } else if (lead_.disk == kNever) {
    lead_.disk = After(options_.fetch_timeout_ns());
  }
}

}  // namespace mom::quorum
