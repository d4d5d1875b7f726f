// AsioRuntime: the thread of a replica's driver, its clocks and its timers.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <thread>

#include "replication/replica/driver_thread.h"

namespace mom::replication {

// The wall clock in milliseconds since 1970. Any thread.
Timestamp WallNow();

// Start and Stop belong to the owner; the rest as said. Its io_context is its own: all that runs on the
// thread is a Task.
class AsioRuntime final : public DriverThread {
 public:
  AsioRuntime();
  ~AsioRuntime() override;  // Stop().

  void Start();
  // Runs what was posted, also by what runs meanwhile, and joins; timers of others must be cancelled before.
  void Stop();

  Instant Now() const override;     // Any thread.
  Timestamp Wall() const override;  // Any thread.

 private:
  friend class AsioTimer;

  void Enqueue(Task task) override;
  void SetTimer(Instant at, Task task) override;
  static void Wait(boost::asio::steady_timer* timer, Task task);

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  std::thread thread_;
};

// A timer of its own on the runtime's thread. Used on that thread, or while it does not run; `runtime` must
// outlive it.
class AsioTimer {
 public:
  using Clock = std::chrono::steady_clock;

  explicit AsioTimer(AsioRuntime* runtime) : runtime_(runtime), timer_(runtime->io_) {}

  // Calls `fire` then, on the thread, in the place of what was set before.
  void Set(Clock::time_point at, std::function<void()> fire);
  void SetAfter(Clock::duration wait, std::function<void()> fire) {
    Set(Clock::now() + wait, std::move(fire));
  }
  void Cancel() { timer_.cancel(); }

 private:
  AsioRuntime* const runtime_;
  boost::asio::steady_timer timer_;
};

}  // namespace mom::replication
