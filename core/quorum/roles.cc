// Transitions between roles. The table with all of them: docs/protocol.md.
#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

// Of a higher epoch everything is unknown but its number: it ends whatever this replica was.
void Quorum::LearnEpoch(Epoch epoch) {
  if (epoch > hard_state_.epoch) BecomeUnattached(epoch);
}

// A peer's word about who leads is only a place to ask: the leader of an epoch is learnt from that leader
// itself, so a wrong hint cannot break I4.
void Quorum::LearnHint(NodeId leader) {
  if (leader == NodeId{} || leader == self_.node) return;
  if (role_ != Role::kUnattached && !(role_ == Role::kFollower && follow_.lost)) return;
  if (follow_.session != SessionId{} && follow_.peer == leader) return;
  follow_.hint = leader;
  if (follow_.session != SessionId{}) DropStream();
  follow_.reopen = std::min(follow_.reopen, now_);
  OpenStreamIfDue();
}

NodeId Quorum::KnownLeader() const {
  if (hard_state_.leader == self_.node && role_ != Role::kLeader) return NodeId{};
  return hard_state_.leader;
}

// Ends what belongs to the role alone. Called with the hard state of the new role already in place.
void Quorum::LeaveRole(Role next) {
  const Role old = std::exchange(role_, next);
  if (old == Role::kLeader) {
    EndAllSessions();
    RefuseReads(Refusal::kNotLeader);
    if (lead_.change_id) effects_->admin.push_back(AdminVerdict{*lead_.change_id, Refusal::kUncertain});
    if (lead_.transfer) EndTransfer(lead_.transfer->handed_over ? Refusal::kNone : Refusal::kUncertain);
    lead_ = Leadership();
  }
  // A search finds its leader: the stream goes on. Else every change of role ends it (S5).
  const bool adopted = old == Role::kUnattached && next == Role::kFollower &&
                       follow_.session != SessionId{} && follow_.peer == hard_state_.leader;
  if (!adopted) DropStream();
  AbortSnapshot();
  follow_.reopen = now_;
  follow_.hint = NodeId{};
  follow_.lost = false;
  follow_.heard = false;
  deadline_ = kNever;
}

// Also within an epoch, after a lost pre-vote without a leader: the vote is kept then.
void Quorum::BecomeUnattached(Epoch epoch) {
  MOM_CHECK(epoch >= hard_state_.epoch && epoch <= kEpochMax, epoch, hard_state_.epoch);
  if (epoch > hard_state_.epoch) hard_state_ = HardState{epoch, ReplicaKey{}, NodeId{}};
  LeaveRole(Role::kUnattached);
  follow_.leader = ReplicaKey{};
  follow_.reopen_attempts = 0;
  SetElectionDeadline();
  OpenStreamIfDue();
}

// `heard` is false until a frame is processed: such a follower may still grant pre-votes, or two followers of
// a dead leader refuse each other for ever (P8).
void Quorum::BecomeFollower(Epoch epoch, const ReplicaKey& leader) {
  MOM_CHECK(epoch >= hard_state_.epoch && leader.node != self_.node, epoch, leader);
  const bool known = epoch == hard_state_.epoch && hard_state_.leader == leader.node;
  MOM_CHECK(known || epoch > hard_state_.epoch || hard_state_.leader == NodeId{}, hard_state_.leader);
  if (epoch > hard_state_.epoch) hard_state_ = HardState{epoch, ReplicaKey{}, NodeId{}};
  hard_state_.leader = leader.node;
  LeaveRole(Role::kFollower);
  if (!known || follow_.leader.empty() || follow_.leader.disk.empty()) follow_.leader = leader;
  if (!known) {
    follow_.quick_attempts = 0;
    follow_.reopen_attempts = 0;
  }
  campaign_.attempts = 0;
  deadline_ = After(options_.fetch_timeout_ns());
  OpenStreamIfDue();
}

// The first entry of every epoch is a LeaderChange, written at once: only with it can entries of older epochs
// be committed, and the end of an epoch is always answerable (thesis 3.6.2, 6.4; I17).
void Quorum::BecomeLeader() {
  MOM_CHECK(role_ == Role::kCandidate);                         // I13.
  MOM_CHECK(hard_state_.voted_for == self_, epoch());           // I2.
  MOM_CHECK(!led_before_ || *led_before_ != epoch(), epoch());  // I3.
  MOM_CHECK(epochs_.last_epoch() < epoch(), epochs_.last_epoch(), epoch());
  hard_state_.leader = self_.node;
  LeaveRole(Role::kLeader);
  campaign_.attempts = 0;
  follow_.reopen = kNever;
  lead_ = Leadership();
  lead_.epoch_start = log_end();
  MatchProgressToVoters();
  AppendAsLeader(true, nullptr, 0);
  RestartCheckQuorum();
  SendBeginEpoch(true);
}

// Durable already: the hard state says who led this epoch, so it is never led again (I3).
void Quorum::Resign() {
  MOM_CHECK(role_ == Role::kLeader);
  std::vector<const Progress*> best;
  for (const Progress& p : lead_.progress) {
    if (p.voter) best.push_back(&p);
  }
  std::stable_sort(best.begin(), best.end(),
                   [](const Progress* a, const Progress* b) { return a->match > b->match; });
  EndEpoch notice{epoch(), {}};
  for (const Progress* p : best) notice.successors.push_back(p->key.node);
  for (const Progress* p : best) Send(p->key.node, notice);
  led_before_ = epoch();
  LeaveRole(Role::kResigned);
  follow_.reopen = kNever;
  SetElectionDeadline();
}

void Quorum::SetElectionDeadline() {
  const int64_t timeout = options_.election_timeout_ns();
  deadline_ = After(timeout + Jitter(timeout));
}

}  // namespace mom::quorum
