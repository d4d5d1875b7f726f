#include "replication/replica/applier.h"

#include <utility>

#include "core/base/check.h"
#include "wal/this_thread.h"

namespace mom::replication {
namespace {

constexpr size_t kBatchEntriesMax = 1024;
constexpr size_t kBatchBytesMax = 4u << 20;  // Payload; what it turns into is about as much.

// These are in the log and may be committed: another node may apply them.
template <typename Container>
void GiveUp(Container* entries, const std::string& why) {
  for (Pending& pending : *entries) {
    if (pending.done) pending.done(Refused(Status::kUncertain, why));
  }
}

}  // namespace

Applier::Applier(LevelDbView* view, ApplierHooks hooks)
    : view_(view),
      hooks_(std::move(hooks)),
      latest_(view->Latest()),
      state_(broker::ReadAppliedState(*latest_)),
      next_due_(broker::NextDue(*latest_)) {}

Applier::~Applier() {
  Stop();
}

void Applier::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Applier::Commit(Offset end, std::vector<Pending> entries) {
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) {
      MOM_CHECK(end >= committed_end_, end, committed_end_);
      committed_end_ = end;
      for (auto& pending : entries) queue_.push_back(std::move(pending));
      entries.clear();
    }
  }
  GiveUp(&entries, "the node is stopping");
  wake_.notify_one();
}

void Applier::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  GiveUp(&queue_, "the node is stopping");
  queue_.clear();
}

void Applier::Run() {
  wal::NameThisThread("mom-apply");
  wal::InterruptNobody();
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || state_.end < committed_end_; });
      if (stopping_) return;
    }
    std::vector<Pending> batch;
    Status status = Gather(&batch);
    if (status.ok()) status = ApplyBatch(&batch);
    if (!status.ok()) {
      GiveUp(&batch, "the node failed");
      Fail(status);
      return;
    }
  }
}

// From the queue when it continues where the view is, else from the log.
Status Applier::Gather(std::vector<Pending>* batch) {
  Offset committed_end;
  Offset queue_begin;
  {
    std::lock_guard lock(mutex_);
    committed_end = committed_end_;
    size_t bytes = 0;
    while (!queue_.empty() && queue_.front().entry.offset.value == state_.end.value + batch->size() &&
           batch->size() < kBatchEntriesMax && bytes < kBatchBytesMax) {
      bytes += queue_.front().entry.bytes().size();
      batch->push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    queue_begin = queue_.empty() ? committed_end : queue_.front().entry.offset;
  }
  if (!batch->empty()) return Status();
  MOM_CHECK(queue_begin > state_.end, queue_begin, state_.end);
  auto entries = hooks_.read_log(state_.end);
  if (!entries.ok()) return entries.status().Annotate("reading the log for the view");
  for (Entry& entry : *entries) {
    if (entry.offset >= queue_begin) break;
    batch->push_back(Pending{std::move(entry), nullptr});
  }
  return Status();
}

Status Applier::ApplyBatch(std::vector<Pending>* batch) {
  MOM_CHECK(broker::ReadAppliedState(*latest_).digest == state_.digest, state_.end);
  broker::EntryBatch applied(latest_.get(), state_);
  std::vector<Outcome> outcomes;
  uint64_t log_bytes = 0;
  outcomes.reserve(batch->size());
  for (const Pending& pending : *batch) {
    log_bytes += pending.entry.bytes().size();
    outcomes.push_back(
        Outcome{Status(), applied.Apply(pending.entry), pending.entry.offset, pending.entry.epoch});
    hooks_.marks->OnEntry(applied.state());
  }
  const broker::ViewBatch& changes = applied.Finish();
  if (Status status = view_->Write(changes); !status.ok()) return status;
  state_ = applied.state();
  hooks_.marks->OnBatch(state_);
  next_due_ = broker::NextDue(*latest_, next_due_, changes);
  hooks_.applied(state_, next_due_, log_bytes);
  hooks_.answer([&] {
    for (size_t i = 0; i < batch->size(); ++i) {
      if ((*batch)[i].done) (*batch)[i].done(std::move(outcomes[i]));
    }
    batch->clear();
  });
  if (!applied.woken()->empty()) hooks_.woken(*applied.woken());
  return Status();
}

void Applier::Fail(const Status& status) {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  hooks_.failed(status);
}

}  // namespace mom::replication
