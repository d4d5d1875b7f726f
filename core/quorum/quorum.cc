#include "core/quorum/quorum.h"

#include <algorithm>

#include "core/base/check.h"

namespace mom::quorum {

Quorum::Quorum(NodeId self, const Restored& restored)
    : self_(self),
      hard_state_(restored.hard_state),
      last_epoch_(restored.last_epoch),
      log_end_(restored.log_end),
      durable_end_(restored.log_end) {
  // A log may not know more than the hard state that was made durable before it (I17).
  MOM_CHECK(hard_state_.epoch >= last_epoch_, hard_state_.epoch, last_epoch_);
}

Effects Quorum::Step(const Event& event) {
  Effects effects;
  std::visit([&](const auto& e) { On(e, &effects); }, event);
  CheckInvariants();
  return effects;
}

// An ex-leader never goes on in the epoch that it led before the restart (P12, I3): a new election, which
// with one voter is won by the own vote.
void Quorum::On(const Started&, Effects* effects) {
  MOM_CHECK(role_ == Role::kUnattached);
  hard_state_ = HardState{Next(hard_state_.epoch), self_, self_};
  effects->hard_state = hard_state_;
  role_ = Role::kLeader;
  effects->role = role_;
  epoch_start_ = log_end_;
  effects->append = Append{log_end_, hard_state_.epoch, true, 0};
  log_end_ = Next(log_end_);
  last_epoch_ = hard_state_.epoch;
}

void Quorum::On(const Proposed& event, Effects* effects) {
  if (role_ != Role::kLeader) {
    effects->refused = event.count;
    return;
  }
  effects->append = Append{log_end_, hard_state_.epoch, false, event.count};
  log_end_ = log_end_ + Count{event.count};
}

// The own durable end is the whole majority here. Entries of older epochs commit together with the first one
// of this epoch, never before it (Raft thesis 3.6.2; I9).
void Quorum::On(const Persisted& event, Effects* effects) {
  MOM_CHECK(event.durable_end <= log_end_, event.durable_end, log_end_);
  MOM_CHECK(event.durable_end >= durable_end_, event.durable_end, durable_end_);
  durable_end_ = event.durable_end;
  if (role_ != Role::kLeader || durable_end_ <= epoch_start_) return;
  if (high_watermark_ && *high_watermark_ >= durable_end_) return;
  high_watermark_ = durable_end_;
  effects->committed_end = high_watermark_;
}

void Quorum::CheckInvariants() const {
  MOM_CHECK(durable_end_ <= log_end_, durable_end_, log_end_);
  MOM_CHECK(last_epoch_ <= hard_state_.epoch, last_epoch_, hard_state_.epoch);
  if (high_watermark_) {
    MOM_CHECK(*high_watermark_ <= durable_end_, *high_watermark_, durable_end_);
    MOM_CHECK(*high_watermark_ > epoch_start_, *high_watermark_, epoch_start_);
  }
  if (role_ == Role::kLeader) MOM_CHECK(hard_state_.leader == self_ && hard_state_.voted_for == self_);
}

}  // namespace mom::quorum
