// Measurement: sets users and queues up, runs a workload against a node and checks what became of every
// message.
#pragma once

#include <optional>
#include <string>

#include "bench/options.h"
#include "bench/recorder.h"
#include "bench/report.h"

namespace mom::bench {

struct Measurement {
  Recorder recorder;
  std::optional<Verification> verification;
  std::string failure;  // Why the run counts for nothing; empty when it does.
};

// Any workload but group-commit. Blocks for --seconds and what set-up and check take.
Measurement Measure(const Options& options);

}  // namespace mom::bench
