// Operation: health, metrics, the contract, the cluster.
#include "rest/api_routes.h"
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
  if (info.loading_snapshot) return "the node loads a snapshot from the leader";
  const uint64_t applied = services.replica->applied_end().value;
  const uint64_t lag = info.high_watermark.value > applied ? info.high_watermark.value - applied : 0;
  if (lag > services.options.lag_entries_max) return "the view is " + std::to_string(lag) + " entries behind";
  if (info.disk_nearly_full) return "the disk is nearly full";
  return "";
}

void Ready(const CallPtr& call) {
  const std::string why = WhyNotReady(call->services(), call->services().replica->Info());
  if (!why.empty()) return call->SendProblem(503, "not-ready", why);
  call->SendJson(200, "{\"status\":\"ready\"}");
}

void GetMetrics(const CallPtr& call) {
  Services& services = call->services();
  call->Send(HttpResponse{200,
                          {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                          services.metrics.Text(services.replica->Info(), services.waiters.size())});
}

void GetOpenApi(const CallPtr& call) {
  call->Send(HttpResponse{200,
                          {{"Content-Type", "application/json"}, {"Cache-Control", "public, max-age=300"}},
                          std::string(OpenApiJson())});
}

std::string Hex(uint64_t number) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = text.size(); i-- > 0; number >>= 4) text[i] = kHex[number & 15];
  return text;
}

// What this node knows; of the others nothing yet.
void GetCluster(const CallPtr& call) {
  const replication::ReplicaInfo info = call->services().replica->Info();
  const uint64_t applied = info.applied_end.value;
  JsonWriter json;
  json.BeginObject().Member("cluster_id", info.cluster_id).Member("epoch", info.epoch.value);
  if (info.leader_id == 0) json.Key("leader").Null();
  if (info.leader_id != 0) json.Member("leader", info.leader_id);
  json.Member("high_watermark", info.high_watermark.value).Key("nodes").BeginArray();
  json.BeginObject().Member("id", call->options().node_id).Member("role", info.role).Member("voter", true);
  json.Member("log_start", info.log_start.value).Member("log_end", info.log_end.value);
  json.Member("durable_end", info.durable_end.value).Member("applied_end", applied);
  json.Member("lag", info.high_watermark.value > applied ? info.high_watermark.value - applied : 0);
  json.Member("digest", Hex(info.digest)).Member("version", call->options().version);
  call->SendJson(200, json.EndObject().EndArray().EndObject().Take());
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
