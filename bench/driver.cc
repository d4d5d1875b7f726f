#include "bench/driver.h"

#include <sys/resource.h>

#include <utility>

#include "bench/pace.h"
#include "wal/this_thread.h"

namespace mom::bench {
namespace {

constexpr auto kStall = std::chrono::seconds(60);
constexpr auto kRetryPause = std::chrono::milliseconds(50);
constexpr int kFailuresInARowMax = 100;

double ToSeconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double ProcessorSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Driver::Driver(std::vector<Server> servers, int connections)
    : servers_(std::move(servers)), connections_(connections) {}

Result<std::vector<boost::asio::ip::tcp::endpoint>> Driver::Resolve() {
  std::vector<boost::asio::ip::tcp::endpoint> endpoints;
  for (const Server& server : servers_) {
    boost::system::error_code error;
    const auto found = boost::asio::ip::tcp::resolver(io_).resolve(server.host, server.port, error);
    if (error) return Status(Status::kIoError, server.Name() + ": " + error.message());
    endpoints.push_back(found.begin()->endpoint());
  }
  return endpoints;
}

void Driver::Open(const std::vector<boost::asio::ip::tcp::endpoint>& endpoints) {
  lanes_.clear();
  for (int i = 0; i < connections_; ++i) {
    Lane* lane = lanes_.emplace_back(std::make_unique<Lane>()).get();
    lane->slot.id = i;
    const size_t server = static_cast<size_t>(i) % servers_.size();
    lane->server = &servers_[server];
    lane->retry = std::make_unique<boost::asio::steady_timer>(io_);
    lane->connection = std::make_unique<Connection>(
        &io_, endpoints[server],
        [this, lane](int status, std::string_view body) { OnAnswer(lane, status, body); });
  }
}

Status Driver::Run(Workload* workload, const RunLimits& limits, Recorder* recorder) {
  const auto endpoints = Resolve();
  if (!endpoints.ok()) return endpoints.status();
  workload_ = workload;
  recorder_ = recorder;
  stopping_ = false;
  failure_ = Status();
  waiting_.clear();
  Open(*endpoints);
  Begin(limits);
  if (limits.rate > 0) wal::TakeShortTurns();  // A meter's own wait for a processor is not the node's.
  io_.restart();
  io_.run();
  recorder_->seconds = ToSeconds(last_answer_ - recording_since_);
  recorder_->client_cpu_seconds = ProcessorSeconds() - recorder_->client_cpu_seconds;
  lanes_.clear();
  return failure_;
}

void Driver::Begin(const RunLimits& limits) {
  const auto now = Clock::now();
  interval_ = IntervalOf(limits.rate);
  next_intended_ = now;
  active_ = connections_;
  StartRecording(limits.seconds);
  if (limits.warmup_seconds > 0) {
    phase_.expires_after(FromSeconds(limits.warmup_seconds));
    phase_.async_wait([this, seconds = limits.seconds](const auto& cancelled) {
      if (!cancelled && active_ > 0) StartRecording(seconds);
    });
  }
  WatchForStalls();
  for (const auto& lane : lanes_) Issue(lane.get());
  if (interval_ != Clock::duration::zero()) WakeAtNextIntended();
}

void Driver::StartRecording(double seconds) {
  recorder_->Clear();
  recorder_->client_cpu_seconds = ProcessorSeconds();
  recording_since_ = last_answer_ = Clock::now();
  if (seconds <= 0) return;
  phase_.expires_after(FromSeconds(seconds));
  phase_.async_wait([this](const auto& cancelled) {
    if (!cancelled) StopIssuing();
  });
}

void Driver::StopIssuing() {
  stopping_ = true;
  pace_.cancel();
  for (Lane* lane : std::exchange(waiting_, {})) Issue(lane);
}

// Gives the lane its next request, if one is due.
void Driver::Issue(Lane* lane) {
  const auto now = Clock::now();
  lane->intended = now;
  if (!stopping_ && interval_ != Clock::duration::zero()) {
    if (next_intended_ > now) {
      waiting_.push_back(lane);
      return;
    }
    lane->intended = next_intended_;
    next_intended_ += interval_;
  }
  if (!workload_->Prepare(&lane->slot, stopping_)) {
    if (--active_ == 0) Idle();
    return;
  }
  lane->sent = now;
  lane->connection->Send(lane->slot.request);
}

void Driver::OnAnswer(Lane* lane, int status, std::string_view body) {
  const auto now = Clock::now();
  const uint64_t messages = workload_->Answered(&lane->slot, status, body);
  ++recorder_->statuses[status];
  if (recorder_->keeps_samples) {
    const auto ns = [](Clock::duration d) { return std::chrono::nanoseconds(d).count(); };
    recorder_->samples.push_back(
        {ns(lane->intended - recording_since_), ns(now - lane->intended), status, lane->slot.kind});
  }
  if (status == 0) {
    if (++lane->failures_in_a_row >= kFailuresInARowMax) {
      lane->slot.receipts.clear();  // Nobody is there to acknowledge them to.
      failure_ = Status(Status::kIoError, "a connection to " + lane->server->Name() + " failed " +
                                              std::to_string(kFailuresInARowMax) + " times in a row");
      StopIssuing();
    }
    lane->retry->expires_after(kRetryPause);
    lane->retry->async_wait([this, lane](const auto&) { Issue(lane); });
    return;
  }
  lane->failures_in_a_row = 0;
  last_answer_ = now;
  auto& kind = recorder_->of(lane->slot.kind);
  // A request that started in the warm-up does not count its time before the recording.
  const auto latency = now - lane->intended;
  kind.latency_ns.Record(static_cast<uint64_t>(std::chrono::nanoseconds(latency).count()));
  kind.messages += messages;
  Issue(lane);
}

void Driver::WakeAtNextIntended() {
  pace_.expires_at(next_intended_);
  pace_.async_wait([this](const auto& cancelled) {
    if (cancelled || stopping_ || active_ == 0) return;
    while (!waiting_.empty() && next_intended_ <= Clock::now()) {
      Lane* lane = waiting_.front();
      waiting_.pop_front();
      Issue(lane);
    }
    // With every lane busy the next one to finish takes what is due; look again soon.
    if (next_intended_ <= Clock::now()) {
      pace_.expires_after(std::chrono::milliseconds(1));
      pace_.async_wait([this](const auto& stopped) {
        if (!stopped && !stopping_) WakeAtNextIntended();
      });
      return;
    }
    WakeAtNextIntended();
  });
}

// A request without an answer for a minute fails, so that a measurement always ends.
void Driver::WatchForStalls() {
  watch_.expires_after(std::chrono::seconds(1));
  watch_.async_wait([this](const auto& cancelled) {
    if (cancelled || active_ == 0) return;  // A timer that is due already cannot be cancelled any more.
    for (const auto& lane : lanes_) {
      if (lane->connection->busy() && Clock::now() - lane->sent > kStall) lane->connection->Abort();
    }
    WatchForStalls();
  });
}

void Driver::Idle() {
  phase_.cancel();
  pace_.cancel();
  watch_.cancel();
}

}  // namespace mom::bench
