#include "replication/replica/log_tail.h"

#include "core/base/check.h"

namespace mom::replication {
namespace {

uint64_t BytesOf(const Entry& entry) {
  constexpr uint64_t kEntryBytes = 96;  // Without payload.
  return kEntryBytes + entry.bytes().size();
}

}  // namespace

void LogTail::Append(const Entry& entry) {
  MOM_CHECK(entry.offset == end_, entry.offset, end_);
  bytes_ += BytesOf(entry);
  end_ = Next(end_);
  entries_.push_back(entry);
}

void LogTail::TruncateTo(Offset to) {
  while (!entries_.empty() && end_ > to) {
    bytes_ -= BytesOf(entries_.back());
    entries_.pop_back();
    end_ = Offset{end_.value - 1};
  }
  if (end_ > to) Reset(to);
}

void LogTail::Trim(Offset end, uint64_t bytes_max) {
  while (!entries_.empty() && bytes_ > bytes_max && entries_.front().offset < end) {
    bytes_ -= BytesOf(entries_.front());
    entries_.pop_front();
  }
}

void LogTail::Reset(Offset log_end) {
  entries_.clear();
  bytes_ = 0;
  end_ = log_end;
}

std::vector<Entry> LogTail::Slice(Offset from, Offset to, uint64_t bytes_max) const {
  MOM_CHECK(begin() <= from && from < to && to <= end_, begin(), from, to, end_);
  std::vector<Entry> slice;
  uint64_t bytes = 0;
  for (Offset at = from; at < to; at = Next(at)) {
    const Entry& entry = At(at);
    bytes += entry.bytes().size();
    if (!slice.empty() && bytes > bytes_max) break;
    slice.push_back(entry);
  }
  return slice;
}

}  // namespace mom::replication
