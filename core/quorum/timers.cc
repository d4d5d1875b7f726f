// When this replica wants to be woken.
#include <algorithm>

#include "core/quorum/quorum.h"

namespace mom::quorum {

// The earliest of all deadlines. Every one of them is moved when its time has come, or the replica would be
// woken for ever.
Instant Quorum::NextDeadline() const {
  if (!started_) return kNever;
  if (role_ == Role::kLeader) {
    Instant next = std::min({lead_.check_quorum, lead_.begin_epoch, lead_.disk});
    if (lead_.transfer) next = std::min(next, lead_.transfer->deadline);
    for (const Progress& p : lead_.progress) {
      if (!p.open) continue;
      next = std::min(next, Instant{p.last_heard.ns + options_.check_quorum_ns()});
      if (!p.write_outstanding) next = std::min(next, Instant{p.last_sent.ns + options_.heartbeat_ns()});
    }
    return next;
  }
  Instant next = deadline_;
  if (role_ != Role::kFollower && role_ != Role::kUnattached) return next;
  if (follow_.session != SessionId{}) {
    next = std::min(next, Instant{follow_.last_frame.ns + options_.silence_ns()});
    return std::min(next, Instant{follow_.last_sent.ns + options_.heartbeat_ns()});
  }
  const bool may_open = !follow_.pulling && !follow_.installing && durable_end_ == log_end();
  return may_open ? std::min(next, follow_.reopen) : next;
}

}  // namespace mom::quorum
