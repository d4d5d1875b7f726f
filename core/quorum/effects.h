// What a replica must do: the output of Quorum::Step. One function of the driver carries the fields out from
// top to bottom; nothing else may send, write or truncate.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/quorum/messages.h"
#include "core/quorum/types.h"

namespace mom::quorum {

// Entries to be written behind `begin`, which is the log end. Report Persisted once they are fsynced.
struct Append {
  Offset begin;
  Offset end;
  // Of a follower: all entries of the frame that was just received, nothing else.
  bool from_frame = false;
  // Of a leader: entries of `epoch`, in this order.
  Epoch epoch;
  bool leader_change = false;      // One LeaderChange.
  std::optional<VoterSet> voters;  // Then one kVoters with this set.
  uint32_t commands = 0;           // Then so many of the waiting commands.
};

// Leader: send one Frame on the stream of `session`. The only outstanding write of that stream until
// FrameSent or StreamClosed. Reads entries from `begin` up to at most `end`, stops after `bytes_max` of
// payload but sends at least one when begin < end; begin == end: send an empty frame. Entries that are not
// yet fsynced here may be sent. If the stream was closed by an effect while the entries were being read, the
// frame must not be sent any more: they may be others by now.
struct SendFrame {
  NodeId to;
  SessionId session;
  Epoch epoch;
  Offset high_watermark;
  uint64_t probe = 0;
  Offset begin;
  Offset end;
  uint64_t bytes_max = 0;
};

// Close the fetch stream of `session` with `peer`, at whichever side; what has been queued on it by an
// earlier effect (a last FetchReply) is still sent. Not answered by StreamClosed.
struct CloseStream {
  NodeId peer;
  SessionId session;
};

// Start pulling a snapshot from `from`, chunk by chunk, or forget what was pulled (abort).
struct PullSnapshot {
  SnapshotId id;
  NodeId from;
  bool abort = false;
};

// The read with this id may be answered from a view whose applied end is at least `read_end`; or was refused.
struct ReadVerdict {
  uint64_t id = 0;
  Refusal refusal = Refusal::kNone;
  Offset read_end;
};

// Outcome of ChangeVoters (committed, or why not) or of TransferLeadership.
struct AdminVerdict {
  uint64_t id = 0;
  Refusal refusal = Refusal::kNone;
};

struct RoleChange {
  Role role = Role::kUnattached;
  Epoch epoch;
  NodeId leader;  // 0: unknown.
  bool operator==(const RoleChange&) const = default;
};

struct Effects {
  // 1. Make durable (fsync) before going on. When that fails the process must end.
  std::optional<HardState> hard_state;
  // 2. Remove entries at and behind this offset, before anything is appended. No write is in flight.
  std::optional<Offset> truncate_to;
  //    Replace log and view by this downloaded snapshot; report SnapshotInstalled. Takes its time: until then
  //    the core neither appends nor stands for election.
  std::optional<SnapshotId> install;
  // 3. Write.
  std::optional<Append> append;
  // 4. Send, open, close, in this order. A FetchRequest with `open` opens the stream; a later FetchRequest of
  //    a session may replace one that still waits to be sent. A FetchReply is the last message of its stream:
  //    send it behind the outstanding frame, then end the stream.
  std::vector<Message> messages;
  std::vector<SendFrame> frames;
  std::vector<CloseStream> closes;
  std::optional<PullSnapshot> pull_snapshot;
  bool snapshot_wanted = false;  // A follower needs one: make it, then report SnapshotAvailable.
  // 5. Everything below is committed and durable here: apply it. Rises.
  std::optional<Offset> committed_end;
  bool repaired = false;  // The damage of Restored is healed: remove the mark of it, durably.
  // 6. Verdicts. Proposals are accepted when `append` has their commands.
  uint32_t refused = 0;  // So many waiting commands are refused: certainly not in the log.
  Refusal refused_why = Refusal::kNone;
  std::vector<ReadVerdict> reads;
  std::vector<AdminVerdict> admin;
  // 7. Role, epoch or leader changed. Leaving kLeader: the outcome of proposals that are not committed is
  //    uncertain until they are committed or truncated.
  std::optional<RoleChange> role;
  // 8. Call Step(now, Tick{}) at this time, or earlier. kNever: only after another event.
  Instant wake_at;
};

}  // namespace mom::quorum
