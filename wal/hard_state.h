// HardState: what a node must remember about elections, durable before any message that depends on it.
#pragma once

#include <string>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "wal/env.h"

namespace mom::wal {

struct HardState {
  Epoch epoch;          // Highest seen; never falls.
  NodeId voted_for;     // Who got the vote of `epoch`; 0 when nobody did.
  Uuid voted_for_disk;  // The disk of that node.
  NodeId leader;        // Of `epoch`; 0 while unknown.
  bool operator==(const HardState&) const = default;
};

// kNotFound on a node that never voted; kCorruption when damaged: such a node must not vote; kWrongOwner for
// a newer format.
Result<HardState> ReadHardState(Env* env, const std::string& path);
// Replaces the file in one step; durable when ok. After an error the node stops.
Status WriteHardState(Env* env, const std::string& path, const HardState& state);

}  // namespace mom::wal
