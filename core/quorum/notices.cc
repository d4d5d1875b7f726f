// Begin and end of an epoch, resignation, handing leadership over.
#include <algorithm>

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

// For liveness only: the word by which a pull leader is found (KRaft's BeginQuorumEpoch). It does not reset
// the fetch timer; only frames do.
void Quorum::On(const BeginEpoch& notice, const Identity& from) {
  EpochReply reply{epoch(), KnownLeader(), Refusal::kNone};
  if (notice.epoch < epoch()) {
    reply.refusal = Refusal::kFencedEpoch;
    return Send(from.node, reply);
  }
  LearnEpoch(notice.epoch);
  const NodeId known = hard_state_.leader;
  const bool other_disk =
      known == from.node && !follow_.leader.disk.empty() && follow_.leader.disk != from.disk;
  if ((known != NodeId{} && known != from.node) || other_disk) {
    reply = EpochReply{epoch(), KnownLeader(), Refusal::kInvalid};  // One leader an epoch (I4).
    return Send(from.node, reply);
  }
  if (role_ != Role::kFollower) {
    BecomeFollower(epoch(), from.key());
  } else {
    follow_.leader = from.key();
    // It waits for a stream: no need to sit out a pause.
    if (follow_.session == SessionId{}) follow_.reopen = std::min(follow_.reopen, now_);
    OpenStreamIfDue();
  }
  Send(from.node, EpochReply{epoch(), KnownLeader(), Refusal::kNone});
}

// The first successor stands at once, the others later and later, so that they do not split the votes.
void Quorum::On(const EndEpoch& notice, const Identity& from) {
  EpochReply reply{epoch(), KnownLeader(), Refusal::kFencedEpoch};
  if (notice.epoch >= epoch()) {
    LearnEpoch(notice.epoch);
    reply.refusal = Refusal::kNone;
    if (hard_state_.leader != NodeId{} && from.node != hard_state_.leader) reply.refusal = Refusal::kInvalid;
    if (role_ == Role::kFollower && from.node == hard_state_.leader) {
      DropStream();
      follow_.heard = false;
      follow_.reopen = kNever;
      const auto& order = notice.successors;
      const auto place = std::find(order.begin(), order.end(), self_.node) - order.begin();
      const int64_t step = options_.election_timeout_ns() / 8;
      deadline_ = std::min(deadline_, After(step * place + (place > 0 ? Jitter(step) : 0)));
      if (place == 0 && !order.empty() && MayStand()) BecomeProspective(true);
    }
  }
  reply.epoch = epoch();
  reply.leader = KnownLeader();
  Send(from.node, reply);
}

// The leader has stopped taking proposals and this log is complete: no pre-vote is needed (thesis 3.10).
void Quorum::On(const HandOver& notice, const Identity& from) {
  const bool valid = notice.epoch == epoch() && role_ == Role::kFollower && from.node == hard_state_.leader;
  if (!valid || !MayStand()) {
    const Refusal refusal = notice.epoch < epoch() ? Refusal::kFencedEpoch : Refusal::kInvalid;
    return Send(from.node, EpochReply{epoch(), KnownLeader(), refusal});
  }
  BecomeProspective(false);
  BecomeCandidate();
}

void Quorum::On(const EpochReply& reply, const Identity&) {
  if (reply.epoch <= epoch()) return;
  LearnEpoch(reply.epoch);
  LearnHint(reply.leader);
}

void Quorum::On(const ResignAsked&) {
  if (role_ == Role::kLeader && !voters().IsSole(self_)) Resign();
}

void Quorum::SendBeginEpoch(bool all) {
  lead_.begin_epoch = kNever;
  for (const Progress& p : lead_.progress) {
    if (!p.voter) continue;
    lead_.begin_epoch = After(options_.begin_epoch_ns());
    if (all || !p.open) Send(p.key.node, BeginEpoch{epoch()});
  }
}

void Quorum::On(const TransferLeadership& event) {
  Refusal refusal = Refusal::kNone;
  const Progress* best = nullptr;
  for (const Progress& p : lead_.progress) {
    const bool wanted = p.voter && (event.target == NodeId{} || p.key.node == event.target);
    if (wanted && (best == nullptr || p.match > best->match)) best = &p;
  }
  if (role_ != Role::kLeader) {
    refusal = Refusal::kNotLeader;
  } else if (lead_.transfer || lead_.change_id) {
    refusal = Refusal::kBusy;
  } else if (!lead_.high_watermark) {
    refusal = Refusal::kNotReady;
  } else if (best == nullptr) {
    refusal = Refusal::kNoChange;  // No such voter, or the leader itself.
  } else if (!best->open) {
    refusal = Refusal::kNotCaughtUp;
  }
  if (refusal != Refusal::kNone) {
    effects_->admin.push_back(AdminVerdict{event.id, refusal});
    return;
  }
  lead_.transfer = Transfer{event.id, best->key.node, After(options_.election_timeout_ns()), false};
  ContinueTransfer();
}

void Quorum::ContinueTransfer() {
  if (!lead_.transfer || lead_.transfer->handed_over) return;
  for (const Progress& p : lead_.progress) {
    if (!p.voter || p.key.node != lead_.transfer->target || !p.open || p.match != log_end()) continue;
    lead_.transfer->handed_over = true;
    return Send(p.key.node, HandOver{epoch()});
  }
}

void Quorum::EndTransfer(Refusal refusal) {
  effects_->admin.push_back(AdminVerdict{lead_.transfer->id, refusal});
  lead_.transfer.reset();
}

}  // namespace mom::quorum
