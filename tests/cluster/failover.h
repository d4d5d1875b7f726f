// How long a cluster goes without an acknowledged write when its leader is killed or paused, many times.
#pragma once

#include <cstdint>
#include <string>

namespace mom::cluster {

struct FailoverOptions {
  std::string momd;
  std::string folder;  // Exists and is empty.
  uint32_t nodes = 3;
  uint32_t repeats = 50;
  bool pause = false;  // SIGSTOP instead of kill -9.
  uint64_t seed = 1;
};

// Prints a line a repeat, then median, 95th percentile and largest. False when something was wrong; that is
// printed.
bool MeasureFailover(const FailoverOptions& options);

}  // namespace mom::cluster
