// Driver: keeps the connections of a measurement busy, in a closed loop (the next request when the answer has
// come) or an open one (requests at fixed times, whatever the answers do).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "bench/connection.h"
#include "bench/recorder.h"
#include "bench/server.h"
#include "bench/workload.h"
#include "core/base/result.h"

namespace mom::bench {

struct RunLimits {
  double warmup_seconds = 0;  // Not recorded.
  double seconds = 0;         // 0: until the workload has nothing more to do.
  uint64_t rate = 0;          // Requests a second; 0: closed loop.
};

// Single-threaded: everything happens inside Run.
class Driver {
 public:
  // `servers`: at least one; connections go to them in turn.
  Driver(std::vector<Server> servers, int connections);

  // Blocks until the time is over or the workload ended, and all answers are there. Failed connections are
  // counted as status 0 and opened again; too many in a row, or no answer for a minute, are an error.
  Status Run(Workload* workload, const RunLimits& limits, Recorder* recorder);

 private:
  using Clock = std::chrono::steady_clock;
  struct Lane {
    Slot slot;
    const Server* server = nullptr;  // In servers_.
    std::unique_ptr<Connection> connection;
    Clock::time_point intended;  // When the request under way should have started.
    Clock::time_point sent;
    std::unique_ptr<boost::asio::steady_timer> retry;
    int failures_in_a_row = 0;
  };

  void Begin(const RunLimits& limits);
  void Issue(Lane* lane);
  void OnAnswer(Lane* lane, int status, std::string_view body);
  void WakeAtNextIntended();
  void WatchForStalls();
  void StartRecording(double seconds);
  void StopIssuing();
  void Idle();

  Result<std::vector<boost::asio::ip::tcp::endpoint>> Resolve();
  void Open(const std::vector<boost::asio::ip::tcp::endpoint>& endpoints);

  std::vector<Server> servers_;
  int connections_;
  boost::asio::io_context io_{1};
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::deque<Lane*> waiting_;  // Open loop: lanes without a request that is due.

  Workload* workload_ = nullptr;
  Recorder* recorder_ = nullptr;
  boost::asio::steady_timer pace_{io_};
  boost::asio::steady_timer phase_{io_};
  boost::asio::steady_timer watch_{io_};
  Clock::duration interval_{};  // Zero in a closed loop.
  Clock::time_point next_intended_;
  Clock::time_point recording_since_;
  Clock::time_point last_answer_;
  bool stopping_ = false;
  int active_ = 0;  // Lanes that still have something to do.
  Status failure_;
};

}  // namespace mom::bench
