#include "replication/replica/digest_marks.h"

#include <algorithm>
#include <iterator>

namespace mom::replication {
namespace {

void Keep(const DigestMark& mark, std::deque<DigestMark>* ring) {
  ring->push_back(mark);
  if (ring->size() > kMarksMax) ring->pop_front();
}

}  // namespace

void DigestMarks::Reset(const broker::AppliedState& state) {
  pending_.clear();
  std::lock_guard lock(mutex_);
  fine_.clear();
  coarse_.clear();
  newest_ = {state.end, state.digest};
}

void DigestMarks::OnBatch(const broker::AppliedState& state) {
  std::lock_guard lock(mutex_);
  for (const DigestMark& mark : pending_) {
    Keep(mark, mark.end.value % kCoarseMarkEntries == 0 ? &coarse_ : &fine_);
  }
  newest_ = {state.end, state.digest};
  pending_.clear();
}

DigestMark DigestMarks::newest() const {
  std::lock_guard lock(mutex_);
  return newest_;
}

std::vector<DigestMark> DigestMarks::All() const {
  std::vector<DigestMark> marks;
  marks.reserve(2 * kMarksMax + 1);
  std::lock_guard lock(mutex_);
  std::merge(fine_.begin(), fine_.end(), coarse_.begin(), coarse_.end(), std::back_inserter(marks));
  const Offset last = marks.empty() ? Offset{} : marks.back().end;
  if (newest_.end > last) marks.push_back(newest_);
  return marks;
}

}  // namespace mom::replication
