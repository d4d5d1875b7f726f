#include "core/quorum/voter_history.h"

#include <utility>

#include "core/base/check.h"

namespace mom::quorum {

VoterHistory::VoterHistory(VoterSet floor, std::vector<VotersEntry> entries)
    : floor_(floor), entries_(std::move(entries)) {
  for (size_t i = 1; i < entries_.size(); ++i) MOM_CHECK(entries_[i - 1].offset < entries_[i].offset);
}

const VoterSet& VoterHistory::At(Offset end) const {
  for (size_t i = entries_.size(); i > 0; --i) {
    if (entries_[i - 1].offset < end) return entries_[i - 1].voters;
  }
  return floor_;
}

void VoterHistory::Append(Offset offset, const VoterSet& voters) {
  MOM_CHECK(entries_.empty() || entries_.back().offset < offset, offset);
  entries_.push_back(VotersEntry{offset, voters});
}

bool VoterHistory::TruncateTo(Offset to) {
  const size_t before = entries_.size();
  while (!entries_.empty() && entries_.back().offset >= to) entries_.pop_back();
  return entries_.size() != before;
}

void VoterHistory::DropPrefix(Offset to) {
  size_t gone = 0;
  while (gone < entries_.size() && entries_[gone].offset < to) ++gone;
  if (gone == 0) return;
  floor_ = entries_[gone - 1].voters;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(gone));
}

void VoterHistory::Reset(const VoterSet& voters) {
  floor_ = voters;
  entries_.clear();
}

}  // namespace mom::quorum
