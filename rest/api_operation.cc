// Operation: health, metrics, the contract, the cluster.
#include "rest/api_routes.h"
#include "rest/cluster_json.h"
#include "rest/openapi.h"

namespace mom::rest {
namespace {

void Health(const CallPtr& call) {
  call->SendJson(200, "{\"status\":\"alive\"}");
}

// Why this node should get no requests; empty when it should.
std::string WhyNotReady(const Services& services, const replication::ReplicaInfo& info) {
  if (!info.failure.empty()) return "the node failed: " + info.failure;
  if (info.leader_id == 0) return "no leader is known";
  if (info.role == "starting") return "the node is starting";
  if (info.damaged) return "the node's log was damaged; it fetches from the others what it lacks";
  if (info.snapshot) return "the node is " + replication::Describe(*info.snapshot);
  if (info.loading_snapshot) return "the node loads a snapshot from the leader";
  if (!info.caught_up) return "the node catches up with the leader";
  const uint64_t applied = services.replica->applied_end().value;
  const uint64_t lag = info.high_watermark.value > applied ? info.high_watermark.value - applied : 0;
  if (lag > services.options.lag_entries_max) return "the view is " + std::to_string(lag) + " entries behind";
  if (info.disk_nearly_full) return "the disk is nearly full";
  return "";
}

void Ready(const CallPtr& call) {
  const replication::ReplicaInfo info = call->services().replica->Info();
  if (info.diverged) {
    return call->SendProblem(
        503, "diverged",
        "diverged: this node's state is not the one of the other nodes; stop it, put the view "
        "folder of its data aside and start it again (its log says at which offset)");
  }
  const std::string why = WhyNotReady(call->services(), info);
  if (!why.empty()) return call->SendProblem(503, "not-ready", why);
  call->SendJson(200, "{\"status\":\"ready\"}");
}

void GetMetrics(const CallPtr& call) {
  Services& services = call->services();
  std::optional<uint64_t> days_left;
  if (call->options().certificate_days_left) days_left = call->options().certificate_days_left();
  call->Send(
      HttpResponse{200,
                   {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                   services.metrics.Text(services.replica->Info(), services.waiters.size(), days_left)});
}

void GetOpenApi(const CallPtr& call) {
  call->Send(HttpResponse{200,
                          {{"Content-Type", "application/json"}, {"Cache-Control", "public, max-age=300"}},
                          std::string(OpenApiJson())});
}

void GetCluster(const CallPtr& call) {
  const replication::ReplicaInfo info = call->services().replica->Info();
  call->SendJson(200, ClusterJson(info, call->options().node_id, call->options().version));
}

constexpr Route kRoutes[] = {
    {"GET", "/healthz", Access::kPublic, BodyKind::kNone, false, Health},
    {"GET", "/readyz", Access::kPublic, BodyKind::kNone, false, Ready},
    {"GET", "/metrics", Access::kPublic, BodyKind::kNone, false, GetMetrics},
    {"GET", "/openapi.json", Access::kPublic, BodyKind::kNone, false, GetOpenApi},
    {"GET", "/v1/cluster", Access::kSession, BodyKind::kNone, false, GetCluster},
};

}  // namespace

std::span<const Route> OperationRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
