// FullNemesis: faults for whole nodes, by the weights of the plan. Never more than the promise covers: at
// most one disk at a time has lost what it acknowledged.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/sim/full/full_world.h"

namespace mom::sim {

class FullNemesis {
 public:
  explicit FullNemesis(FullWorld* world);

  void Start() { PlanNext(); }
  // Ends all faults, starts everybody, and lets a node with a lost disk be a voter again.
  void Heal();

 private:
  using Fault = void (FullNemesis::*)();
  struct Choice {
    uint32_t weight;
    Fault fault;
  };

  void PlanNext();
  FullNode* Any();
  FullNode* AnyUp();
  int64_t Timeouts(int64_t max);
  void CrashNode(FullNode* node);
  void StartLater(FullNode* node, int64_t ns);
  // Every voter that the newest set names is there, with its disk and all that it acknowledged.
  bool IsWhole();

  void Crash();
  void CrashAll();
  void StopAtCall();
  void FailCall();
  void FillDisk();
  void Pause();
  void Partition();
  void JumpClock();
  void Damage();
  void ReplaceDisk();
  void ChangeVoters();
  void Transfer();
  void Checkpoint();
  void SlowDisk();

  FullWorld* const world_;
  Random* const random_;
  std::vector<Choice> choices_;
  uint64_t weights_ = 0;
  uint64_t partition_ = 0;
  uint64_t next_disk_ = 100;
  bool healed_ = false;
};

}  // namespace mom::sim
