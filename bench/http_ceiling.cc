// mom-http-empty: the web server with a handler that does nothing, to measure what HTTP alone costs.
//
//   mom-http-empty [--port N] [--threads N] [--async | --log DIR]      then: wrk -t1 -c64 http://127.0.0.1:N/
//
// With --async every answer comes from one other thread, as after a commit; with --log it comes once the body
// is in a log in DIR and fsynced. Prints the port, ends at SIGTERM.
#include <csignal>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/log_first.h"
#include "rest/pistache_server.h"

namespace {

// Answers from a thread of its own, a batch at a time.
class Answerer {
 public:
  Answerer() : thread_([this] { Run(); }) {}
  ~Answerer() {
    {
      std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  void Add(mom::rest::Responder responder) {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(responder));
    if (waiting_.size() == 1) changed_.notify_one();
  }

 private:
  void Run() {
    std::vector<mom::rest::Responder> batch;
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
      changed_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
      batch.swap(waiting_);
      lock.unlock();
      for (auto& responder : batch) responder.Send(mom::rest::HttpResponse{});
      batch.clear();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<mom::rest::Responder> waiting_;
  bool is_stopping_ = false;
  std::thread thread_;  // Last: starts when the rest is there.
};

}  // namespace

int main(int argc, char** argv) {
  mom::rest::HttpServerOptions options;
  bool is_async = false;
  std::string log_dir;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--async") {
      is_async = true;
    } else if (flag == "--port" && i + 1 < argc) {
      options.port = static_cast<uint16_t>(std::stoi(argv[++i]));
    } else if (flag == "--threads" && i + 1 < argc) {
      options.threads = std::stoi(argv[++i]);
    } else if (flag == "--log" && i + 1 < argc) {
      log_dir = argv[++i];
    } else {
      std::fprintf(stderr, "usage: mom-http-empty [--port N] [--threads N] [--async | --log DIR]\n");
      return 2;
    }
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  Answerer answerer;
  std::unique_ptr<mom::bench::LogFirst> log;
  if (!log_dir.empty()) {
    auto opened = mom::bench::LogFirst::Open(log_dir);
    if (!opened.ok()) {
      std::fprintf(stderr, "mom-http-empty: %s\n", opened.status().message().c_str());
      return 1;
    }
    log = std::move(opened.value());
  }
  const auto server = mom::rest::MakePistacheServer(options);
  const mom::Status started =
      server->Start([&](mom::rest::HttpRequest request, mom::rest::Responder responder) {
        if (log != nullptr) return log->Handle(std::move(request), std::move(responder));
        if (is_async) return answerer.Add(std::move(responder));
        responder.Send(mom::rest::HttpResponse{});
      });
  if (!started.ok()) {
    std::fprintf(stderr, "mom-http-empty: %s\n", started.message().c_str());
    return 1;
  }
  std::printf("%d\n", server->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  server->Stop(100);
  return 0;
}
