// Operation: health, metrics, the contract, the cluster.
#include <algorithm>
#include <vector>

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

uint64_t LagOf(const replication::ReplicaInfo& info, Offset end) {
  return info.high_watermark > end ? (info.high_watermark - end).value : 0;
}

void AppendSelf(const Call& call, const replication::ReplicaInfo& info, bool is_voter, JsonWriter* json) {
  json->BeginObject()
      .Member("id", call.options().node_id)
      .Member("role", info.role)
      .Member("voter", is_voter);
  json->Member("log_start", info.log_start.value).Member("log_end", info.log_end.value);
  json->Member("durable_end", info.durable_end.value).Member("applied_end", info.applied_end.value);
  json->Member("lag", LagOf(info, info.applied_end)).Member("digest", Hex(info.digest));
  json->Member("version", call.options().version).EndObject();
}

// As the leader sees it; another node only knows who counts.
void AppendOther(const replication::ReplicaInfo& info, const replication::PeerInfo& peer, JsonWriter* json) {
  json->BeginObject().Member("id", peer.node_id);
  json->Member("role", peer.node_id == info.leader_id ? "leader" : "follower").Member("voter", peer.voter);
  if (info.role == "leader") {
    json->Member("connected", peer.connected).Member("durable_end", peer.durable_end.value);
    json->Member("lag", LagOf(info, peer.durable_end));
  }
  json->EndObject();
}

void GetCluster(const CallPtr& call) {
  const replication::ReplicaInfo info = call->services().replica->Info();
  JsonWriter json;
  json.BeginObject().Member("cluster_id", info.cluster_id).Member("epoch", info.epoch.value);
  if (info.leader_id == 0) json.Key("leader").Null();
  if (info.leader_id != 0) json.Member("leader", info.leader_id);
  json.Member("high_watermark", info.high_watermark.value).Key("nodes").BeginArray();
  const uint32_t self = call->options().node_id;
  const bool is_voter =
      info.voters.empty() || std::find(info.voters.begin(), info.voters.end(), self) != info.voters.end();
  std::vector<replication::PeerInfo> others = info.peers;
  if (info.role != "leader") {
    others.clear();
    for (uint32_t node : info.voters) others.push_back({node, true, false, {}});
  }
  AppendSelf(*call, info, is_voter, &json);
  for (const auto& peer : others) {
    if (peer.node_id != self) AppendOther(info, peer, &json);
  }
  call->SendJson(200, json.EndArray().EndObject().Take());
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
