// FullPlan: the faults of one history of the whole node (tier 2), drawn from its seed like those of a Plan.
#pragma once

#include <cstdint>
#include <string>

#include "core/quorum/options.h"
#include "tests/sim/random.h"

namespace mom::sim {

// Chances are per million, weights 0 for off.
struct FullPlan {
  uint32_t voters = 3;
  uint32_t spares = 0;  // Nodes that begin as observers.
  quorum::Options options;
  uint64_t tail_bytes_max = 1u << 20;
  size_t segment_bytes = 1u << 16;

  int64_t delay_ns = 1'000'000;
  uint32_t loss = 0;          // Of datagrams.
  uint32_t duplicate = 0;     // Likewise.
  uint32_t break_stream = 0;  // A packet ends its stream.

  int64_t sync_ns = 500'000;
  int64_t apply_ns = 200'000;

  uint32_t crash = 0, crash_all = 0, stop_at_call = 0, fail_call = 0, full_disk = 0, pause = 0, partition = 0,
           clock_jump = 0, damage = 0, replace_disk = 0, membership = 0, transfer = 0, checkpoint = 0,
           slow_disk = 0;
  int64_t fault_gap_ns = 1'000'000'000;

  uint32_t clients = 4;
  int64_t think_ns = 10'000'000;
  uint32_t body_bytes_max = 200;

  static FullPlan FromSeed(uint64_t seed);
  std::string Describe() const;
};

}  // namespace mom::sim
