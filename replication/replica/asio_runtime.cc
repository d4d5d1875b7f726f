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

AsioRuntime::AsioRuntime()
    : work_(boost::asio::make_work_guard(io_)), timer_(io_), armed_for_(quorum::kNever) {}

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
  boost::asio::post(io_, [this] {
    timer_.cancel();
    work_.reset();
  });
  thread_.join();
}

// Arming costs system calls: most steps change nothing.
void AsioRuntime::Arm(Instant at, std::function<void()> tick) {
  if (at == armed_for_) return;
  armed_for_ = at;
  timer_.cancel();
  if (at == quorum::kNever) return;
  timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at.ns)));
  timer_.async_wait([this, tick = std::move(tick)](const boost::system::error_code& error) {
    if (error) return;
    armed_for_ = quorum::kNever;
    tick();
  });
}

Instant AsioRuntime::Now() const {
  using std::chrono::duration_cast, std::chrono::nanoseconds, std::chrono::steady_clock;
  return Instant{duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()};
}

Timestamp AsioRuntime::Wall() const {
  return WallNow();
}

void AsioRuntime::Post(std::function<void()> task) {
  boost::asio::post(io_, std::move(task));
}

}  // namespace mom::replication
