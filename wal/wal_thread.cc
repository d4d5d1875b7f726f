#include "wal/wal_thread.h"

#include <chrono>
#include <utility>

#include "core/base/check.h"
#include "wal/this_thread.h"

namespace mom::wal {
namespace {

// What an entry without payload costs in memory and in the file, roughly.
constexpr size_t kEntryBytes = 64;
constexpr auto kRoomPause = std::chrono::milliseconds(50);

}  // namespace

WalThread::WalThread(std::unique_ptr<Wal> wal, const WalThreadOptions& options)
    : wal_(std::move(wal)), options_(options) {
  MOM_CHECK(options.round_bytes_max > 0 && options.round_entries_max > 0 && options.reads_per_round > 0);
}

WalThread::~WalThread() {
  (void)Stop();
}

void WalThread::Start(OnPersisted on_persisted) {
  MOM_CHECK(!thread_.joinable());
  on_persisted_ = std::move(on_persisted);
  thread_ = std::thread([this] { Run(); });
  preparer_ = std::thread([this] { RunPreparer(); });
}

Status WalThread::Submit(std::vector<Entry> entries) {
  if (entries.empty()) return Status();
  Work work;
  for (const Entry& entry : entries) work.bytes += kEntryBytes + entry.bytes().size();
  work.entries = std::move(entries);
  std::unique_lock lock(mutex_);
  MOM_RETURN_IF_ERROR(Refusal());
  // An empty queue takes a batch of any size, else a large one could never pass.
  if (work_bytes_ > 0 && work_bytes_ + work.bytes > options_.queue_bytes_max) {
    return Status(Status::kOverloaded, "too many bytes wait for the log");
  }
  work_bytes_ += work.bytes;
  work_.push_back(std::move(work));
  lock.unlock();  // Else the thread wakes only to wait for it.
  wake_.notify_one();
  return Status();
}

Status WalThread::Post(Task task) {
  std::unique_lock lock(mutex_);
  if (stopping_) return Status(Status::kStopping, "the log is stopping");
  if (reads_.size() >= options_.queue_tasks_max) return Status(Status::kOverloaded, "too many reads wait");
  reads_.push_back(std::move(task));
  lock.unlock();  // Else the thread wakes only to wait for it.
  wake_.notify_one();
  return Status();
}

Status WalThread::PostOrdered(Task task) {
  std::unique_lock lock(mutex_);
  MOM_RETURN_IF_ERROR(Refusal());
  if (work_tasks_ >= options_.queue_tasks_max) return Status(Status::kOverloaded, "too many tasks wait");
  ++work_tasks_;
  work_.push_back(Work{{}, std::move(task), 0});
  lock.unlock();  // Else the thread wakes only to wait for it.
  wake_.notify_one();
  return Status();
}

Status WalThread::Refusal() const {
  if (!failed_.ok()) return failed_;
  return stopping_ ? Status(Status::kStopping, "the log is stopping") : Status();
}

Status WalThread::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  {
    std::lock_guard lock(prepare_mutex_);
    prepare_stopping_ = true;
    prepare_wake_.notify_one();
  }
  if (preparer_.joinable()) preparer_.join();
  std::lock_guard lock(mutex_);
  return failed_;
}

void WalThread::Run() {
  NameThisThread("mom-log");
  InterruptNobody();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !work_.empty() || !reads_.empty(); });
    if (work_.empty() && reads_.empty()) break;  // Stopping, and all is done.
    RunReads(&lock);
    RunWork(&lock);
  }
  if (!failed_.ok()) return;
  lock.unlock();
  Status closed = wal_->Close();
  lock.lock();
  failed_ = closed;
}

void WalThread::RunReads(std::unique_lock<std::mutex>* lock) {
  for (size_t i = 0; i < options_.reads_per_round && !reads_.empty(); ++i) {
    const Task task = std::move(reads_.front());
    reads_.pop_front();
    lock->unlock();
    task(wal_.get());
    lock->lock();
  }
}

// Tasks go on: one of them may drop what the view no longer needs, and so make room.
bool WalThread::AwaitRoom() {
  std::unique_lock lock(mutex_);
  RunReads(&lock);
  return !wake_.wait_for(lock, kRoomPause, [this] { return stopping_; });
}

void WalThread::RunWork(std::unique_lock<std::mutex>* lock) {
  if (work_.empty()) return;
  if (work_.front().task) {
    const Task task = std::move(work_.front().task);
    work_.pop_front();
    --work_tasks_;
    lock->unlock();
    task(wal_.get());
    lock->lock();
    return;
  }
  const size_t bytes = TakeRound();
  lock->unlock();
  Persist();
  lock->lock();
  // Bytes count until they are durable: the limit is about memory.
  if (failed_.ok()) work_bytes_ -= bytes;
}

size_t WalThread::TakeRound() {
  round_.clear();
  size_t bytes = 0;
  while (!work_.empty() && !work_.front().task) {
    Work& next = work_.front();
    const bool fits = bytes + next.bytes <= options_.round_bytes_max &&
                      round_.size() + next.entries.size() <= options_.round_entries_max;
    if (!round_.empty() && !fits) break;
    bytes += next.bytes;
    round_.insert(round_.end(), std::make_move_iterator(next.entries.begin()),
                  std::make_move_iterator(next.entries.end()));
    work_.pop_front();
  }
  return bytes;
}

void WalThread::Persist() {
  auto begin = std::chrono::steady_clock::now();
  Status status = wal_->Append(round_);
  while (status.code() == Status::kNoSpace && AwaitRoom()) {
    const auto written = [this](const Entry& entry) { return entry.offset < wal_->log_end(); };
    std::erase_if(round_, written);
    begin = std::chrono::steady_clock::now();  // Waiting for room is no slow sync.
    status = wal_->Append(round_);
  }
  if (status.ok()) status = wal_->Sync();
  if (!status.ok()) return Fail(status);
  NoteSync(std::chrono::steady_clock::now() - begin);
  if (wal_->WantsNextSegment()) {
    std::lock_guard lock(prepare_mutex_);
    prepare_wanted_ = true;
    prepare_wake_.notify_one();
  }
  on_persisted_(status, wal_->durable_end());
}

void WalThread::NoteSync(std::chrono::nanoseconds took) {
  sync_times_.Add(took.count());
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  if (ms >= options_.slow_sync_ms && options_.on_slow_sync) options_.on_slow_sync(ms);
}

void WalThread::Fail(const Status& status) {
  {
    std::lock_guard lock(mutex_);
    failed_ = status;
    // What was to be written never will be; ordered tasks could rely on it, so they go as well.
    work_.clear();
    work_bytes_ = 0;
    work_tasks_ = 0;
  }
  on_persisted_(status, wal_->durable_end());
}

void WalThread::RunPreparer() {
  NameThisThread("mom-log-prepare");
  InterruptNobody();
  std::unique_lock lock(prepare_mutex_);
  while (true) {
    prepare_wake_.wait(lock, [this] { return prepare_stopping_ || prepare_wanted_; });
    if (prepare_stopping_) return;
    prepare_wanted_ = false;
    lock.unlock();
    // A failure shows again, with more to do about it, when the segment is needed.
    (void)wal_->PrepareNextSegment();
    lock.lock();
  }
}

}  // namespace mom::wal
