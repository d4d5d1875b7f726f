// Proposal and Outcome: a command on its way into the log, and how it ended.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/base/entry.h"
#include "core/base/status.h"
#include "mom/v1/commands.pb.h"

namespace mom::replication {

// How a proposed command ended. Move-only by nature of its use; a plain value.
struct Outcome {
  Status status;  // ok: the entry was fsynced on a majority and applied here; `reply` says the rest.
                  // kNotLeader, kOverloaded, kNoSpace, kStopping: certainly not in the log.
                  // kUncertain: may be in the log; a retry with the same idempotency key is safe.
  v1::Reply reply;
  Offset offset;  // Of the entry.
  Epoch epoch;
};

inline Outcome Refused(Status::Code code, std::string message) {
  return Outcome{Status(code, std::move(message)), {}, {}, {}};
}

// Waits to be appended. `done` may be empty; it is called once, on a thread of the replica.
struct Proposal {
  EntryKind kind = EntryKind::kCommand;
  std::shared_ptr<const std::string> payload;
  std::function<void(Outcome)> done;
};

// An entry on its way to the view, with whoever waits for its outcome.
struct Pending {
  Entry entry;
  std::function<void(Outcome)> done;  // May be empty.
};

}  // namespace mom::replication
