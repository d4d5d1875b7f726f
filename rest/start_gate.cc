#include "rest/start_gate.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "rest/metrics.h"
#include "rest/not_done.h"
#include "rest/problem.h"

namespace mom::rest {

struct StartGate::State {
  explicit State(uint32_t node_id) {
    info.node_id = node_id;
    info.role = "starting";
  }

  HttpResponse Answer(const HttpRequest& request);
  HttpResponse NotReady(const std::string& why) const;

  std::atomic<bool> is_open{false};
  HttpHandler api;  // Written before is_open.
  const Metrics metrics{{}};
  std::mutex mutex;
  std::string waits_for = "the node starts";  // Guarded by mutex, like the next.
  replication::ReplicaInfo info;
};

HttpResponse StartGate::State::NotReady(const std::string& why) const {
  return Problem(503, "not-ready", "this node does not serve yet: " + why);
}

HttpResponse StartGate::State::Answer(const HttpRequest& request) {
  std::lock_guard lock(mutex);
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  HttpResponse response;
  if (is_get && request.path == "/healthz") {
    response = {200, {{"Content-Type", "application/json"}}, "{\"status\":\"alive\"}"};
  } else if (is_get && request.path == "/metrics") {
    response = {200,
                {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                metrics.Text(info, 0, std::nullopt)};
  } else {
    response = NotReady(waits_for);
    if (request.path != "/readyz") MarkNotDone(request, &response);
  }
  response.headers.emplace_back("Mom-Node", std::to_string(info.node_id));
  response.headers.emplace_back("Mom-Role", "starting");
  // No Mom-Applied: nothing was read. A view that is only just applying the log again stands before what was
  // answered from it, and a client that compares would see the node go back.
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

StartGate::StartGate(uint32_t node_id) : state_(std::make_shared<State>(node_id)) {}

HttpHandler StartGate::handler() {
  return [state = state_](HttpRequest request, Responder responder) {
    if (state->is_open.load(std::memory_order_acquire))
      return state->api(std::move(request), std::move(responder));
    responder.Send(state->Answer(request));
  };
}

void StartGate::Tell(std::string waits_for, replication::ReplicaInfo info) {
  std::lock_guard lock(state_->mutex);
  state_->waits_for = std::move(waits_for);
  info.role = "starting";
  state_->info = std::move(info);
}

void StartGate::Tell(std::string waits_for) {
  std::lock_guard lock(state_->mutex);
  state_->waits_for = std::move(waits_for);
}

void StartGate::Open(HttpHandler api) {
  MOM_CHECK(api && !state_->is_open);
  state_->api = std::move(api);
  state_->is_open.store(true, std::memory_order_release);
}

}  // namespace mom::rest
