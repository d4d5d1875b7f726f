// What happens to a replica: the input of Quorum::Step.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "core/quorum/messages.h"
#include "core/quorum/types.h"

namespace mom::quorum {

// What disk and configuration held when the process started.
struct Restored {
  HardState hard_state;
  Offset log_start;                // First offset held; 0, or the end of a snapshot or of a dropped prefix.
  Epoch log_start_epoch;           // Of the entry before log_start; 0 when log_start is 0.
  Offset log_end;                  // All of it durable.
  std::vector<EpochStart> epochs;  // First offset of every epoch in [log_start, log_end), ascending.
  VoterSet voters;  // In force at log_start: of the snapshot or of the formatted configuration.
  std::vector<VotersEntry> voter_entries;  // Those in the log, ascending.
  Offset committed_end;                    // Known to be committed, e.g. what the view holds. <= log_end.
  bool damaged = false;    // Entries that this disk acknowledged are gone: no vote until `repaired`.
  SessionId last_session;  // At least as large as any this disk ever used; too small only costs a retry.
  uint64_t seed = 0;       // Of the jitter. Different on every start.
};

// First event, once.
struct Started {};

// effects.wake_at has come. May come late or for nothing.
struct Tick {};

// A message arrived. For a Frame the driver keeps the payloads until Step returns: they are written when the
// effects contain an Append with from_frame, and dropped when not.
struct Received {
  Message message;
  // Commands wait: if this step raises the high watermark, Proposed is the next event. The followers then
  // hear of the high watermark with those entries, instead of in a frame of its own before them.
  bool proposal_follows = false;
};

// `count` commands wait to be appended. All are accepted or all refused, in the same step.
struct Proposed {
  uint32_t count = 0;
};

// Everything below `durable_end` has been fsynced. Never falls, never behind the log end.
struct Persisted {
  Offset durable_end;
  bool proposal_follows = false;  // As in Received.
};

// The one outstanding write of a fetch stream (SendFrame) finished. `end` is behind the last entry in it,
// `bytes` the size of its payloads.
struct FrameSent {
  NodeId peer;
  SessionId session;
  Offset end;
  uint64_t bytes = 0;
};

// A fetch stream ended, could not be opened, or was refused by the transport, at either side of it. Not
// needed for streams closed by an effect. Session ids of the two directions may coincide; at worst a session
// ends once too often. At the follower it allows a pre-vote at once (ADR 0005).
struct StreamClosed {
  NodeId peer;
  SessionId session;
};

// This replica can hand out a snapshot; replaces the one before. log_start <= id.end <= durable end.
struct SnapshotAvailable {
  SnapshotId id;
};

// The log's beginning was dropped. Never falls; <= committed end.
struct LogStartMoved {
  Offset log_start;
};

// A replica that follows this leader in `epoch` asked for a piece of a snapshot: it is alive.
struct SnapshotServed {
  Identity from;
  Epoch epoch;
};

// A piece of snapshot `id` arrived from node `from`, which says it leads `epoch`: the leader is alive.
struct SnapshotProgress {
  SnapshotId id;
  NodeId from;
  Epoch epoch;
};

// Snapshot `id` is complete, checked and durable beside the log, but not in use. `voters` were in force at
// its end.
struct SnapshotDownloaded {
  SnapshotId id;
  VoterSet voters;
};

// It cannot be had: the leader has deleted it, it is damaged, or the transfer failed.
struct SnapshotFailed {
  SnapshotId id;
};

// effects.install was carried out: view and log start at the snapshot's end, durably.
struct SnapshotInstalled {
  SnapshotId id;
};

// A linearizable read waits; answered by a ReadVerdict with the same id. Ids are the driver's; one id may
// stand for many reads.
struct ReadRequested {
  uint64_t id = 0;
};

// Administrator: make an observer a voter, or a voter an observer. One at a time.
struct ChangeVoters {
  uint64_t id = 0;  // Of the verdict.
  bool add = false;
  ReplicaKey replica;
};

// Administrator: let `target` lead; 0 picks the voter with most of the log.
struct TransferLeadership {
  uint64_t id = 0;
  NodeId target;
};

// Administrator or shutdown: stop leading.
struct ResignAsked {};

using Event =
    std::variant<Started, Tick, Received, Proposed, Persisted, FrameSent, StreamClosed, SnapshotAvailable,
                 LogStartMoved, SnapshotServed, SnapshotProgress, SnapshotDownloaded, SnapshotFailed,
                 SnapshotInstalled, ReadRequested, ChangeVoters, TransferLeadership, ResignAsked>;

}  // namespace mom::quorum
