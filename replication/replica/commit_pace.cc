#include "replication/replica/commit_pace.h"

namespace mom::replication {
namespace {

constexpr int64_t kShortNs = 5'000'000;
constexpr int64_t kWeight = 8;

}  // namespace

void CommitPace::OnProposed(Offset end, Instant now) {
  if (!measured_) measured_ = Measured{end, now};
}

void CommitPace::OnCommitted(Offset end, Instant now) {
  if (!measured_ || end < measured_->end) return;
  mean_ns_ += (now.ns - measured_->since.ns - mean_ns_) / kWeight;
  measured_.reset();
}

bool CommitPace::IsShort() const {
  return mean_ns_ < kShortNs;
}

}  // namespace mom::replication
