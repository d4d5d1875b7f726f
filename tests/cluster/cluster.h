// Cluster: the nodes of one run, started by us, in a folder of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/cluster/asio_http_link.h"
#include "tests/cluster/asio_proxy.h"
#include "tests/cluster/node_process.h"

namespace mom::cluster {

struct ClusterSetup {
  std::string momd;
  std::string folder;  // Made by the caller.
  uint32_t nodes = 3;
  bool network = false;         // With a Proxy between the nodes; needs network namespaces.
  uint32_t log_retain_mib = 0;  // As NodeSetup.
};

// What a node says of itself and of the cluster.
struct NodeView {
  uint32_t leader = 0;  // 0: knows none.
  uint64_t epoch = 0, high_watermark = 0, applied = 0, log_start = 0, log_end = 0;
  std::string digest, role;
};

// Nodes are numbered from 1. The process calls (node()) are for one thread, the nemesis; everything else is
// thread-safe.
class Cluster {
 public:
  // REQUIRES: with a network, that namespaces can be made.
  explicit Cluster(ClusterSetup setup);

  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  NodeProcess& node(uint32_t id) { return *nodes_[id - 1]; }
  Endpoint rest(uint32_t id) const { return nodes_[id - 1]->rest(); }
  // Null without a network.
  Proxy* proxy() { return proxy_.get(); }

  // Starts what does not run.
  void StartAll();
  // Whether all nodes say that they are ready, within `timeout_ms`.
  bool WaitAllReady(int timeout_ms);
  bool IsReady(uint32_t id, int timeout_ms);

  // For Look and Leader; any session.
  void set_token(std::string token);
  // Nothing when the node does not answer in time.
  std::optional<NodeView> Look(uint32_t id, int timeout_ms);
  // A number of the node's /metrics, without labels; UINT64_MAX when it has none or does not answer.
  uint64_t Metric(uint32_t id, const std::string& name);
  // How often nodes have put a snapshot from another one in the place of log and view, over all their starts:
  // from what they wrote.
  uint64_t SnapshotsLoaded() const;
  // The leader of the highest epoch that anybody knows of; 0: nobody knows one.
  uint32_t Leader();

 private:
  const ClusterSetup setup_;
  std::vector<std::unique_ptr<NodeProcess>> nodes_;
  std::unique_ptr<Proxy> proxy_;
  std::mutex mutex_;
  std::string token_;
};

}  // namespace mom::cluster
