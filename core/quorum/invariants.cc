#include "core/quorum/invariants.h"

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

Invariants::Invariants(const Quorum& q)
    : hard_state_(q.hard_state_),
      role_(q.role_),
      seen_(Seen(q)),
      log_end_(q.log_end()),
      durable_end_(q.durable_end_),
      high_watermark_(q.high_watermark_),
      lead_high_watermark_(q.lead_.high_watermark),
      committed_end_(q.committed_end_) {}

RoleChange Invariants::Seen(const Quorum& q) {
  return RoleChange{q.role_, q.hard_state_.epoch, q.KnownLeader()};
}

void Invariants::Finish(const Quorum& after, Effects* effects) const {
  if (after.hard_state_ != hard_state_) effects->hard_state = after.hard_state_;
  if (const RoleChange seen = Seen(after); seen != seen_) effects->role = seen;
  CheckStep(after, *effects);
  CheckState(after);
  if (after.role_ == Role::kLeader) CheckLeader(after);
  CheckEffects(after, *effects);
}

void Invariants::CheckStep(const Quorum& q, const Effects& effects) const {
  const HardState& now = q.hard_state_;
  MOM_CHECK(now.epoch >= hard_state_.epoch, now.epoch, hard_state_.epoch);  // I1.
  if (now.epoch == hard_state_.epoch) {
    // I2: one vote an epoch.
    MOM_CHECK(hard_state_.voted_for.empty() || now.voted_for == hard_state_.voted_for, now.epoch,
              now.voted_for);
    // I4: one leader an epoch.
    MOM_CHECK(hard_state_.leader == NodeId{} || now.leader == hard_state_.leader, now.epoch, now.leader);
    // I13 across steps: from waiting to leading an epoch only by standing for it.
    if (q.role_ == Role::kLeader && role_ != Role::kLeader) MOM_CHECK(role_ == Role::kCandidate, role_);
  }
  MOM_CHECK(q.high_watermark_ >= high_watermark_, q.high_watermark_, high_watermark_);  // I10.
  MOM_CHECK(q.committed_end_ >= committed_end_, q.committed_end_, committed_end_);
  if (q.role_ == Role::kLeader && role_ == Role::kLeader) {
    MOM_CHECK(!lead_high_watermark_ || q.lead_.high_watermark >= lead_high_watermark_, *lead_high_watermark_);
  }
  const bool replaced = effects.truncate_to.has_value() || q.log_start() > log_end_;
  if (!replaced && q.log_start() != q.log_end()) {
    MOM_CHECK(q.log_end() >= log_end_, q.log_end(), log_end_);  // Only a truncation shortens.
    MOM_CHECK(q.durable_end_ >= durable_end_, q.durable_end_, durable_end_);
  }
}

void Invariants::CheckState(const Quorum& q) const {
  // I5. What is applied lies between log start and committed end.
  MOM_CHECK(q.log_start() <= q.committed_end_, q.log_start(), q.committed_end_);
  MOM_CHECK(q.committed_end_ <= q.high_watermark_, q.committed_end_, q.high_watermark_);
  MOM_CHECK(q.committed_end_ <= q.durable_end_, q.committed_end_, q.durable_end_);
  MOM_CHECK(q.durable_end_ <= q.log_end(), q.durable_end_, q.log_end());
  MOM_CHECK(q.high_watermark_ <= q.log_end(), q.high_watermark_, q.log_end());
  // I12, I17. A leader's own first entry is in its log.
  MOM_CHECK(q.epochs_.last_epoch() <= q.epoch(), q.epochs_.last_epoch(), q.epoch());
  // I14, and a damaged log stands for nothing.
  if (q.role_ == Role::kProspective || q.role_ == Role::kCandidate) {
    MOM_CHECK(q.MayStand(), q.role_, q.damaged_, q.is_voter());
    MOM_CHECK(q.role_ != Role::kCandidate || q.hard_state_.voted_for == q.self_, q.hard_state_.voted_for);
  }
  // I15.
  const VotersEntry* last = q.voters_.last();
  MOM_CHECK(last == nullptr || last->offset < q.log_end(), q.log_end());
  if (q.role_ == Role::kFollower) {
    MOM_CHECK(q.hard_state_.leader != NodeId{} && q.hard_state_.leader != q.self_.node, q.hard_state_.leader);
  }
  // S5: a stream upwards belongs to those who pull.
  const bool pulls = q.role_ == Role::kFollower || q.role_ == Role::kUnattached;
  MOM_CHECK(pulls || q.follow_.session == SessionId{}, q.role_, q.follow_.session);
  MOM_CHECK(q.role_ == Role::kLeader || q.lead_.progress.empty(), q.role_);
}

void Invariants::CheckLeader(const Quorum& q) const {
  const Leadership& lead = q.lead_;
  MOM_CHECK(q.hard_state_.leader == q.self_.node && q.hard_state_.voted_for == q.self_, q.epoch());
  MOM_CHECK(!q.led_before_ || *q.led_before_ != q.epoch(), q.epoch());  // I3.
  MOM_CHECK(q.epochs_.last_epoch() == q.epoch(), q.epochs_.last_epoch(), q.epoch());
  MOM_CHECK(q.epochs_.last_start() == lead.epoch_start || q.log_start() > lead.epoch_start,
            q.epochs_.last_start(), lead.epoch_start);  // I17.
  if (lead.high_watermark) {
    MOM_CHECK(*lead.high_watermark > lead.epoch_start, *lead.high_watermark, lead.epoch_start);  // I9.
    MOM_CHECK(*lead.high_watermark == q.high_watermark_, *lead.high_watermark, q.high_watermark_);
  }
  size_t voters = q.is_voter() ? 1 : 0;
  for (const Progress& p : lead.progress) {
    voters += p.voter ? 1 : 0;
    MOM_CHECK(p.voter == q.voters().Contains(p.key), p.key);
    MOM_CHECK(p.match <= p.next && p.next <= q.log_end(), p.key, p.match, p.next, q.log_end());  // I11.
    MOM_CHECK(p.open || !p.write_outstanding, p.key);
  }
  MOM_CHECK(voters == q.voters().size(), voters, q.voters());
}

void Invariants::CheckEffects(const Quorum& q, const Effects& effects) const {
  if (effects.truncate_to) {
    // I6: never committed entries, never with a write in flight.
    MOM_CHECK(*effects.truncate_to >= high_watermark_, *effects.truncate_to, high_watermark_);
    MOM_CHECK(durable_end_ == log_end_, durable_end_, log_end_);
    MOM_CHECK(role_ != Role::kLeader && !effects.append, role_);
  }
  if (effects.append) {
    const Append& append = *effects.append;
    MOM_CHECK(append.begin == log_end_ && append.end == q.log_end(), append.begin, log_end_);  // I12.
    MOM_CHECK(append.from_frame == (q.role_ == Role::kFollower), q.role_);
  }
  for (const Message& message : effects.messages) {
    if (const auto* fetch = std::get_if<FetchRequest>(&message.body)) {
      MOM_CHECK(fetch->durable_end <= q.durable_end_, fetch->durable_end, q.durable_end_);            // I7.
      MOM_CHECK(!fetch->open || fetch->durable_end == q.log_end(), fetch->durable_end, q.log_end());  // S1.
    }
  }
  for (const SendFrame& frame : effects.frames) {
    MOM_CHECK(frame.begin <= frame.end && frame.end <= q.log_end(), frame.begin, frame.end);
  }
}

}  // namespace mom::quorum
