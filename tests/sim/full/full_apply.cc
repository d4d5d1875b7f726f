// FullNode's view: entries are applied once they are committed, and some of them are run ahead, as the
// applier of a node does (docs/adr/0018-entries-are-run-ahead.md).
#include <utility>

#include "tests/sim/full/full_node.h"
#include "tests/sim/full/full_world.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

constexpr size_t kBatchMax = 64;

}  // namespace

void FullNode::Commit(Offset end, std::vector<replication::Pending> entries) {
  SIM_CHECK(end <= wal_->durable_end(), "I5: applies what is not durable here", id(), end,
            wal_->durable_end());
  SIM_CHECK(end >= committed_end_, "G6: a committed end fell", id(), end, committed_end_);
  committed_end_ = end;
  appended_.OnCommitted(end);
  for (auto& pending : entries) to_apply_.push_back(std::move(pending));
  WakeApplier();
}

void FullNode::Appended(std::vector<Entry> entries) {
  appended_.Add(std::move(entries));
  WakeApplier();
}

// One thing at a time, like a thread.
void FullNode::WakeApplier() {
  if (applying_) return;
  applying_ = true;
  After(world_->random()->Between(1, world_->plan().apply_ns), [this] {
    applying_ = false;
    if (state_.end < committed_end_) {
      ApplySome();
    } else if (appended_.BeginAt(state_.end)) {
      RunAhead();
    } else {
      return;
    }
    if (driver_ != nullptr) WakeApplier();
  });
}

void FullNode::RunAhead() {
  const std::vector<Entry> entries = appended_.Take();
  ForgetAhead();
  ahead_ = std::make_unique<replication::ExecutedBatch>(&view_, state_, &marks_, entries.size());
  for (size_t i = 0; i < entries.size() && i < kBatchMax; ++i) {
    ahead_->Run(entries[i]);
    states_ahead_.push_back(ahead_->state());
  }
  ahead_->Finish();
}

void FullNode::ForgetAhead() {
  if (ahead_ == nullptr) return;
  ++world_->coverage()->ahead_wasted;
  ahead_.reset();
  states_ahead_.clear();
}

// False: nothing was run ahead, or others were committed, or only some of them.
bool FullNode::TakeThoseAhead() {
  while (!to_apply_.empty() && to_apply_.front().entry.offset < state_.end) to_apply_.pop_front();
  if (ahead_ == nullptr || !ahead_->BeginsLike(to_apply_)) return false;
  view_.Write(ahead_->changes());
  due_->Tell(broker::NextDue(view_));
  ahead_->OnWritten();
  for (size_t i = 0; i < ahead_->size(); ++i) {
    OnApplied(&to_apply_.front(), states_ahead_[i], std::move((*ahead_->outcomes())[i].reply));
    to_apply_.pop_front();
    ++world_->coverage()->applied_ahead;
  }
  ahead_.reset();
  states_ahead_.clear();
  return true;
}

void FullNode::OnApplied(replication::Pending* pending, const broker::AppliedState& state, v1::Reply reply) {
  state_ = state;
  ++world_->coverage()->applied;
  if (pending->entry.kind == EntryKind::kClock) ++world_->coverage()->clock_entries;
  world_->oracle()->OnApplied(id(), pending->entry, state_);
  if (pending->done) {
    pending->done({Status(), std::move(reply), pending->entry.offset, pending->entry.epoch});
  }
}

// At hand, or from the log.
Status FullNode::TakeEntries(std::vector<replication::Pending>* batch) {
  while (!to_apply_.empty() && to_apply_.front().entry.offset.value == state_.end.value + batch->size() &&
         batch->size() < kBatchMax) {
    batch->push_back(std::move(to_apply_.front()));
    to_apply_.pop_front();
  }
  if (!batch->empty()) return Status();
  const Offset end = to_apply_.empty() ? committed_end_ : to_apply_.front().entry.offset;
  auto entries = wal_->Read(state_.end, 4096);
  if (!entries.ok()) return entries.status();
  for (Entry& entry : *entries) {
    if (entry.offset < end) batch->push_back({std::move(entry), nullptr});
  }
  return Status();
}

void FullNode::ApplySome() {
  if (!TakeThoseAhead()) {
    ForgetAhead();
    std::vector<replication::Pending> batch;
    if (const Status status = TakeEntries(&batch); !status.ok()) return driver_->Fail(status);
    for (replication::Pending& pending : batch) {
      broker::Applied applied = broker::Apply(view_, pending.entry);
      view_.Write(applied.changes);
      due_->Tell(broker::NextDue(view_));
      marks_.OnEntry(applied.state);
      OnApplied(&pending, applied.state, std::move(applied.reply));
    }
    marks_.OnBatch(state_);
  }
  world_->coverage()->digest_marks += world_->oracle()->OnMarks(id(), marks_.All());
  world_->Mix(state_.digest);
}

}  // namespace mom::sim
