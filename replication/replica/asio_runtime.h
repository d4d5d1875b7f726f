// AsioRuntime: the thread of a replica's driver, its clocks and its one timer.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <thread>

#include "replication/replica/ports.h"

namespace mom::replication {

// The wall clock in milliseconds since 1970. Any thread.
Timestamp WallNow();

// Start and Stop belong to the owner; the rest as said.
class AsioRuntime final : public RuntimePort {
 public:
  AsioRuntime();
  ~AsioRuntime() override;  // Stop().

  void Start();
  // Runs what was posted, also by what runs meanwhile, and joins; timers that are armed must be cancelled
  // before.
  void Stop();
  // Calls `tick` on the thread at `at`, or cancels. The thread only.
  void Arm(Instant at, std::function<void()> tick);
  boost::asio::io_context& io() { return io_; }

  Instant Now() const override;                    // Any thread.
  Timestamp Wall() const override;                 // Any thread.
  void Post(std::function<void()> task) override;  // Any thread.

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  Instant armed_for_;
  std::thread thread_;
};

}  // namespace mom::replication
