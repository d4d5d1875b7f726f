#include "replication/replica/executed_batch.h"

#include "core/base/check.h"

namespace mom::replication {

ExecutedBatch::ExecutedBatch(const broker::ViewReader* latest, const broker::AppliedState& before,
                             DigestMarks* marks, size_t entries)
    : begin_(before.end), marks_(marks), changes_(latest, before) {
  MOM_CHECK(broker::ReadAppliedState(*latest)->digest == before.digest, before.end);
  outcomes_.reserve(entries);
  origins_.reserve(entries);
}

ExecutedBatch::~ExecutedBatch() {
  if (!is_written_) marks_->Forget();
}

void ExecutedBatch::Run(const Entry& entry) {
  MOM_CHECK(finished_ == nullptr, begin_);
  log_bytes_ += entry.bytes().size();
  outcomes_.push_back(Outcome{Status(), changes_.Apply(entry), entry.offset, entry.epoch});
  origins_.push_back(changes_.origin());
  marks_->OnEntry(changes_.state());
}

bool ExecutedBatch::BeginsLike(const std::deque<Pending>& entries) const {
  if (entries.size() < outcomes_.size()) return false;
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    const Entry& entry = entries[i].entry;
    if (entry.offset != outcomes_[i].offset || entry.epoch != outcomes_[i].epoch) return false;
  }
  return true;
}

void ExecutedBatch::OnWritten() {
  MOM_CHECK(finished_ != nullptr && !is_written_, begin_);
  is_written_ = true;
  marks_->OnBatch(changes_.state());
}

}  // namespace mom::replication
