#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/check.h"
#include "rest/pistache_worker.h"

namespace mom::rest {
namespace {

// The worker that runs a handler on this thread, and where its answers go meanwhile.
struct Dispatching {
  const WorkerMailbox* mailbox = nullptr;
  WorkerMailbox::Answers* answers = nullptr;
};
thread_local Dispatching dispatching;

}  // namespace

WorkerMailbox::~WorkerMailbox() {
  Close();
}

void WorkerMailbox::set_answers_of_this_thread(Answers* answers) {
  dispatching = answers == nullptr ? Dispatching{} : Dispatching{this, answers};
}

void WorkerMailbox::Complete(uint64_t request_number, HttpResponse response) {
  state_->waiting_now.fetch_sub(1, std::memory_order_relaxed);
  if (dispatching.mailbox == this) {
    dispatching.answers->emplace_back(request_number, std::move(response));
    return;
  }
  {
    std::lock_guard lock(mutex_);
    if (!is_open_) return;  // The server has stopped.
    answers_.emplace_back(request_number, std::move(response));
    if (std::exchange(is_woken_, true)) return;
  }
  SendWakeUp();
}

void WorkerMailbox::CompleteAll(Answers* answers) {
  state_->waiting_now.fetch_sub(static_cast<uint32_t>(answers->size()), std::memory_order_relaxed);
  bool wakes = false;
  {
    std::lock_guard lock(mutex_);
    if (is_open_) {
      std::move(answers->begin(), answers->end(), std::back_inserter(answers_));
      wakes = !std::exchange(is_woken_, true);
    }
  }
  answers->clear();
  if (wakes) SendWakeUp();
}

void WorkerMailbox::Wake() {
  {
    std::lock_guard lock(mutex_);
    if (!is_open_ || std::exchange(is_woken_, true)) return;
  }
  SendWakeUp();
}

// Without mutex_: the worker may run before send() returns, and would only wait for it.
void WorkerMailbox::SendWakeUp() {
  const char byte = 1;
  {
    std::lock_guard lock(wake_mutex_);
    if (wake_fd_ < 0 || ::send(wake_fd_, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) return;
  }
  std::lock_guard lock(mutex_);
  is_woken_ = false;
}

int WorkerMailbox::Open() {
  int fds[2];
  MOM_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0, errno);
  std::scoped_lock lock(mutex_, wake_mutex_);
  MOM_CHECK(!is_open_ && wake_fd_ < 0);
  is_open_ = true;
  wake_fd_ = fds[1];
  return fds[0];
}

void WorkerMailbox::Close() {
  std::scoped_lock lock(mutex_, wake_mutex_);
  if (wake_fd_ >= 0) ::close(wake_fd_);
  wake_fd_ = -1;
  is_open_ = false;
  answers_.clear();
}

void WorkerMailbox::TakeAnswers(Answers* answers) {
  MOM_CHECK(answers->empty());
  std::lock_guard lock(mutex_);
  is_woken_ = false;
  answers_.swap(*answers);
}

}  // namespace mom::rest
