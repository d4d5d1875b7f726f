#include "tests/sim/plan.h"

#include <sstream>

namespace mom::sim {
namespace {

constexpr int64_t kMs = 1'000'000;

void DrawLimits(Random* random, quorum::Options* options) {
  constexpr uint32_t kTimeouts[] = {100, 300, 1000, 2000};
  options->fetch_timeout_ms = kTimeouts[random->Below(4)];
  options->election_timeout_ms = options->fetch_timeout_ms / (random->Coin() ? 1 : 2);
  // Small windows are met at once, so what happens at their edges happens often.
  constexpr uint32_t kEntries[] = {1, 2, 5, 16, 64};
  options->frame_entries_max = kEntries[random->Below(5)];
  options->window_entries_max = options->frame_entries_max * static_cast<uint32_t>(1 + random->Below(8));
  options->frame_bytes_max = static_cast<uint32_t>(random->Between(200, 20'000));
  options->window_bytes_max = options->frame_bytes_max * static_cast<uint32_t>(1 + random->Below(8));
  options->catch_up_entries_max = static_cast<uint32_t>(random->Between(1, 200));
  options->observers_max = static_cast<uint32_t>(random->Between(12, 16));  // All nodes and some liars.
  options->reads_max = static_cast<uint32_t>(random->Between(1, 64));
}

void DrawEpisodes(Random* random, Plan* plan) {
  for (uint32_t* weight :
       {&plan->partition, &plan->clog, &plan->break_streams, &plan->crash, &plan->slow_disk, &plan->full_disk,
        &plan->pause, &plan->clock_jump, &plan->clock_rate, &plan->membership, &plan->transfer,
        &plan->snapshot, &plan->drop_prefix, &plan->lie}) {
    *weight = random->Maybe(100);
  }
  // Few things happen without these, and only together.
  plan->membership *= 3;
  plan->drop_prefix *= 2;
  for (uint32_t* weight : {&plan->crash_all, &plan->replace_disk, &plan->damage}) *weight = random->Maybe(30);
}

}  // namespace

Plan Plan::FromSeed(uint64_t seed) {
  Random random(Random::Mix(seed ^ 0x6d6f6d2d73696d21ull));
  Plan plan;
  plan.voters = random.Below(3) == 0 ? 5 : 3;
  plan.observers = static_cast<uint32_t>(random.Below(3));
  DrawLimits(&random, &plan.options);

  const int64_t timeout = plan.options.fetch_timeout_ns();
  plan.delay_ns = timeout / random.Between(20, 400);
  plan.loss = random.Maybe(300'000);
  plan.duplicate = random.Maybe(500'000);
  plan.reorder = random.Maybe(100'000);
  plan.stale = random.Maybe(1'000'000);
  plan.replace = random.Maybe(1'000'000);
  plan.read_slow = random.Maybe(300'000);
  plan.transport_buffer = 1 + random.Below(4);

  plan.sync_ns = timeout / random.Between(50, 2000);
  plan.keep_tail = random.Maybe(1'000'000);
  plan.fail_sync = random.Maybe(1'000);
  plan.aimed_crash = random.Maybe(20'000);
  plan.view_falls_back = random.Maybe(1'000'000);

  DrawEpisodes(&random, &plan);
  plan.fault_gap_ns = timeout * random.Between(2, 40) / 4;
  plan.submit_gap_ns = timeout / random.Between(2, 60);
  plan.reads = static_cast<uint32_t>(random.Below(400'000));
  plan.commands_max = static_cast<uint32_t>(random.Between(1, 8));
  plan.proposal_follows = random.Maybe(1'000'000);
  return plan;
}

std::string Plan::Describe() const {
  std::ostringstream out;
  out << voters << " voters, " << observers << " observers, fetch timeout " << options.fetch_timeout_ms
      << " ms, election timeout " << options.election_timeout_ms << " ms, delay " << delay_ns / 1000
      << " us, sync " << sync_ns / 1000 << " us, a fault each " << fault_gap_ns / kMs << " ms; on:";
  for (const FaultKind& kind : kFaultKinds) {
    if (this->*kind.strength > 0) out << ' ' << kind.name << '=' << this->*kind.strength;
  }
  return out.str();
}

FaultSet FaultsOf(const Plan& plan) {
  FaultSet faults = 0;
  for (size_t i = 0; i < std::size(kFaultKinds); ++i) {
    if (plan.*kFaultKinds[i].strength > 0) faults |= FaultSet{1} << i;
  }
  return faults;
}

Plan Without(Plan plan, FaultSet faults) {
  for (size_t i = 0; i < std::size(kFaultKinds); ++i) {
    if ((faults >> i & 1) != 0) plan.*kFaultKinds[i].strength = 0;
  }
  return plan;
}

}  // namespace mom::sim
