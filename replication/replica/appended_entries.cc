#include "replication/replica/appended_entries.h"

#include <utility>

#include "core/base/check.h"

namespace mom::replication {
namespace {

constexpr size_t kBatchesMax = 4;  // A follower may get the next before the last is committed.

}  // namespace

void AppendedEntries::Add(std::vector<Entry> entries) {
  MOM_CHECK(!entries.empty());
  while (!batches_.empty() && batches_.back().back().offset >= entries.front().offset) batches_.pop_back();
  if (batches_.size() < kBatchesMax) batches_.push_back(std::move(entries));
}

void AppendedEntries::OnCommitted(Offset end) {
  while (!batches_.empty() && batches_.front().front().offset < end) batches_.pop_front();
}

std::vector<Entry> AppendedEntries::Take() {
  MOM_CHECK(!batches_.empty());
  std::vector<Entry> oldest = std::move(batches_.front());
  batches_.pop_front();
  return oldest;
}

}  // namespace mom::replication
