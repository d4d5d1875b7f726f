// Nemesis: does bad things to a cluster, counts those that had an effect, and repairs them.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "tests/cluster/cluster.h"

namespace mom::cluster {

// For one thread. Faults last until they are taken back.
class Nemesis {
 public:
  // Scenarios go on until `end_ns`.
  Nemesis(Cluster* cluster, uint64_t seed, uint64_t end_ns)
      : cluster_(cluster), random_(seed), end_ns_(end_ns) {}

  bool over() const;
  void Sleep(uint32_t ms) const;  // Not beyond the end.
  uint64_t Random(uint64_t below) { return random_.Next() % below; }
  uint32_t size() const { return cluster_->size(); }
  // Waits for a leader; any node when there is none in time.
  uint32_t Leader();
  uint32_t Any();       // A random node.
  uint32_t Follower();  // A random one.
  std::vector<uint32_t> Others(uint32_t node) const;

  void Kill(uint32_t node);
  void Start(uint32_t node);
  void Pause(uint32_t node);
  void Resume(uint32_t node);
  void Restart(uint32_t node);  // SIGTERM, which must end well, and start.
  // Flips a bit of the node's log, or zeroes its last bytes. REQUIRES: it does not run.
  void Damage(uint32_t node);
  void TearTail(uint32_t node);
  // Waits until all say they are ready, for at most `ms`.
  void WaitReady(uint32_t ms);
  // Waits until all have applied what the leader has applied now, whatever they say of being ready.
  void WaitEqual(uint32_t ms);
  // Waits until the log of whoever leads begins behind the end of the node's, which does not run: it can only
  // go on with a snapshot. REQUIRES: `log_end` of LogEnd(), before it was stopped.
  void WaitBehindLog(uint64_t log_end);
  uint64_t LogEnd(uint32_t node);  // UINT64_MAX: it does not say.
  // Waits until the node has begun to load a snapshot, for at most `ms`. False: it did not.
  bool WaitLoading(uint32_t node, uint32_t ms);

  // On the network between the nodes; without one nothing happens.
  void CutFrom(uint32_t node);  // What it sends.
  void CutTo(uint32_t node);    // What it is sent.
  void CutBetween(uint32_t a, uint32_t b);
  void DelayAround(uint32_t node, uint32_t ms);
  void DripFrom(uint32_t node, uint32_t bytes_per_second);
  void ResetAround(uint32_t node);
  void HideEnds();  // Nobody hears that a connection has ended, until HealAll().
  void HealNetwork();

  // Repairs everything and starts what does not run.
  void HealAll();

  uint64_t faults() const { return faults_; }
  uint64_t faults_on_leader() const { return faults_on_leader_; }
  // What went wrong with nodes besides the faults: one that ended by itself, a stop that failed.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void Count(uint32_t node, bool effective);
  void LookForDead(uint32_t node);
  void Overwrite(uint32_t node, bool tail);

  Cluster* const cluster_;
  SplitMix64 random_;
  const uint64_t end_ns_;
  uint64_t faults_ = 0, faults_on_leader_ = 0;
  uint64_t touched_before_ = 0;   // By the network's faults before the present one.
  std::set<uint32_t> disturbed_;  // Nodes with faults of the network under way: together they are one.
  uint32_t last_leader_ = 0;
  std::vector<std::string> complaints_;
};

struct Scenario {
  const char* name;
  const char* what;
  bool needs_network;
  bool must_change_leader;
  void (*run)(Nemesis& nemesis);
  // So little log is kept, and so much is written, that nodes which were away must load snapshots; a run in
  // which none does proves nothing. 0: neither.
  uint32_t log_retain_mib = 0;
};

const std::vector<Scenario>& Scenarios();

}  // namespace mom::cluster
