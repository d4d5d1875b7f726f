#include "replication/replica/commit_pace.h"

namespace mom::replication {
namespace {

constexpr int64_t kShortNs = 5'000'000;
constexpr int64_t kWeight = 8;

// Fewer than these are hardly ever a crowd that comes back at once.
constexpr size_t kCrowd = 8;

}  // namespace

void CommitPace::OnProposed(Offset end, size_t commands, Instant now) {
  last_commands_ = commands;
  if (!measured_) measured_ = Measured{end, now};
}

void CommitPace::OnCommitted(Offset end, Instant now) {
  if (!measured_ || end < measured_->end) return;
  mean_ns_ += (now.ns - measured_->since.ns - mean_ns_) / kWeight;
  measured_.reset();
}

void CommitPace::Forget() {
  measured_.reset();
  last_commands_ = 0;
}

bool CommitPace::IsShort() const {
  return mean_ns_ < kShortNs;
}

bool CommitPace::MayLinger() const {
  return last_commands_ >= kCrowd && IsShort();
}

// Four of five: the last ones are not worth the wait of the others. And never longer than a commit takes.
CommitPace::Linger CommitPace::LingerFrom(Instant now, size_t waiting) const {
  return Linger{Instant{now.ns + mean_ns_}, (last_commands_ + waiting) * 4 / 5};
}

}  // namespace mom::replication
