// One run of one scenario: start, load, faults, healing, convergence, draining, judgement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/cluster/checker.h"
#include "tests/cluster/nemesis.h"

namespace mom::cluster {

struct RunOptions {
  std::string momd;
  std::string folder;  // Exists and is empty; gets the nodes' data and history.txt.
  uint32_t nodes = 3;
  uint32_t seconds = 10;  // Of faults.
  uint32_t publishers = 3;
  uint64_t seed = 1;
};

struct RunResult {
  uint64_t faults = 0, faults_on_leader = 0;
  uint64_t leader_changes = 0;
  double longest_gap_ms = 0;        // Without an acknowledged publish, under load.
  double catch_up_ms = 0;           // From healing until all nodes had applied what was committed then.
  uint64_t digest_comparisons = 0;  // By the nodes themselves, since their last starts.
  uint64_t snapshots_loaded = 0;    // By all nodes, over all their starts.
  Verdict verdict;
  std::map<std::string, uint64_t> refusals;  // By code, but for those that faults explain.
  std::vector<std::string> problems;         // Why the run is no pass; empty: it is one.
};

RunResult RunScenario(const Scenario& scenario, const RunOptions& options);

// One line.
std::string ToLine(const Scenario& scenario, const RunOptions& options, const RunResult& result);

}  // namespace mom::cluster
