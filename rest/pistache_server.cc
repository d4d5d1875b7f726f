#include "rest/pistache_server.h"

#include <pistache/endpoint.h>
#include <pistache/http.h>
#include <pistache/peer.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <future>
#include <mutex>
#include <thread>

#include "core/base/check.h"
#include "rest/pistache_worker.h"

namespace mom::rest {
namespace {

namespace Http = Pistache::Http;
namespace Tcp = Pistache::Tcp;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Time for the connections to close and for Pistache's threads to end, behind the drain.
constexpr milliseconds kCloseMax{1000};
constexpr milliseconds kJoinMax{2000};
// A connection that Pistache forgot (see PistacheWorker::Nudge) waits no longer than this.
constexpr milliseconds kNudgeEvery{250};

// The workers that Pistache made, by its cloning of the handler.
struct Workers {
  std::mutex mutex;
  std::vector<std::shared_ptr<PistacheWorker>> list;
};

// The prototype belongs to the endpoint; Pistache clones one for each worker thread and calls the clone on
// that thread only. No exception leaves a callback: Pistache would let the process end.
class Handler : public Http::Handler {
 public:
  Handler(std::shared_ptr<ServerState> state, std::shared_ptr<Workers> workers)
      : state_(std::move(state)), workers_(std::move(workers)) {}

  std::shared_ptr<Tcp::Handler> clone() const override {
    auto handler = std::make_shared<Handler>(state_, workers_);
    handler->worker_ = std::make_shared<PistacheWorker>(state_);
    std::lock_guard lock(workers_->mutex);
    workers_->list.push_back(handler->worker_);
    return handler;
  }

  // Never called: onInput() does not go through the library's parser.
  void onRequest(const Http::Request&, Http::ResponseWriter response) override {
    response.send(Http::Code::Internal_Server_Error);
  }

 private:
  void onConnection(const std::shared_ptr<Tcp::Peer>& peer) override {
    Guard(peer, [&] { worker_->OnConnection(transport(), peer); });
  }
  void onInput(const char* buffer, size_t len, const std::shared_ptr<Tcp::Peer>& peer) override {
    Guard(peer, [&] { worker_->OnInput(peer->fd(), {buffer, len}); });
  }
  void onDisconnection(const std::shared_ptr<Tcp::Peer>& peer) override {
    Guard(peer, [&] { worker_->OnDisconnection(peer->fd()); });
  }

  // Out of memory, in practice: this client goes, the others stay.
  template <typename Body>
  void Guard(const std::shared_ptr<Tcp::Peer>& peer, const Body& body) {
    try {
      body();
    } catch (const std::exception&) {
      ::shutdown(peer->fd(), SHUT_RDWR);
    }
  }

  const std::shared_ptr<ServerState> state_;
  const std::shared_ptr<Workers> workers_;
  std::shared_ptr<PistacheWorker> worker_;
};

class PistacheServer : public HttpServer {
 public:
  explicit PistacheServer(const HttpServerOptions& options) : state_(std::make_shared<ServerState>()) {
    MOM_CHECK(options.threads >= 1 && options.threads <= 64, options.threads);
    MOM_CHECK(options.request_seconds_max >= 1, options.request_seconds_max);
    state_->options = options;
    state_->limits.request_bytes_max = options.request_bytes_max;
  }

  ~PistacheServer() override { Stop(0); }

  Status Start(HttpHandler handler) override;
  uint16_t port() const override { return port_; }
  void Stop(int drain_ms) override;
  HttpServerStats stats() const override;

 private:
  void WakeWorkers();
  void NudgeWorkers();
  void StopNudging();
  // Whether `counter` reached 0 within `patience`.
  bool WaitForZero(const std::atomic<uint32_t>& counter, milliseconds patience);

