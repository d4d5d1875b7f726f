// Cluster: nodes, network, clients and the oracle of one history. Carries the effects of every step out from
// top to bottom, as core/quorum/effects.h prescribes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/coverage.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"
#include "tests/sim/trace.h"
#include "tests/sim/witness.h"

namespace mom::sim {

// Not thread-safe.
class Cluster {
 public:
  Cluster(const Plan& plan, uint64_t seed, Trace* trace);

  // Takes the next event of the schedule and does what it says; false when it is the nemesis' business, which
  // is then in `event`.
  bool Dispatch(Event* event);

  // For the nemesis.
  void Start(Node* node);
  void Stop(Node* node, bool loud);
  void Step(Node* node, const quorum::Event& event, const Packet* frame = nullptr);
  void AddObserver();
  void ReplaceDisk(Node* node);
  void OfferSnapshot(Node* node);
  void DropPrefix(Node* node, Offset to);
  void ChangeVoters(Node* node, bool add, const quorum::ReplicaKey& key);
  void TransferLeadership(Node* node, NodeId target);
  void RearmWake(Node* node);  // After the node's clock changed.
  // Client side.
  void Submit();
  void Propose(Node* node, uint32_t count);

  std::vector<std::unique_ptr<Node>>& nodes() { return nodes_; }
  Node* FindLeader();  // Of the highest epoch; null when none is up.
  Node* FindDeposedLeader();
  const quorum::VoterSet& voters(uint16_t index) const { return voters_[index]; }
  Random* random() { return &random_; }
  Scheduler* scheduler() { return &scheduler_; }
  Network* network() { return &network_; }
  Oracle* oracle() { return &oracle_; }
  Coverage* coverage() { return &coverage_; }
  Trace* trace() { return trace_; }
  Plan* plan() { return &plan_; }
  const quorum::Identity& cluster_identity() const { return cluster_; }
  uint64_t events() const { return events_; }
  bool healed = false;  // No more faults; set by the simulation.
  void Say(const std::string& text);

 private:
  uint16_t InitialVoters();
  Uuid NewDisk() { return Uuid{1, ++disks_}; }

  // cluster.cc
  void Deliver(uint8_t to, uint32_t packet);
  // The step of a driver whose clients wait for the commit of what is on its way.
  template <typename Event>
  void StepAndPropose(Node* node, Event event, const Packet* frame = nullptr);
  void OnStreamEnded(uint8_t node, NodeId peer, quorum::SessionId session);
  void OnWake(Node* node, const Event& event);
  void OnFrameSent(Node* node, const Event& event);
  void OnSynced(Node* node, Offset end);
  void StartSync(Node* node);
  int64_t SyncTime(const Node& node);

  // execute.cc. Each returns false when the node stopped on the way.
  void Execute(Node* node, const quorum::Effects& effects, const Packet* frame);
  bool ExecuteDisk(Node* node, const quorum::Effects& effects, const Packet* frame);
  void ExecuteAppend(Node* node, const quorum::Append& append, const Packet* frame);
  bool ExecuteSends(Node* node, const quorum::Effects& effects);
  void ExecuteVerdicts(Node* node, const quorum::Effects& effects);
  bool CrashesHere(Node* node);
  void Send(Node* node, const quorum::Message& message);
  void SendFrame(Node* node, const quorum::SendFrame& order);
  void FillFrame(Node* node, uint32_t packet);
  void OnFrameRead(Node* node, uint32_t packet);
  void Apply(Node* node, Offset to);
  void ForgetCommands(Node* node, Offset from);
  void CheckHighWatermark(Node* node);
  void CheckVoters(const Node& node) const;

  // transfer.cc
  void OnPullSnapshot(Node* node, const quorum::PullSnapshot& pull);
  void AskForPiece(Node* node);
  void OnPullRetry(Node* node, uint64_t number);
  void OnPieceRequest(Node* node, const Packet& packet);
  void OnPiece(Node* node, const Packet& packet);
  void OnInstalled(Node* node);

  Plan plan_;
  Random random_;
  Trace* const trace_;
  Scheduler scheduler_;
  PacketPool packets_;
  VoterTable voters_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::pair<quorum::ReplicaKey, std::unique_ptr<Disk>>> retired_;
  Network network_;
  Oracle oracle_;
  Coverage coverage_;
  std::array<Witness, kNodesMax> witnesses_;
  quorum::Identity cluster_;
  uint64_t events_ = 0;
  uint64_t disks_ = 0;
  uint64_t next_life_ = 0;
  uint64_t next_read_ = 0;
  uint64_t next_admin_ = 0;
  uint64_t next_pull_ = 0;
  uint64_t seed_ = 0;
  NodeId last_leader_;
};

}  // namespace mom::sim
