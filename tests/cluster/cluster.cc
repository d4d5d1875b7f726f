#include "tests/cluster/cluster.h"

#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "core/base/check.h"

namespace mom::cluster {
namespace {

constexpr int kLookMs = 300;
constexpr int kMetricsMs = 2000;
// Inside of namespaces, where nobody else listens.
constexpr uint16_t kRestPort = 8080;
constexpr uint16_t kGrpcPort = 9080;

uint64_t NumberIn(const boost::json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? static_cast<uint64_t>(value->as_int64()) : 0;
}

std::string TextIn(const boost::json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return "";
  return std::string(value->as_string().begin(), value->as_string().end());
}

}  // namespace

Cluster::Cluster(ClusterSetup setup) : setup_(std::move(setup)) {
  std::vector<NodeSetup> nodes(setup_.nodes);
  std::string peers;
  for (uint32_t i = 0; i < setup_.nodes; ++i) {
    nodes[i].id = i + 1;
    nodes[i].momd = setup_.momd;
    nodes[i].folder = setup_.folder;
    nodes[i].log_retain_mib = setup_.log_retain_mib;
    if (setup_.network) nodes[i].space = NetSpace::Make();
    MOM_CHECK(!setup_.network || nodes[i].space != nullptr);
    nodes[i].rest_port = setup_.network ? kRestPort : FreePort();
    nodes[i].grpc_port = setup_.network ? static_cast<uint16_t>(kGrpcPort + i) : FreePort();
    MOM_CHECK(nodes[i].rest_port != 0 && nodes[i].grpc_port != 0);
    if (i > 0) peers += ',';
    peers += std::to_string(i + 1) + "=127.0.0.1:" + std::to_string(nodes[i].grpc_port);
  }
  std::vector<ProxiedNode> proxied;
  for (NodeSetup& node : nodes) {
    proxied.push_back({node.space, node.grpc_port});
    node.peers = peers;
    nodes_.push_back(std::make_unique<NodeProcess>(std::move(node)));
  }
  if (setup_.network) proxy_ = std::make_unique<Proxy>(std::move(proxied));
}

void Cluster::StartAll() {
  for (auto& node : nodes_) {
    if (!node->running()) node->Start();
  }
}

bool Cluster::IsReady(uint32_t id, int timeout_ms) {
  HttpLink link(rest(id));
  return link.Send("GET", "/readyz", {}, "", timeout_ms).status == 200;
}

bool Cluster::WaitAllReady(int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (uint32_t id = 1; id <= size();) {
    if (IsReady(id, kLookMs)) {
      ++id;
    } else if (std::chrono::steady_clock::now() > deadline) {
      return false;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  return true;
}

void Cluster::set_token(std::string token) {
  const std::lock_guard lock(mutex_);
  token_ = std::move(token);
}

std::optional<NodeView> Cluster::Look(uint32_t id, int timeout_ms) {
  std::string token;
  {
    const std::lock_guard lock(mutex_);
    token = token_;
  }
  HttpLink link(rest(id));
  const HttpAnswer answer =
      link.Send("GET", "/v1/cluster", {{"Authorization", "Bearer " + token}}, "", timeout_ms);
  if (answer.status != 200) return std::nullopt;
  boost::json::error_code error;
  const auto tree = boost::json::parse(answer.body, error);
  const auto* object = error ? nullptr : tree.if_object();
  const auto* nodes = object == nullptr ? nullptr : object->if_contains("nodes");
  if (nodes == nullptr || !nodes->is_array()) return std::nullopt;
  NodeView view;
  view.leader = static_cast<uint32_t>(NumberIn(*object, "leader"));
  view.epoch = NumberIn(*object, "epoch");
  view.high_watermark = NumberIn(*object, "high_watermark");
  for (const auto& node : nodes->as_array()) {
    if (!node.is_object() || NumberIn(node.as_object(), "id") != id) continue;
    view.applied = NumberIn(node.as_object(), "applied_end");
    view.log_start = NumberIn(node.as_object(), "log_start");
    view.log_end = NumberIn(node.as_object(), "log_end");
    view.digest = TextIn(node.as_object(), "digest");
    view.role = TextIn(node.as_object(), "role");
    return view;
  }
  return std::nullopt;
}

uint64_t Cluster::Metric(uint32_t id, const std::string& name) {
  HttpLink link(rest(id));
  const HttpAnswer answer = link.Send("GET", "/metrics", {}, "", kMetricsMs);
  const size_t at = answer.body.find("\n" + name + " ");
  if (answer.status != 200 || at == std::string::npos) return UINT64_MAX;
  return std::strtoull(answer.body.c_str() + at + name.size() + 2, nullptr, 10);
}

uint64_t Cluster::SnapshotsLoaded() const {
  uint64_t count = 0;
  for (const auto& node : nodes_) {
    std::ifstream log(node->data_dir() + ".err");
    for (std::string line; std::getline(log, line);) {
      if (line.find("took the place of log and view") != std::string::npos) ++count;
    }
  }
  return count;
}

uint32_t Cluster::Leader() {
  uint32_t leader = 0;
  uint64_t epoch = 0;
  for (uint32_t id = 1; id <= size(); ++id) {
    const auto view = Look(id, kLookMs);
    if (!view || view->leader == 0 || view->epoch < epoch) continue;
    leader = view->leader;
    epoch = view->epoch;
  }
  return leader;
}

}  // namespace mom::cluster
