// Nemesis: chooses when which fault happens, by the weights of the plan, and ends them all in the end.
#pragma once

#include <array>
#include <cstdint>

#include "tests/sim/cluster.h"

namespace mom::sim {

// Not thread-safe.
class Nemesis {
 public:
  explicit Nemesis(Cluster* cluster);

  // Handles kFault and kFaultEnds.
  void On(const Event& event);
  // No more faults: links are whole, clocks run evenly, everybody is started.
  void Heal();

 private:
  using Fault = void (Nemesis::*)();
  struct Choice {
    uint32_t weight = 0;
    Fault fault = nullptr;
  };

  void PlanNext();
  Node* AnyNode();
  Node* AnyUp();
  Node* LeaderOrAny();
  int64_t Duration(int64_t timeouts_max);

  void Partition();
  void ClogLink();
  void BreakStreams();
  void Crash();
  void CrashAll();
  void SlowDisk();
  void FullDisk();
  void Pause();
  void JumpClock();
  void ChangeRate();
  void ReplaceDisk();
  void DamageLog();
  void ChangeMembers();
  void ChangeOneMember();
  void Transfer();
  void MakeSnapshot();
  void DropPrefix();
  void Lie();

  // Whether the cluster could still elect and commit when `node` stops counting for good.
  bool MayLose(const Node& node) const;
  bool WouldWork(const quorum::VoterSet& voters, const Node* lost) const;
  bool IsHealthy(const quorum::ReplicaKey& voter, const Node* lost) const;

  Cluster* const cluster_;
  Random* const random_;
  std::array<Choice, 17> choices_;
  uint64_t weights_ = 0;
  uint64_t partition_ = 0;  // Number of the newest; an older one's end is void.
};

}  // namespace mom::sim
