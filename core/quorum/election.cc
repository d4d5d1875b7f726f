// Pre-votes, votes, rounds (thesis 3.4 and 9.6, KIP-996).
#include <algorithm>
#include <tuple>

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {
namespace {

void AddOnce(std::vector<NodeId>* nodes, NodeId node) {
  if (std::find(nodes->begin(), nodes->end(), node) == nodes->end()) nodes->push_back(node);
}

}  // namespace

// Any replica is answered, even one that is no voter here: this log may lag behind a voter change (KIP-853).
// The vote is durable before the reply leaves, as hard_state stands before messages in the effects (I2).
void Quorum::On(const VoteRequest& request, const Identity& from) {
  VoteReply reply{epoch(), KnownLeader(), request.pre_vote, request.round, Refusal::kFencedEpoch};
  if (request.epoch >= epoch()) {
    LearnEpoch(request.epoch);
    reply.refusal = request.pre_vote ? JudgePreVote(request) : JudgeVote(request, from.key());
  }
  if (reply.refusal == Refusal::kNone) {
    if (request.pre_vote) {
      YieldTo(request, from.key());
    } else {
      if (role_ != Role::kUnattached) BecomeUnattached(epoch());
      hard_state_.voted_for = from.key();
      SetElectionDeadline();
    }
  }
  reply.epoch = epoch();
  reply.leader = KnownLeader();
  Send(from.node, reply);
}

Refusal Quorum::JudgeVote(const VoteRequest& request, const ReplicaKey& candidate) const {
  if (damaged_) return Refusal::kDamaged;
  if (hard_state_.voted_for == candidate) return Refusal::kNone;  // Asked again.
  if (!hard_state_.voted_for.empty()) return Refusal::kVoted;
  if (hard_state_.leader != NodeId{}) return Refusal::kLeaderAlive;
  return IsLogUpToDate(request.last_epoch, request.log_end) ? Refusal::kNone : Refusal::kLogBehind;
}

// A follower that hears its leader refuses; one that has not heard it yet, or whose stream to it is gone,
// grants (P8, ADR 0005). Nothing durable changes.
Refusal Quorum::JudgePreVote(const VoteRequest& request) const {
  if (damaged_) return Refusal::kDamaged;
  if (role_ == Role::kLeader) return Refusal::kLeaderAlive;
  if (role_ == Role::kFollower && follow_.heard) return Refusal::kLeaderAlive;
  return IsLogUpToDate(request.last_epoch, request.log_end) ? Refusal::kNone : Refusal::kLogBehind;
}

// Thesis 3.6.1. The own end counts even where it is not durable yet: stricter than needed.
bool Quorum::IsLogUpToDate(Epoch last_epoch, Offset end) const {
  return std::tuple(last_epoch, end) >= std::tuple(epochs_.last_epoch(), log_end());
}

// Two that stand at once would split the votes: the one with less of the log, then with the larger node id,
// leaves this round to the other (ADR 0006).
void Quorum::YieldTo(const VoteRequest& request, const ReplicaKey& candidate) {
  if (role_ != Role::kProspective || !voters().Contains(candidate)) return;
  const auto mine = std::tuple(epochs_.last_epoch(), log_end(), candidate.node);
  const auto theirs = std::tuple(request.last_epoch, request.log_end, self_.node);
  if (theirs > mine) campaign_.yielded = true;
}

// A voter, or one that an entry not known to be committed removes: it may hold the only complete log, so it
// must be able to lead until the removal is committed, without counting itself (thesis 4.2.2).
bool Quorum::MayStand() const {
  const VotersEntry* last = voters_.last();
  const bool leaving =
      last != nullptr && last->offset >= high_watermark_ && voters_.At(last->offset).Contains(self_);
  return (is_voter() || leaving) && !damaged_ && !follow_.installing && epoch() < kEpochMax;
}

void Quorum::BecomeProspective(bool ask) {
  MOM_CHECK(MayStand());
  MOM_CHECK(role_ == Role::kUnattached || role_ == Role::kFollower || role_ == Role::kCandidate);
  LeaveRole(Role::kProspective);
  if (ask) StartRound(true);
}

void Quorum::BecomeCandidate() {
  MOM_CHECK(role_ == Role::kProspective);  // I13.
  hard_state_ = HardState{Next(epoch()), self_, NodeId{}};
  follow_.leader = ReplicaKey{};
  LeaveRole(Role::kCandidate);
  StartRound(false);
}

void Quorum::StartRound(bool pre_vote) {
  ++campaign_.round;
  campaign_.granted.clear();
  campaign_.refused.clear();
  campaign_.hint = NodeId{};
  campaign_.yielded = false;
  SetElectionDeadline();
  if (is_voter() && voters().majority() == 1) return pre_vote ? BecomeCandidate() : BecomeLeader();
  const VoteRequest request{epoch(), pre_vote, campaign_.round, epochs_.last_epoch(), log_end()};
  for (const ReplicaKey& voter : voters()) {
    if (voter != self_) Send(voter.node, request);
  }
}

void Quorum::On(const VoteReply& reply, const Identity& from) {
  if (reply.epoch > epoch()) {
    LearnEpoch(reply.epoch);
    return LearnHint(reply.leader);
  }
  if (role_ != (reply.pre_vote ? Role::kProspective : Role::kCandidate)) return;
  if (reply.round != campaign_.round || reply.epoch != epoch()) return;
  if (reply.leader != NodeId{}) campaign_.hint = reply.leader;
  if (!voters().Contains(from.key())) return;
  if (reply.refusal == Refusal::kNone) {
    if (campaign_.yielded) return;
    AddOnce(&campaign_.granted, from.node);
    if (campaign_.granted.size() + (is_voter() ? 1 : 0) < voters().majority()) return;
    return reply.pre_vote ? BecomeCandidate() : BecomeLeader();
  }
  // The leader itself refuses: it is alive, and nobody else may say so.
  const bool is_leader =
      reply.leader == from.node && (hard_state_.leader == from.node || hard_state_.leader == NodeId{});
  if (is_leader) return BecomeFollower(epoch(), from.key());
  AddOnce(&campaign_.refused, from.node);
  if (campaign_.refused.size() + voters().majority() > voters().size()) {
    LoseRound();
    LearnHint(reply.leader);
  }
}

// Pre-vote: back to the known leader, or to waiting. Vote: another round after a pause that doubles.
void Quorum::LoseRound() {
  const int64_t timeout = options_.election_timeout_ns();
  const int64_t pause = std::min(timeout, (timeout / 32) << std::min(campaign_.attempts++, 5u));
  if (role_ == Role::kCandidate) {
    deadline_ = After(pause / 2 + Jitter(pause));
    return;
  }
  MOM_CHECK(role_ == Role::kProspective);
  if (KnownLeader() == NodeId{}) return BecomeUnattached(epoch());
  const ReplicaKey leader =
      follow_.leader.node == KnownLeader() ? follow_.leader : ReplicaKey{KnownLeader(), Uuid{}};
  BecomeFollower(epoch(), leader);
}

void Quorum::OnElectionTimeout() {
  switch (role_) {
    case Role::kFollower:
      if (MayStand()) return BecomeProspective(true);
      follow_.lost = true;  // An observer keeps its role and asks around.
      deadline_ = After(options_.fetch_timeout_ns());
      DropStream();
      follow_.reopen = now_;
      return OpenStreamIfDue();
    case Role::kUnattached:
      if (MayStand()) return BecomeProspective(true);
      SetElectionDeadline();
      follow_.reopen = std::min(follow_.reopen, now_);  // Nobody to ask, so far.
      return OpenStreamIfDue();
    case Role::kProspective:
      // One that was removed without hearing of it may know no voter that leads: then it asks where it was
      // told to, or it would ask for votes for ever (L3).
      LoseRound();
      return LearnHint(campaign_.hint);
    case Role::kCandidate:
      if (MayStand()) return BecomeProspective(true);
      return SetElectionDeadline();
    case Role::kResigned:
      if (epoch() < kEpochMax) return BecomeUnattached(Next(epoch()));
      return SetElectionDeadline();
    case Role::kLeader:
      MOM_CHECK(false);
  }
}

}  // namespace mom::quorum
