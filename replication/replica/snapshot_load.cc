#include "replication/replica/snapshot_load.h"

#include <algorithm>

namespace mom::replication {

std::string Describe(const SnapshotLoad& load) {
  std::string text = "loading a snapshot from node " + std::to_string(load.from.value) + ": ";
  if (load.pairs_total == 0) {
    text += std::to_string(load.pairs) + " pairs";
  } else {
    const uint64_t percent = std::min<uint64_t>(load.pairs, load.pairs_total) * 100 / load.pairs_total;
    text += std::to_string(percent) + " % (" + std::to_string(load.pairs) + " of " +
            std::to_string(load.pairs_total) + " pairs)";
  }
  if (!load.error.empty()) text += "; what went wrong last: " + load.error;
  return text;
}

}  // namespace mom::replication
