#include "tests/sim/full/full_simulation.h"

#include <optional>

#include "tests/sim/full/full_clients.h"
#include "tests/sim/full/full_nemesis.h"
#include "tests/sim/full/full_timers.h"
#include "tests/sim/full/full_world.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

class FullRun {
 public:
  FullRun(const FullPlan& plan, uint64_t seed, std::FILE* trace)
      : world_(plan, seed, trace), clients_(&world_), nemesis_(&world_), timers_(&world_) {}

  FullWorld* world() { return &world_; }

  void Run(uint64_t events) {
    for (const auto& node : world_.nodes()) node->Start();
    clients_.Start();
    nemesis_.Start();
    timers_.Start();
    while (world_.events() < events) world_.RunOne();
    world_.Say("healed");
    nemesis_.Heal();
    // Clients may be busy until somebody leads; the set-up, too, may have been held up.
    clients_.Finish();
    const int64_t timeout = world_.plan().options.fetch_timeout_ns();
    RunUntil(60 * timeout, [this] { return world_.FindLeader() != nullptr && clients_.idle(); });
    SIM_CHECK(clients_.idle(), "L4: an operation has no outcome", Describe());
    RunUntil(200 * timeout, [this] { return IsAtRest(); });
    SIM_CHECK(IsAtRest(), "L2: replicas do not become equal", Describe());
    clients_.PublishOne();
    RunUntil(30 * timeout, [this] { return clients_.idle(); });
    SIM_CHECK(clients_.idle(), "L4: a write is not acknowledged", Describe());
    RunUntil(60 * timeout, [this] { return IsAtRest(); });
    SIM_CHECK(IsAtRest(), "L2: a write does not reach everybody", Describe());
    // From here on nobody asks for anything: timers have to run out by themselves.
    RunUntil(100 * timeout, [this] { return timers_.none_soon(); });
    SIM_CHECK(timers_.none_soon(), "L5: timers do not run out", Describe());
    RunUntil(60 * timeout, [this] { return IsAtRest(); });
    SIM_CHECK(IsAtRest(), "L2: what timers did does not reach everybody", Describe());
    CheckFinal();
  }

  std::string Describe() const {
    std::string text;
    for (const auto& node : world_.nodes()) text += "; " + node->Text();
    return text;
  }

 private:
  template <typename Done>
  void RunUntil(int64_t ns, const Done& done) {
    const int64_t deadline = world_.now() + ns;
    const uint64_t events = world_.events() + 3'000'000;
    while (world_.now() < deadline && world_.events() < events && !done()) world_.RunOne();
  }

  bool IsAtRest() {
    FullNode* leader = world_.FindLeader();
    if (leader == nullptr) return false;
    const Offset end = leader->log_end();
    for (const auto& node : world_.nodes()) {
      if (!node->is_up() || node->is_paused() || node->IsDamaged()) return false;
      if (node->log_end() != end || node->applied_end() != end) return false;
      if (node->quorum().epoch() != leader->quorum().epoch()) return false;
    }
    return true;
  }

  void CheckFinal() {
    const broker::MemoryView& first = world_.nodes()[0]->view();
    for (const auto& node : world_.nodes()) {
      SIM_CHECK(node->view().contents() == first.contents(), "G7: views are not byte-equal", node->id());
    }
    world_.oracle()->CheckAcknowledged(world_.nodes()[0]->applied_end());
    world_.oracle()->CheckMessages(first);
  }

  FullWorld world_;
  FullClients clients_;
  FullNemesis nemesis_;
  FullTimers timers_;
};

}  // namespace

FullReport RunFullSeed(uint64_t seed, uint64_t events, std::FILE* trace) {
  FullReport report;
  report.seed = seed;
  const FullPlan plan = FullPlan::FromSeed(seed);
  if (trace != nullptr) std::fprintf(trace, "seed %lu: %s\n", seed, plan.Describe().c_str());
  FullRun run(plan, Random::Mix(seed + 17), trace);
  try {
    run.Run(events);
  } catch (const Violation& violation) {
    report.violation = violation.what();
  } catch (const Defect& defect) {
    report.violation = defect.what();
  }
  FullWorld* world = run.world();
  report.events = world->events();
  report.hash = world->hash();
  report.simulated_ns = world->now();
  report.coverage = *world->coverage();
  if (!report.violation.empty()) world->Say(report.violation + run.Describe());
  return report;
}

}  // namespace mom::sim
