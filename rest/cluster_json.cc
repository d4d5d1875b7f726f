#include "rest/cluster_json.h"

#include <algorithm>
#include <map>
#include <set>

#include "rest/json_writer.h"

namespace mom::rest {
namespace {

using replication::DigestMark;
using replication::NodeStatus;
using replication::PeerInfo;
using replication::ReplicaInfo;
using replication::WatchedNode;

std::string Hex(uint64_t number) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = text.size(); i-- > 0; number >>= 4) text[i] = kHex[number & 15];
  return text;
}

// What there is to know of one node, from several sources.
struct Known {
  const PeerInfo* pulling = nullptr;     // As the leader sees it.
  const WatchedNode* watched = nullptr;  // As it says itself.
};

std::map<uint32_t, Known> KnownNodes(const ReplicaInfo& info, uint32_t self) {
  std::map<uint32_t, Known> nodes{{self, {}}};
  for (uint32_t voter : info.voters) nodes[voter];
  if (info.role == "leader") {
    for (const PeerInfo& peer : info.peers) nodes[peer.node_id].pulling = &peer;
  }
  for (const WatchedNode& node : info.nodes) nodes[node.node.value].watched = &node;
  return nodes;
}

// The leader's, as far as it was heard.
Offset HighWatermark(const ReplicaInfo& info) {
  Offset end = info.high_watermark;
  for (const WatchedNode& node : info.nodes) {
    if (node.node.value == info.leader_id && node.status) end = std::max(end, node.status->high_watermark);
  }
  return end;
}

uint64_t LagOf(Offset high_watermark, Offset end) {
  return high_watermark > end ? (high_watermark - end).value : 0;
}

void AppendText(std::string_view name, std::string_view text, JsonWriter* json) {
  if (!text.empty()) json->Member(name, text);
}

void AppendFlags(bool caught_up, bool damaged, bool loading_snapshot, bool disk_nearly_full,
                 JsonWriter* json) {
  json->Member("caught_up", caught_up).Member("damaged", damaged);
  json->Member("loading_snapshot", loading_snapshot).Member("disk_nearly_full", disk_nearly_full);
}

void AppendLoad(const std::optional<replication::SnapshotLoad>& load, JsonWriter* json) {
  if (!load) return;
  json->Key("snapshot").BeginObject().Member("from", load->from.value).Member("end", load->end.value);
  json->Member("pairs", load->pairs).Member("bytes", load->bytes);
  if (load->pairs_total != 0) json->Member("pairs_total", load->pairs_total);
  AppendText("error", load->error, json);
  json->EndObject();
}

void AppendState(const DigestMark& applied, Offset high_watermark, JsonWriter* json) {
  json->Member("applied_end", applied.end.value).Member("lag", LagOf(high_watermark, applied.end));
  json->Member("digest", Hex(applied.digest)).Member("digest_offset", applied.end.value);
}

std::string AddressOf(const ReplicaInfo& info, uint32_t id) {
  const auto known = info.addresses.find(id);
  return known == info.addresses.end() ? "" : known->second;
}

void AppendSelf(const ReplicaInfo& info, uint32_t self, std::string_view version, JsonWriter* json) {
  json->Member("role", info.role);
  AppendText("address", AddressOf(info, self), json);
  AppendText("rest", info.rest_address, json);
  json->Member("log_start", info.log_start.value).Member("log_end", info.log_end.value);
  json->Member("durable_end", info.durable_end.value);
  AppendState({info.applied_end, info.digest}, HighWatermark(info), json);
  AppendFlags(info.caught_up, info.damaged, info.loading_snapshot, info.disk_nearly_full, json);
  AppendLoad(info.snapshot, json);
  json->Member("diverged", info.diverged).Member("version", version);
}

// Who claims to lead, but of an older epoch, has not heard of the newer one yet.
std::string_view RoleOf(const ReplicaInfo& info, uint32_t id, const Known& known) {
  if (id == info.leader_id) return "leader";
  if (known.pulling != nullptr && known.pulling->connected) return "follower";
  if (known.watched == nullptr || !known.watched->status) return "unknown";
  const std::string& role = known.watched->status->role;
  return role == "leader" ? std::string_view("follower") : role;
}

void AppendStatus(const NodeStatus& status, Offset high_watermark, JsonWriter* json) {
  AppendText("rest", status.rest, json);
  json->Member("log_start", status.log_start.value).Member("log_end", status.log_end.value);
  AppendState(status.applied, high_watermark, json);
  AppendFlags(status.caught_up, status.damaged, status.loading_snapshot, status.disk_nearly_full, json);
  AppendLoad(status.snapshot, json);
  AppendText("version", status.version, json);
}

void AppendOther(const ReplicaInfo& info, uint32_t id, const Known& known, JsonWriter* json) {
  json->Member("role", RoleOf(info, id, known));
  const NodeStatus* status =
      known.watched != nullptr && known.watched->status ? &*known.watched->status : nullptr;
  AppendText("address", known.watched != nullptr ? known.watched->address : AddressOf(info, id), json);
  if (known.pulling != nullptr) json->Member("connected", known.pulling->connected);
  if (known.pulling != nullptr) json->Member("durable_end", known.pulling->durable_end.value);
  if (known.pulling == nullptr && status != nullptr) json->Member("durable_end", status->durable_end.value);
  if (status != nullptr) AppendStatus(*status, HighWatermark(info), json);
  if (status == nullptr && known.pulling != nullptr) {
    json->Member("lag", LagOf(HighWatermark(info), known.pulling->durable_end));
  }
  if (known.watched == nullptr) return;
  if (known.watched->last_contact_ms) json->Member("last_contact_ms", *known.watched->last_contact_ms);
  json->Member("diverged", known.watched->diverged);
}

}  // namespace

std::string ClusterJson(const ReplicaInfo& info, uint32_t self, std::string_view version) {
  JsonWriter json;
  json.BeginObject().Member("cluster_id", info.cluster_id).Member("epoch", info.epoch.value);
  if (info.leader_id == 0) json.Key("leader").Null();
  if (info.leader_id != 0) json.Member("leader", info.leader_id);
  json.Member("high_watermark", info.high_watermark.value);
  json.Member("digest_comparisons", info.digest_comparisons);
  json.Member("digest_mismatches", info.digest_mismatches).Key("nodes").BeginArray();
  for (const auto& [id, known] : KnownNodes(info, self)) {
    const bool is_voter = std::find(info.voters.begin(), info.voters.end(), id) != info.voters.end();
    json.BeginObject().Member("id", id).Member("voter", is_voter || info.voters.empty());
    if (id == self) {
      AppendSelf(info, self, version, &json);
    } else {
      AppendOther(info, id, known, &json);
    }
    json.EndObject();
  }
  return json.EndArray().EndObject().Take();
}

}  // namespace mom::rest
