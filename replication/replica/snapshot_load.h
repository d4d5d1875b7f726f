// SnapshotLoad: how far a node is with the snapshot that it must load, or why it could not.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/ids.h"

namespace mom::replication {

// Plain value.
struct SnapshotLoad {
  NodeId from;               // Who hands it over.
  Offset end;                // What it holds: everything below.
  uint64_t pairs = 0;        // That came.
  uint64_t pairs_total = 0;  // 0: not known yet.
  uint64_t bytes = 0;        // That came.
  std::string error;         // What went wrong last; empty: nothing.
  bool operator==(const SnapshotLoad&) const = default;
};

// "loading a snapshot from node 2: 40 % (2 of 5 pairs)", and what went wrong last.
std::string Describe(const SnapshotLoad& load);

}  // namespace mom::replication
