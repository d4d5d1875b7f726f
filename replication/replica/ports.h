// Ports: what the driver of a replica needs of the world. On Boost.Asio, gRPC and files in a node, on a
// simulated world in tests/sim.
//
// Every function is called on the driver's thread. What takes time answers later, as a call of a function of
// ReplicaDriver on that same thread, never from inside the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/quorum/messages.h"
#include "core/quorum/types.h"
#include "replication/replica/proposal.h"
#include "wal/hard_state.h"

namespace mom::replication {

// Time and thread.
class RuntimePort {
 public:
  virtual ~RuntimePort() = default;
  virtual Instant Now() const = 0;     // Never falls.
  virtual Timestamp Wall() const = 0;  // May jump.
  // Runs `task` on the driver's thread, later. The one function here that may be called from any thread.
  virtual void Post(std::function<void()> task) = 0;
};

// The log and the hard state of one disk.
class LogPort {
 public:
  virtual ~LogPort() = default;
  // Durable when it returns.
  virtual Status WriteHardState(const wal::HardState& state) = 0;
  // The damage that the log was opened with is healed: forgets it, durably.
  virtual Status ClearDamage() = 0;
  // Writes entries behind all that were submitted before; ReplicaDriver::OnPersisted says when they are
  // durable.
  virtual Status Submit(std::vector<Entry> entries) = 0;
  // Removes entries at and behind `to`; durable when it returns. Gives the timestamp of the entry before
  // `to`. REQUIRES: nothing submitted is on its way.
  virtual Result<Timestamp> Truncate(Offset to) = 0;
  // Reads entries from `from` on, which are durable, up to `bytes_max` of payload, but at least one.
  // kNotFound: the prefix was dropped meanwhile.
  virtual void Read(Offset from, size_t bytes_max, std::function<void(Result<std::vector<Entry>>)> done) = 0;
};

// The other nodes. Messages may be lost, but those of one stream arrive in order or the stream ends.
class PeerPort {
 public:
  virtual ~PeerPort() = default;
  // Votes, notices and their answers.
  virtual void Send(const quorum::Message& message) = 0;
  // Follower: opens a stream to message.to with this FetchRequest as its first message. An older stream of
  // this node is closed.
  virtual void OpenStream(const quorum::Message& open) = 0;
  // Follower: an acknowledgement on the open stream of its session; may take the place of one that still
  // waits.
  virtual void Acknowledge(const quorum::Message& request) = 0;
  // Leader: a FetchReply with a Frame, whose `base` and `probe` count and whose runs and voters are in
  // `entries`. ReplicaDriver::OnFrameSent when the stream can take the next one.
  virtual void SendFrame(const quorum::Message& reply, std::vector<Entry> entries) = 0;
  // Leader: the last message of a stream; ends it behind a frame that is still being written.
  virtual void SendLast(const quorum::Message& reply) = 0;
  // Either side: ends the stream, without an OnStreamClosed.
  virtual void Close(NodeId peer, quorum::SessionId session) = 0;
};

// The view and those who wait for outcomes.
class ViewPort {
 public:
  virtual ~ViewPort() = default;
  // Was appended to the log, and may be truncated again: whoever has time can run it, but nobody may see that
  // before it is committed.
  virtual void Appended(std::vector<Entry> entries) = 0;
  // Everything below `end` is committed and durable here: apply it, then answer. `entries` are the last of
  // it, contiguous and ending at `end`; those before are read from the log.
  virtual void Commit(Offset end, std::vector<Pending> entries) = 0;
};

// Snapshots of the view, handed from node to node.
class SnapshotPort {
 public:
  virtual ~SnapshotPort() = default;
  // Makes one that can be handed out: ReplicaDriver::OnSnapshotMade.
  virtual void Make() = 0;
  // Fetches `id` from a node and keeps it durably beside what is in use: ReplicaDriver::OnSnapshotPulled or
  // OnSnapshotFailed, and OnSnapshotProgress at each piece.
  virtual void Pull(const quorum::SnapshotId& id, NodeId from) = 0;
  // Forgets what was fetched of it.
  virtual void Abort(const quorum::SnapshotId& id) = 0;
  // Replaces view and log by the one that was fetched: ReplicaDriver::OnSnapshotInstalled.
  virtual void Install(const quorum::SnapshotId& id) = 0;
};

}  // namespace mom::replication
