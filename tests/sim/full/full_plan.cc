#include "tests/sim/full/full_plan.h"

#include <sstream>

namespace mom::sim {

FullPlan FullPlan::FromSeed(uint64_t seed) {
  Random random(Random::Mix(seed ^ 0x66756c6c2073696dull));
  FullPlan plan;
  const uint64_t size = random.Below(8);
  plan.voters = size == 0 ? 1 : size <= 2 ? 5 : 3;  // Alone: nobody else's messages wake it.
  plan.spares = plan.voters == 1 ? 0 : static_cast<uint32_t>(random.Below(2));
  constexpr uint32_t kTimeouts[] = {200, 500, 1000, 2000};
  plan.options.fetch_timeout_ms = kTimeouts[random.Below(4)];
  plan.options.election_timeout_ms = plan.options.fetch_timeout_ms / 2;
  constexpr uint32_t kEntries[] = {1, 4, 32, 256};
  plan.options.frame_entries_max = kEntries[random.Below(4)];
  plan.options.window_entries_max =
      plan.options.frame_entries_max * static_cast<uint32_t>(2 + random.Below(8));
  plan.options.frame_bytes_max = static_cast<uint32_t>(random.Between(400, 20'000));
  plan.options.window_bytes_max = plan.options.frame_bytes_max * static_cast<uint32_t>(1 + random.Below(8));
  plan.options.catch_up_entries_max = static_cast<uint32_t>(random.Between(8, 200));
  constexpr uint64_t kTails[] = {0, 2'000, 20'000, 1u << 20};
  plan.tail_bytes_max = kTails[random.Below(4)];
  plan.segment_bytes = size_t{512} << random.Between(4, 8);

  const int64_t timeout = plan.options.fetch_timeout_ns();
  plan.delay_ns = timeout / random.Between(40, 400);
  plan.loss = random.Maybe(200'000);
  plan.duplicate = random.Maybe(200'000);
  plan.break_stream = random.Maybe(5'000);
  plan.sync_ns = timeout / random.Between(100, 2000);
  plan.apply_ns = timeout / random.Between(100, 4000);
  for (uint32_t* weight : {&plan.crash, &plan.stop_at_call, &plan.pause, &plan.partition, &plan.clock_jump,
                           &plan.transfer, &plan.checkpoint, &plan.slow_disk, &plan.membership}) {
    *weight = random.Maybe(100);
  }
  plan.checkpoint *= 6;  // Without prefixes that go there are no snapshots.
  for (uint32_t* weight :
       {&plan.crash_all, &plan.fail_call, &plan.full_disk, &plan.damage, &plan.replace_disk}) {
    *weight = random.Maybe(40);
  }
  plan.fault_gap_ns = timeout * random.Between(1, 12) / 2;
  plan.clients = static_cast<uint32_t>(random.Between(1, 6));
  plan.think_ns = timeout / random.Between(10, 100);
  plan.body_bytes_max = random.Coin() ? 60 : 1500;
  return plan;
}

std::string FullPlan::Describe() const {
  std::ostringstream out;
  out << voters << " voters, " << spares << " spares, fetch timeout " << options.fetch_timeout_ms
      << " ms, frames of " << options.frame_entries_max << ", tail " << tail_bytes_max << " B, segments "
      << segment_bytes << " B; on:";
  const auto say = [&](const char* name, uint32_t strength) {
    if (strength > 0) out << ' ' << name << '=' << strength;
  };
  say("loss", loss);
  say("duplicate", duplicate);
  say("break_stream", break_stream);
  say("crash", crash);
  say("crash_all", crash_all);
  say("stop_at_call", stop_at_call);
  say("fail_call", fail_call);
  say("full_disk", full_disk);
  say("pause", pause);
  say("partition", partition);
  say("clock_jump", clock_jump);
  say("damage", damage);
  say("replace_disk", replace_disk);
  say("membership", membership);
  say("transfer", transfer);
  say("checkpoint", checkpoint);
  say("slow_disk", slow_disk);
  return out.str();
}

}  // namespace mom::sim
