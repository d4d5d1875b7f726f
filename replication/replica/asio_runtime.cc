#include "replication/replica/asio_runtime.h"

#include <boost/asio/post.hpp>

#include <chrono>
#include <utility>

#include "core/quorum/types.h"
#include "wal/this_thread.h"

namespace mom::replication {

Timestamp WallNow() {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
  return Timestamp{duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

AsioRuntime::AsioRuntime() : work_(boost::asio::make_work_guard(io_)), timer_(io_) {}

AsioRuntime::~AsioRuntime() {
  Stop();
}

void AsioRuntime::Start() {
  thread_ = std::thread([this] {
    wal::NameThisThread("mom-replica");
    wal::InterruptNobody();
    io_.run();
  });
}

void AsioRuntime::Stop() {
  if (!thread_.joinable()) return;
  Post([this] {
    Serve(nullptr);
    timer_.cancel();
    work_.reset();
  });
  thread_.join();
}

void AsioRuntime::Enqueue(Task task) {
  boost::asio::post(io_, std::move(task));
}

void AsioRuntime::SetTimer(Instant at, Task task) {
  timer_.cancel();
  if (at == quorum::kNever) return;
  timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at.ns)));
  Wait(&timer_, std::move(task));
}

void AsioRuntime::Wait(boost::asio::steady_timer* timer, Task task) {
  timer->async_wait([task = std::move(task)](const boost::system::error_code& error) {
    if (!error) task();
  });
}

void AsioTimer::Set(Clock::time_point at, std::function<void()> fire) {
  timer_.expires_at(at);  // Cancels what was set.
  runtime_->Wait(&timer_, runtime_->MakeTask(std::move(fire)));
}

Instant AsioRuntime::Now() const {
  using std::chrono::duration_cast, std::chrono::nanoseconds, std::chrono::steady_clock;
  return Instant{duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()};
}

Timestamp AsioRuntime::Wall() const {
  return WallNow();
}

}  // namespace mom::replication
