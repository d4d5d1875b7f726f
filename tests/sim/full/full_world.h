// FullWorld: time, chance and network of a simulated cluster of whole nodes: the real driver, log and broker
// on simulated ports (tier 2).
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "tests/sim/full/full_node.h"
#include "tests/sim/full/full_oracle.h"
#include "tests/sim/full/full_plan.h"
#include "tests/sim/random.h"

namespace mom::sim {

// A fetch stream: both ends, and packets on their way in order.
struct FullStream {
  NodeId follower, leader;
  uint32_t follower_life = 0, leader_life = 0;
  quorum::SessionId session;
  bool follower_open = true, leader_open = false;  // The leader's end opens with the first message.
  bool broken = false;                             // Nothing arrives any more.
  int64_t up_at = 0, down_at = 0;                  // When the newest packet arrives.
};

// Not thread-safe.
class FullWorld {
 public:
  FullWorld(const FullPlan& plan, uint64_t seed, std::FILE* trace);

  const FullPlan& plan() const { return plan_; }
  Random* random() { return &random_; }
  FullOracle* oracle() { return &oracle_; }
  FullCoverage* coverage() { return &coverage_; }
  int64_t now() const { return now_; }
  uint64_t events() const { return events_; }
  uint64_t hash() const { return hash_; }
  const std::vector<std::unique_ptr<FullNode>>& nodes() const { return nodes_; }
  FullNode* Find(NodeId id) {
    return id.value >= 1 && id.value <= nodes_.size() ? nodes_[id.value - 1].get() : nullptr;
  }
  // Leads and was not deposed as far as anybody knows; null when nobody does.
  FullNode* FindLeader();

  void In(int64_t ns, std::function<void()> task);
  // Does the next thing.
  void RunOne();
  void Mix(uint64_t word) { hash_ = Random::Mix(hash_ ^ word) + 1; }
  void Say(const std::string& text);

  // Network, for the nodes.
  void SendDatagram(NodeId from, const quorum::Message& message);
  void OpenStream(FullNode* follower, const quorum::Message& open);
  void SendUp(FullNode* follower, const quorum::Message& request);
  void SendDown(FullNode* leader, const quorum::Message& reply, std::vector<Entry> entries, bool last);
  void CloseStream(FullNode* node, NodeId peer, quorum::SessionId session);
  void OnNodeDown(FullNode* node, bool noticed);
  bool IsCut(NodeId from, NodeId to) const { return healthy_ ? false : cuts_.contains({from, to}); }
  std::set<std::pair<NodeId, NodeId>>* cuts() { return &cuts_; }
  // From now on the network loses nothing.
  void Heal();
  bool healthy() const { return healthy_; }
  int64_t Delay();

 private:
  struct Task {
    int64_t at;
    uint64_t order;
    std::function<void()> run;
  };
  using StreamPtr = std::shared_ptr<FullStream>;

  StreamPtr AtFollower(NodeId follower, quorum::SessionId session);
  StreamPtr AtLeader(NodeId leader, NodeId follower, quorum::SessionId session);
  void DeliverUp(const StreamPtr& stream, const quorum::Message& request);
  void DeliverDown(const StreamPtr& stream, const quorum::Message& reply, const std::vector<Entry>& entries,
                   bool last);
  void Break(const StreamPtr& stream);
  void EndFollower(const StreamPtr& stream);
  void EndLeader(const StreamPtr& stream);

  const FullPlan plan_;
  Random random_;
  std::FILE* const trace_;
  FullOracle oracle_;
  FullCoverage coverage_;
  int64_t now_ = 1'000'000;
  uint64_t events_ = 0;
  uint64_t next_order_ = 0;
  uint64_t hash_ = 0;
  bool healthy_ = false;
  std::vector<Task> tasks_;  // A heap.
  std::vector<StreamPtr> streams_;
  std::set<std::pair<NodeId, NodeId>> cuts_;  // From, to.
  std::vector<std::unique_ptr<FullNode>> nodes_;
};

}  // namespace mom::sim
