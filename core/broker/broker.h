// Broker: the messaging rules as a pure function of (view, entry). The same log gives the same bytes in the
// view on every machine: time is the entry's timestamp, order is byte order, nothing else is asked.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "core/base/entry.h"
#include "core/broker/view.h"
#include "mom/v1/commands.pb.h"

namespace mom::broker {

inline constexpr uint32_t kViewFormat = 1;

// How far a view is. Stored in the view by the same batch as the effects.
struct AppliedState {
  Offset end;           // Behind the last applied entry.
  Epoch epoch;          // Of that entry.
  Timestamp timestamp;  // Of that entry.
  uint64_t digest = 0;  // Rolling digest of all effects; equal logs give equal digests.
};

struct Applied {
  v1::Reply reply;              // Of a command; empty for other kinds.
  ViewBatch changes;            // Includes the new AppliedState.
  std::set<std::string> woken;  // Queues that may have something to receive now.
  AppliedState state;
};

// REQUIRES: entry.offset is the view's applied end. A payload that does not parse is refused as malformed and
// still counts as applied: every replica does the same with it.
Applied Apply(const ViewReader& view, const Entry& entry);

// Zeros for an empty view.
AppliedState ReadAppliedState(const ViewReader& view);

// When the earliest timer is due, if there is one: the leader writes a clock entry then.
std::optional<Timestamp> NextDue(const ViewReader& view);
// The same, from what it was before `changes` led to `view`: seldom needs to look.
std::optional<Timestamp> NextDue(const ViewReader& view, std::optional<Timestamp> before,
                                 const ViewBatch& changes);

// Whether a receive would find something now; for deciding to wait without writing to the log.
bool HasReady(const ViewReader& view, const std::string& queue);

}  // namespace mom::broker
