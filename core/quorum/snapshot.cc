// Handing snapshots over (KIP-630). The driver moves the bytes; here is decided when.
#include <algorithm>

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

void Quorum::On(const SnapshotAvailable& event) {
  MOM_CHECK(event.id.end <= log_end(), event.id.end, log_end());
  if (event.id.end < log_start()) return;  // The prefix went further while it was made.
  MOM_CHECK(epochs_.EpochBefore(event.id.end) == event.id.epoch, event.id.end, event.id.epoch);
  snapshot_ = event.id;
}

// Reading a snapshot is a sign of life like a fetch: a follower that loads for minutes must not cost the
// leader its quorum.
void Quorum::On(const SnapshotServed& event) {
  if (role_ != Role::kLeader || event.from.cluster != options_.self.cluster || event.epoch != epoch()) return;
  if (Progress* progress = FindProgress(event.from.key())) Contact(progress);
}

// The stream of the offer is over; the next one opens behind the snapshot. Only the leader's state can be
// older than what is known to be committed here by a mistake, so such an offer is not taken.
void Quorum::OnSnapshotOffered(const FetchReply& reply, const SnapshotId& id) {
  const bool sane = !follow_.framed && id.end >= high_watermark_ && id.end > Offset{} &&
                    id.epoch <= reply.epoch && durable_end_ == log_end();
  DropStream();
  if (!sane) return DelayReopen();
  deadline_ = After(options_.fetch_timeout_ns());
  follow_.reopen = now_;
  follow_.pulling = id;
  effects_->pull_snapshot = PullSnapshot{id, follow_.peer, false};
}

void Quorum::On(const SnapshotProgress& event) {
  if (event.epoch > epoch() && event.epoch <= kEpochMax) return LearnEpoch(event.epoch);
  if (role_ != Role::kFollower || event.epoch != epoch() || event.from != hard_state_.leader) return;
  if (follow_.pulling == event.id) deadline_ = After(options_.fetch_timeout_ns());
}

void Quorum::On(const SnapshotDownloaded& event) {
  if (!follow_.pulling || *follow_.pulling != event.id) return;  // Given up meanwhile.
  MOM_CHECK(role_ == Role::kFollower && durable_end_ == log_end(), role_, durable_end_, log_end());
  follow_.pulling.reset();
  if (event.voters.empty()) {
    DelayReopen();
    return;
  }
  follow_.installing = event.id;
  follow_.pulled_voters = event.voters;
  effects_->install = event.id;
}

void Quorum::On(const SnapshotFailed& event) {
  if (!follow_.pulling || *follow_.pulling != event.id) return;
  follow_.pulling.reset();
  DelayReopen();
}

// I16: log start, log end, durable end and high watermark are the snapshot's end now.
void Quorum::On(const SnapshotInstalled& event) {
  MOM_CHECK(follow_.installing == event.id && role_ != Role::kLeader, event.id.end, role_);
  MOM_CHECK(event.id.end >= high_watermark_, event.id.end, high_watermark_);
  follow_.installing.reset();
  epochs_.Reset(event.id.end, event.id.epoch);
  voters_.Reset(follow_.pulled_voters);
  durable_end_ = high_watermark_ = committed_end_ = event.id.end;
  snapshot_.reset();
  follow_.reopen = now_;
  if (role_ == Role::kFollower) deadline_ = After(options_.fetch_timeout_ns());
  OpenStreamIfDue();
}

// What is being installed runs to its end: the log must not be left half replaced.
void Quorum::AbortSnapshot() {
  if (!follow_.pulling) return;
  effects_->pull_snapshot = PullSnapshot{*follow_.pulling, follow_.peer, true};
  follow_.pulling.reset();
}

}  // namespace mom::quorum
