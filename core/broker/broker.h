// Broker: the messaging rules as a pure function of (view, entry). The same log gives the same bytes in the
// view on every machine: time is the entry's timestamp, order is byte order, nothing else is asked.
#pragma once

#include <google/protobuf/arena.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "core/broker/revoked.h"
#include "core/broker/view.h"
#include "mom/v1/commands.pb.h"
#include "mom/v1/records.pb.h"

namespace mom::broker {

class Context;

inline constexpr uint32_t kViewFormat = 2;

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
  Revoked revoked;
  AppliedState state;
};

// REQUIRES: entry.offset is the view's applied end. A payload that does not parse is refused as malformed and
// still counts as applied: every replica does the same with it.
Applied Apply(const ViewReader& view, const Entry& entry);

// Applies entries that follow one another and gathers their changes: the same bytes as applying and writing
// them one by one, but what they have in common, the view's end above all, is read and written once.
//
// Not thread-safe. `view` must outlive it and must not change meanwhile.
class EntryBatch {
 public:
  // `before` is what ReadAppliedState(view) gives.
  EntryBatch(const ViewReader* view, const AppliedState& before);
  EntryBatch(const EntryBatch&) = delete;
  EntryBatch& operator=(const EntryBatch&) = delete;

  // REQUIRES: entry.offset is state().end; not finished. Otherwise as Apply() above.
  v1::Reply Apply(const Entry& entry);
  const AppliedState& state() const { return state_; }
  // Of the command that was applied last; 0: it names none, or was no command.
  uint64_t origin() const { return origin_; }
  std::set<std::string>* woken() { return &woken_; }
  Revoked* revoked() { return &revoked_; }
  // All changes, with the new AppliedState. Ends the batch.
  const ViewBatch& Finish();
  ViewBatch TakeChanges() { return changes_.TakeChanges(); }  // REQUIRES: finished.

 private:
  // The record that was parsed last: most entries of a batch are of few sessions. Parsing depends on the
  // bytes alone, so that equal ones need not be parsed again.
  template <typename Record>
  class LastParsed {
   public:
    const Record& Of(std::string bytes);

   private:
    std::optional<std::string> bytes_;
    Record record_;
  };

  v1::Reply RunCommand(const Entry& entry, ViewOverlay* changes);
  v1::Reply Authenticate(Context* context, const v1::Command& command);

  alignas(8) char block_[4096];    // Where most commands fit.
  google::protobuf::Arena arena_;  // Of the command that is being applied.
  ViewOverlay changes_;
  AppliedState state_;
  uint64_t origin_ = 0;
  std::set<std::string> woken_;
  Revoked revoked_;
  LastParsed<v1::SessionRecord> session_;
  LastParsed<v1::UserRecord> user_;
};

// What the value under keys::Applied() says; zeros for none, as in an empty view. kWrongOwner: the view is of
// another format than this program's; kCorruption: no record at all.
Result<AppliedState> ParseAppliedState(const std::optional<std::string>& bytes);
Result<AppliedState> ReadAppliedState(const ViewReader& view);

// When the earliest timer is due, if there is one: the leader writes a clock entry then.
std::optional<Timestamp> NextDue(const ViewReader& view);
// The same, from what it was before `changes` led to `view`: seldom needs to look.
std::optional<Timestamp> NextDue(const ViewReader& view, std::optional<Timestamp> before,
                                 const ViewBatch& changes);

// Whether a receive would find something now; for deciding to wait without writing to the log.
bool HasReady(const ViewReader& view, const std::string& queue);

}  // namespace mom::broker
