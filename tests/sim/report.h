// HistoryReport: what one history of either tier shows.
#pragma once

#include <cstdint>
#include <string>

namespace mom::sim {

// `Coverage` counts what the history did: Add(other), and ForEach(visit) with visit(name, count, required).
template <typename Coverage>
struct HistoryReport {
  uint64_t seed = 0;
  uint64_t events = 0;
  uint64_t hash = 0;
  std::string violation;  // Empty: all is well. Else the name of the property stands first.
  int64_t simulated_ns = 0;
  Coverage coverage;
};

}  // namespace mom::sim
