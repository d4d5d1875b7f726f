// Plan: which faults a history has, and how strong they are, all drawn from its seed (swarm testing: each on
// with one half, so that one fault cannot hide what only another shows; Groce et al. 2012).
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

#include "core/quorum/options.h"
#include "tests/sim/random.h"

namespace mom::sim {

// Chances are per million.
struct Plan {
  uint32_t voters = 3;
  uint32_t observers = 0;
  quorum::Options options;  // Without the identity.

  // Network.
  int64_t delay_ns = 1'000'000;  // Mean of one way.
  uint32_t loss = 0;             // Of datagrams; of streams: chance that a packet breaks its stream.
  uint32_t duplicate = 0;
  uint32_t reorder = 0;         // Chance of a tenfold delay.
  uint32_t stale = 0;           // What is under way on a closed stream is handed over all the same.
  uint32_t replace = 0;         // A waiting acknowledgement gives way to a newer one.
  uint32_t read_slow = 0;       // Reading the entries of a frame takes its time.
  size_t transport_buffer = 2;  // Frames that a stream takes before it pushes back.

  // Disk.
  int64_t sync_ns = 500'000;
  uint32_t keep_tail = 0;        // After a crash a prefix of what was not synced is there.
  uint32_t fail_sync = 0;        // An fsync fails, the node stops.
  uint32_t aimed_crash = 0;      // A node stops between two effects of one step.
  uint32_t view_falls_back = 0;  // After a crash the view is that of its last checkpoint.

  // Episodes of the nemesis: their weights; 0 is off.
  uint32_t partition = 0, clog = 0, break_streams = 0, crash = 0, crash_all = 0, slow_disk = 0, full_disk = 0,
           pause = 0, clock_jump = 0, clock_rate = 0, replace_disk = 0, damage = 0, membership = 0,
           transfer = 0, snapshot = 0, drop_prefix = 0, lie = 0;
  int64_t fault_gap_ns = 1'000'000'000;  // Mean between two.

  // Clients.
  int64_t submit_gap_ns = 10'000'000;
  uint32_t reads = 200'000;  // Share of reads.
  uint32_t commands_max = 4;
  uint32_t proposal_follows = 0;  // Share of a leader's steps for which commands wait.

  static Plan FromSeed(uint64_t seed);
  // The faults that are on, for the reader of a trace.
  std::string Describe() const;
};

// Each of them can be switched off alone.
struct FaultKind {
  const char* name;
  uint32_t Plan::*strength;
};

inline constexpr FaultKind kFaultKinds[] = {
    {"loss", &Plan::loss},
    {"duplicate", &Plan::duplicate},
    {"reorder", &Plan::reorder},
    {"stale", &Plan::stale},
    {"replace", &Plan::replace},
    {"read_slow", &Plan::read_slow},
    {"keep_tail", &Plan::keep_tail},
    {"fail_sync", &Plan::fail_sync},
    {"aimed_crash", &Plan::aimed_crash},
    {"view_falls_back", &Plan::view_falls_back},
    {"partition", &Plan::partition},
    {"clog", &Plan::clog},
    {"break_streams", &Plan::break_streams},
    {"crash", &Plan::crash},
    {"crash_all", &Plan::crash_all},
    {"slow_disk", &Plan::slow_disk},
    {"full_disk", &Plan::full_disk},
    {"pause", &Plan::pause},
    {"clock_jump", &Plan::clock_jump},
    {"clock_rate", &Plan::clock_rate},
    {"replace_disk", &Plan::replace_disk},
    {"damage", &Plan::damage},
    {"membership", &Plan::membership},
    {"transfer", &Plan::transfer},
    {"snapshot", &Plan::snapshot},
    {"drop_prefix", &Plan::drop_prefix},
    {"lie", &Plan::lie},
};

// Kinds of faults by their place in kFaultKinds, a bit each.
using FaultSet = uint64_t;
static_assert(std::size(kFaultKinds) <= 64);

FaultSet FaultsOf(const Plan& plan);
Plan Without(Plan plan, FaultSet faults);

}  // namespace mom::sim
