#include "tests/sim/simulation.h"

#include <algorithm>
#include <optional>

#include "tests/sim/nemesis.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

// The liveness properties are those of a cluster without faults: L1 to L4 of docs/protocol.md.
class Rest {
 public:
  Rest(Cluster* cluster, Nemesis* nemesis) : cluster_(cluster), nemesis_(nemesis) {}

  void Check() {
    nemesis_->Heal();
    const quorum::Options& options = cluster_->plan()->options;
    // Pauses and slow disks of before may still last; then a leader is due within ten election timeouts.
    const int64_t start = now() + 6 * options.fetch_timeout_ns();
    const int64_t leader_due = start + 10 * options.election_timeout_ns() + 3 * options.fetch_timeout_ns();
    RunUntil(leader_due, [this] { return IsLed(); });
    SIM_CHECK(IsLed(), "L1: no leader after healing", Describe());

    RunUntil(leader_due + CatchUpTime(), [this] { return IsAtRest(); });
    for (const auto& node : cluster_->nodes()) {
      SIM_CHECK(IsAtRest() || node->kept_down || !node->is_up() || HasItsRole(*node),
                "L3: a node stays without a leader", node->id(), Describe());
    }
    SIM_CHECK(IsAtRest(), "L2: replicas do not reach the leader's end", Describe());
    CheckWritesAndReads();
    for (const auto& node : cluster_->nodes()) {
      if (!node->kept_down) cluster_->oracle()->CheckFinal(node->applied, node->digest);
    }
  }

 private:
  int64_t now() const { return cluster_->scheduler()->now(); }

  template <typename Done>
  void RunUntil(int64_t deadline, const Done& done) {
    for (uint64_t i = 0; now() < deadline && !done(); ++i) {
      SIM_CHECK(i < 2'000'000, "L2: never at rest", Describe());
      for (int k = 0; k < 16 && !cluster_->scheduler()->empty() && now() < deadline; ++k) {
        Event event;
        if (!cluster_->Dispatch(&event)) nemesis_->On(event);
      }
    }
  }

  bool IsLed() const {
    const Node* leader = cluster_->FindLeader();
    return leader != nullptr;
  }

  // Enough for every entry to travel alone, three times.
  int64_t CatchUpTime() const {
    Offset first{UINT64_MAX}, last;
    for (const auto& node : cluster_->nodes()) {
      first = std::min(first, std::min(node->disk->end(), node->applied));
      last = std::max(last, node->disk->end());
    }
    const Plan& plan = *cluster_->plan();
    const int64_t entry_ns = 4 * plan.delay_ns + 4 * plan.sync_ns;
    return 40 * plan.options.fetch_timeout_ns() + 3 * static_cast<int64_t>((last - first).value) * entry_ns;
  }

  // A stream that broke before may be noticed only now; then its follower asks for a moment whether it should
  // stand.
  static bool HasItsRole(const Node& node) {
    return node.core->role() == quorum::Role::kFollower || node.core->role() == quorum::Role::kLeader;
  }

  bool IsAtRest() const {
    const Node* leader = cluster_->FindLeader();
    if (leader == nullptr) return false;
    const Offset end = leader->disk->end();
    for (const auto& node : cluster_->nodes()) {
      if (node->kept_down) continue;
      if (!node->is_up() || node->applied != end || node->disk->end() != end) return false;
      if (node->core->epoch() != leader->core->epoch()) return false;
      if (node.get() != leader && node->core->leader() != leader->id()) return false;
      if (!HasItsRole(*node)) return false;
      if (node->disk->damaged || !node->commands.empty() || !node->reads.empty()) return false;
      if (!node->admin.empty()) return false;  // A transfer lasts, and refuses writes meanwhile.
    }
    return true;
  }

  // L4: new work has an outcome, old work has none outstanding.
  void CheckWritesAndReads() {
    const uint64_t before = cluster_->oracle()->acknowledged();
    // What was under way before may still cost this leader its place; then the next one is asked.
    for (int i = 0; i < 4 && cluster_->oracle()->acknowledged() == before; ++i) {
      Node* leader = cluster_->FindLeader();
      if (leader != nullptr) cluster_->Propose(leader, 1);
      RunUntil(now() + 10 * cluster_->plan()->options.fetch_timeout_ns(), [this] { return IsAtRest(); });
    }
    SIM_CHECK(cluster_->oracle()->acknowledged() > before, "L4: a write is not acknowledged", Describe());
    SIM_CHECK(IsAtRest(), "L4: a write does not reach everybody", Describe());
    for (const auto& node : cluster_->nodes()) {
      SIM_CHECK(node->commands.empty(), "L4: a write without an outcome", node->id());
      SIM_CHECK(node->reads.empty(), "L4: a read without a verdict", node->id());
      SIM_CHECK(node->admin.empty(), "L4: an administrator without a verdict", node->id());
    }
  }

  std::string Describe() const {
    std::string text;
    for (const auto& node : cluster_->nodes()) text += "; " + Text(*node);
    return text;
  }

  Cluster* const cluster_;
  Nemesis* const nemesis_;
};

}  // namespace

Report RunSeed(uint64_t seed, const RunOptions& options) {
  Report report;
  report.seed = seed;
  Trace trace(options.trace);
  const Plan plan = Without(Plan::FromSeed(seed), options.without);
  if (options.trace != nullptr) std::fprintf(options.trace, "seed %lu: %s\n", seed, plan.Describe().c_str());
  std::optional<Cluster> cluster;
  try {
    cluster.emplace(plan, Random::Mix(seed + 1), &trace);
    Nemesis nemesis(&*cluster);
    while (cluster->events() < options.events) {
      Event event;
      if (!cluster->Dispatch(&event)) nemesis.On(event);
    }
    if (options.trace != nullptr) cluster->Say("healed");
    Rest(&*cluster, &nemesis).Check();
  } catch (const Violation& violation) {
    report.violation = violation.what();
  } catch (const Defect& defect) {
    report.violation = defect.what();
  }
  report.hash = trace.hash();
  if (!cluster) return report;  // It did not survive its start.
  cluster->coverage()->stale_packets = cluster->network()->stale_deliveries();
  cluster->coverage()->duplicates = cluster->network()->duplicates();
  report.events = cluster->events();
  report.simulated_ns = cluster->scheduler()->now();
  report.coverage = *cluster->coverage();
  if (!report.violation.empty() && options.trace != nullptr) cluster->Say(report.violation);
  return report;
}

}  // namespace mom::sim
