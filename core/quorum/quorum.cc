#include "core/quorum/quorum.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/quorum/invariants.h"

namespace mom::quorum {

Quorum::Quorum(const Options& options, const Restored& restored)
    : options_(options),
      self_(options.self.key()),
      random_(restored.seed),
      hard_state_(restored.hard_state),
      damaged_(restored.damaged),
      epochs_(restored.log_start, restored.log_start_epoch, restored.log_end, restored.epochs),
      durable_end_(restored.log_end),
      voters_(restored.voters, restored.voter_entries),
      high_watermark_(restored.committed_end),
      committed_end_(restored.committed_end) {
  MOM_CHECK(!self_.empty() && !self_.disk.empty());
  MOM_CHECK(options.fetch_timeout_ms >= 8 && options.election_timeout_ms >= 8);
  MOM_CHECK(options.frame_entries_max > 0 && options.frame_entries_max <= kFrameEntriesMax);
  // A log may not know more than the hard state that was made durable before it (I17).
  MOM_CHECK(hard_state_.epoch >= epochs_.last_epoch(), hard_state_.epoch, epochs_.last_epoch());
  MOM_CHECK(hard_state_.epoch <= kEpochMax && log_end() <= kOffsetMax, hard_state_.epoch, log_end());
  MOM_CHECK(log_start() <= committed_end_, log_start(), committed_end_);
  MOM_CHECK(committed_end_ <= log_end(), committed_end_, log_end());
  if (hard_state_.leader == self_.node) led_before_ = hard_state_.epoch;
  follow_.last_session = restored.last_session;
}

Effects Quorum::Step(Instant now, const Event& event) {
  MOM_CHECK(now >= now_ || !started_, now, now_);
  now_ = now;
  const Invariants before(*this);
  Effects effects;
  effects_ = &effects;
  if (const auto* received = std::get_if<Received>(&event)) proposal_follows_ = received->proposal_follows;
  if (const auto* persisted = std::get_if<Persisted>(&event)) proposal_follows_ = persisted->proposal_follows;
  std::visit([&](const auto& e) { On(e); }, event);
  proposal_follows_ = false;
  // A removed leader leads until its removal is committed (KIP-853; thesis 4.2.2).
  if (role_ == Role::kLeader && !is_voter() && lead_.high_watermark) {
    const VotersEntry* removal = voters_.last();
    if (removal == nullptr || removal->offset < *lead_.high_watermark) Resign();
  }
  RaiseCommitted();
  before.Finish(*this, &effects);
  effects.wake_at = NextDeadline();
  effects_ = nullptr;
  return effects;
}

std::optional<Offset> Quorum::high_watermark() const {
  return role_ == Role::kLeader ? lead_.high_watermark : std::optional<Offset>(high_watermark_);
}

// A sole voter needs nobody's answer: it is elected in the next epoch in this very step, as an ex-leader too
// (P12, I3). Among several, an ex-leader waits a round before it stands again.
void Quorum::On(const Started&) {
  MOM_CHECK(!started_);
  started_ = true;
  follow_.reopen = now_;
  if (voters().IsSole(self_) && MayStand()) return BecomeProspective(true);
  if (led_before_) {
    role_ = Role::kResigned;
    return SetElectionDeadline();
  }
  if (hard_state_.leader != NodeId{}) {
    return BecomeFollower(hard_state_.epoch, ReplicaKey{hard_state_.leader, Uuid{}});
  }
  SetElectionDeadline();
  OpenStreamIfDue();
}

void Quorum::On(const Tick&) {
  if (role_ == Role::kLeader) return OnLeaderTick();
  if (now_ >= deadline_) OnElectionTimeout();
  OnFollowerTick();
}

void Quorum::On(const Received& event) {
  const Message& message = event.message;
  const Refusal refusal = Validate(message);
  if (refusal != Refusal::kNone) return RefuseMessage(message, refusal);
  std::visit([&](const auto& body) { On(body, message.from); }, message.body);
}

// The only place where an end becomes durable, so the only source of acknowledgements (I7, I8).
void Quorum::On(const Persisted& event) {
  MOM_CHECK(event.durable_end <= log_end(), event.durable_end, log_end());
  MOM_CHECK(event.durable_end >= durable_end_, event.durable_end, durable_end_);
  if (event.durable_end == durable_end_) return;
  durable_end_ = event.durable_end;
  if (role_ == Role::kLeader) {
    lead_.disk = kNever;
    WatchDisk();
    return RaiseHighWatermark();
  }
  CheckRepaired();
  if (role_ == Role::kFollower && follow_.session != SessionId{}) return Acknowledge();
  OpenStreamIfDue();
}

void Quorum::On(const LogStartMoved& event) {
  MOM_CHECK(event.log_start >= log_start(), event.log_start, log_start());
  MOM_CHECK(event.log_start <= committed_end_, event.log_start, committed_end_);
  epochs_.DropPrefix(event.log_start);
  voters_.DropPrefix(event.log_start);
  if (snapshot_ && snapshot_->end < log_start()) snapshot_.reset();
}

void Quorum::Send(NodeId to, Body body) {
  effects_->messages.push_back(Message{options_.self, to, std::move(body)});
}

// Applying never runs past what is durable here: a leader may be outside the majority that committed (I5).
void Quorum::RaiseCommitted() {
  const Offset end = std::min(high_watermark_, durable_end_);
  if (end <= committed_end_) return;
  committed_end_ = end;
  effects_->committed_end = end;
}

void Quorum::AppendAsLeader(bool leader_change, const VoterSet* voters, uint32_t commands) {
  MOM_CHECK(role_ == Role::kLeader && !effects_->append);
  const uint64_t count = uint64_t{leader_change} + uint64_t{voters != nullptr} + commands;
  Append append;
  append.begin = log_end();
  append.epoch = epoch();
  append.leader_change = leader_change;
  append.commands = commands;
  if (voters != nullptr) {
    append.voters = *voters;
    voters_.Append(append.begin + Count{uint64_t{leader_change}}, *voters);
  }
  epochs_.Append(epoch(), count);
  append.end = log_end();
  effects_->append = append;
  WatchDisk();
}

Instant Quorum::After(int64_t ns) const {
  return Instant{now_.ns + ns};
}

int64_t Quorum::Jitter(int64_t below_ns) {
  return below_ns <= 0 ? 0 : static_cast<int64_t>(random_.Next() % static_cast<uint64_t>(below_ns));
}

}  // namespace mom::quorum
