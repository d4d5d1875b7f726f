#include "replication/replica/checkpointer.h"

#include <algorithm>
#include <utility>

#include "wal/this_thread.h"

namespace mom::replication {
namespace {

constexpr auto kGiveBackPause = std::chrono::seconds(1);

}  // namespace

Checkpointer::Checkpointer(LevelDbView* view, uint64_t retain_bytes, std::function<void(Offset to)> drop,
                           std::function<void(const Status&)> failed)
    : view_(view),
      retain_bytes_(retain_bytes),
      step_bytes_(std::clamp<uint64_t>(retain_bytes / 8, 1u << 20, 256u << 20)),
      drop_(std::move(drop)),
      failed_(std::move(failed)) {}

Checkpointer::~Checkpointer() {
  Stop();
}

void Checkpointer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Checkpointer::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::Applied(Offset applied_end, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  applied_end_ = applied_end;
  bytes_ += bytes;
  if (bytes_ - bytes_marked_ < step_bytes_) return;
  bytes_marked_ = bytes_;
  marks_.push_back(Mark{applied_end, bytes_});
  if (bytes_ - marks_.front().bytes < retain_bytes_) return;
  due_ = true;
  wake_.notify_one();
}

void Checkpointer::GiveDiskBack() {
  std::lock_guard lock(mutex_);
  if (given_back_ == applied_end_ || std::chrono::steady_clock::now() < may_give_back_) return;
  scarce_ = true;
  due_ = true;
  wake_.notify_one();
}

void Checkpointer::Run() {
  wal::NameThisThread("mom-checkpoint");
  wal::InterruptNobody();
  for (;;) {
    std::optional<Task> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || due_; });
      if (stopping_) return;
      due_ = false;
      task = NextLocked();
    }
    if (!task) continue;
    const auto begin = std::chrono::steady_clock::now();
    if (Status status = view_->MakeDurable(); !status.ok()) {
      failed_(status);
      return;
    }
    drop_(task->to);
    if (!task->shrinks) continue;
    view_->Shrink();
    const auto end = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    may_give_back_ = end + std::max<std::chrono::steady_clock::duration>(kGiveBackPause, 4 * (end - begin));
  }
}

std::optional<Checkpointer::Task> Checkpointer::NextLocked() {
  if (std::exchange(scarce_, false) && given_back_ != applied_end_) {
    given_back_ = applied_end_;
    return Task{applied_end_, true};
  }
  // The newest mark with enough log behind it.
  std::optional<Task> task;
  while (!marks_.empty() && bytes_ - marks_.front().bytes >= retain_bytes_) {
    task = Task{marks_.front().end};
    marks_.pop_front();
  }
  return task;
}

}  // namespace mom::replication
