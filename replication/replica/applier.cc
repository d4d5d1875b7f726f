#include "replication/replica/applier.h"

#include <algorithm>
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
      state_(*broker::ReadAppliedState(*latest_)),
      next_due_(broker::NextDue(*latest_)) {}

Applier::~Applier() {
  Stop();
}

void Applier::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Applier::Appended(std::vector<Entry> entries) {
  {
    std::lock_guard lock(mutex_);
    appended_.Add(std::move(entries));
  }
  wake_.notify_one();
}

void Applier::Commit(Offset end, std::vector<Pending> entries) {
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) {
      MOM_CHECK(end >= committed_end_, end, committed_end_);
      committed_end_ = end;
      for (auto& pending : entries) queue_.push_back(std::move(pending));
      entries.clear();
      appended_.OnCommitted(end);
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
    std::vector<Entry> appended;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || state_.end < committed_end_ || CanRunAheadLocked(); });
      if (stopping_) return;
      if (state_.end >= committed_end_) appended = appended_.Take();
    }
    if (!appended.empty()) {
      RunAhead(appended);
      continue;
    }
    Batch batch;
    if (Status status = ApplyCommitted(&batch); !status.ok()) {
      GiveUp(&batch, "the node failed");
      return Fail(status);
    }
  }
}

// One batch at a time, of what follows at once: it must be possible to throw it away. When there is one
// already it was truncated, since another was appended in its place.
bool Applier::CanRunAheadLocked() const {
  return appended_.BeginAt(state_.end);
}

void Applier::RunAhead(const std::vector<Entry>& entries) {
  ThrowAway();
  const size_t size = std::min(entries.size(), kBatchEntriesMax);
  ahead_ = std::make_unique<ExecutedBatch>(latest_.get(), state_, hooks_.marks, size);
  for (size_t i = 0; i < size && ahead_->log_bytes() < kBatchBytesMax; ++i) ahead_->Run(entries[i]);
  ahead_->Finish();
  hooks_.ahead->run += ahead_->size();
}

void Applier::ThrowAway() {
  if (!ahead_) return;
  hooks_.ahead->wasted += ahead_->size();
  ahead_.reset();
}

Status Applier::ApplyCommitted(Batch* batch) {
  std::unique_ptr<ExecutedBatch> executed;
  if (TakeThoseAhead(batch)) {
    executed = std::move(ahead_);
  } else {
    ThrowAway();
    MOM_RETURN_IF_ERROR(Gather(batch));
    executed = Execute(*batch);
  }
  return WriteAndAnswer(executed.get(), batch);
}

// False: nothing was run ahead, or others were committed, or only some of them.
bool Applier::TakeThoseAhead(Batch* batch) {
  if (!ahead_) return false;
  std::lock_guard lock(mutex_);
  if (!ahead_->BeginsLike(queue_)) return false;
  for (size_t i = 0; i < ahead_->size(); ++i) {
    batch->push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return true;
}

// From the queue when it continues where the view is, else from the log.
Status Applier::Gather(Batch* batch) {
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

std::unique_ptr<ExecutedBatch> Applier::Execute(const Batch& batch) {
  auto executed = std::make_unique<ExecutedBatch>(latest_.get(), state_, hooks_.marks, batch.size());
  for (const Pending& pending : batch) executed->Run(pending.entry);
  executed->Finish();
  return executed;
}

Status Applier::WriteAndAnswer(ExecutedBatch* executed, Batch* batch) {
  MOM_RETURN_IF_ERROR(view_->Write(executed->changes()));
  executed->OnWritten();
  state_ = executed->state();
  next_due_ = broker::NextDue(*latest_, next_due_, executed->changes());
  hooks_.applied(state_, next_due_, executed->log_bytes());
  hooks_.answer([&] {
    std::vector<Outcome>& outcomes = *executed->outcomes();
    for (size_t i = 0; i < batch->size(); ++i) {
      Pending& pending = (*batch)[i];
      if (pending.done) {
        pending.done(std::move(outcomes[i]));
      } else if (executed->origin(i) != 0 && hooks_.settle) {
        hooks_.settle(executed->origin(i), pending.entry, &outcomes[i]);
      }
    }
    batch->clear();
  });
  if (!executed->woken().empty() || !executed->revoked().empty())
    hooks_.woken(executed->woken(), executed->revoked());
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