  const std::shared_ptr<ServerState> state_;
  const std::shared_ptr<Workers> workers_ = std::make_shared<Workers>();
  std::unique_ptr<Http::Endpoint> endpoint_;
  uint16_t port_ = 0;
  std::mutex nudging_mutex_;
  std::condition_variable nudging_changed_;
  bool is_nudging_ = false;
  std::thread nudger_;
};

Status PistacheServer::Start(HttpHandler handler) {
  MOM_CHECK(!endpoint_ && handler);
  state_->handler = std::move(handler);
  const HttpServerOptions& options = state_->options;
  const std::string where = options.host + ":" + std::to_string(options.port);
  try {
    // Pistache's time limits only see its own parser: ours (Sweep) replace them.
    const std::chrono::hours never(24 * 365);
    auto endpoint =
        std::make_unique<Http::Endpoint>(Pistache::Address(options.host, Pistache::Port(options.port)));
    endpoint->init(Http::Endpoint::options()
                       .threads(options.threads)
                       .threadsName("mom-http")
                       .flags(Tcp::Options::ReuseAddr | Tcp::Options::NoDelay | Tcp::Options::CloseOnExec)
                       .maxRequestSize(options.request_bytes_max)
                       .headerTimeout(never)
                       .bodyTimeout(never)
                       .keepaliveTimeout(never));
    endpoint->setHandler(std::make_shared<Handler>(state_, workers_));
    endpoint->serveThreaded();
    endpoint_ = std::move(endpoint);
  } catch (const std::exception& error) {
    // The only thing that Pistache tells is the text.
    if (std::strcmp(error.what(), std::strerror(EADDRINUSE)) == 0)
      return Status(Status::kBusy, where + " is in use");
    return Status(Status::kInvalidArgument, "cannot listen on " + where + ": " + error.what());
  }
  port_ = static_cast<uint16_t>(endpoint_->getPort());
  is_nudging_ = true;
  nudger_ = std::thread([this] { NudgeWorkers(); });
  return Status();
}

void PistacheServer::NudgeWorkers() {
  std::unique_lock lock(nudging_mutex_);
  while (!nudging_changed_.wait_for(lock, kNudgeEvery, [this] { return !is_nudging_; })) {
    std::lock_guard list_lock(workers_->mutex);
    for (const auto& worker : workers_->list) worker->Nudge();
  }
}

void PistacheServer::StopNudging() {
  {
    std::lock_guard lock(nudging_mutex_);
    is_nudging_ = false;
  }
  nudging_changed_.notify_one();
  nudger_.join();
}

void PistacheServer::WakeWorkers() {
  std::lock_guard lock(workers_->mutex);
  for (const auto& worker : workers_->list) worker->mailbox().Wake();
}

bool PistacheServer::WaitForZero(const std::atomic<uint32_t>& counter, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (counter.load() != 0) {
    if (steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

void PistacheServer::Stop(int drain_ms) {
  if (!endpoint_) return;
  state_->is_draining = true;
  WakeWorkers();
  WaitForZero(state_->unsent_now, milliseconds(drain_ms));
  StopNudging();
  state_->is_closing = true;
  WakeWorkers();
  WaitForZero(state_->connections_now, kCloseMax);
  // Pistache's shutdown joins its threads, which may never end (see the header).
  std::promise<void> ended;
  std::future<void> end = ended.get_future();
  std::thread([endpoint = std::move(endpoint_), ended = std::move(ended)]() mutable {
    endpoint->shutdown();
    endpoint.reset();
    ended.set_value();
  }).detach();
  if (end.wait_for(kJoinMax) != std::future_status::ready) return;
  std::lock_guard lock(workers_->mutex);
  workers_->list.clear();
}

HttpServerStats PistacheServer::stats() const {
  HttpServerStats stats;
  stats.requests = state_->requests.load(std::memory_order_relaxed);
  stats.answers = state_->answers.load(std::memory_order_relaxed);
  stats.aborted = state_->aborted.load(std::memory_order_relaxed);
  stats.refused = state_->refused.load(std::memory_order_relaxed);
  stats.connections = state_->connections.load(std::memory_order_relaxed);
  stats.connections_now = state_->connections_now.load(std::memory_order_relaxed);
  stats.waiting_now = state_->waiting_now.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace

std::unique_ptr<HttpServer> MakePistacheServer(const HttpServerOptions& options) {
  return std::make_unique<PistacheServer>(options);
}

}  // namespace mom::rest
