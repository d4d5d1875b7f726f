// Transport: how nodes reach each other. Votes and notices, fetch streams, snapshots and forwarded commands.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "core/quorum/messages.h"
#include "core/quorum/types.h"
#include "replication/replica/members.h"
#include "replication/replica/node_status.h"
#include "replication/replica/ports.h"
#include "replication/replica/replica.h"

namespace mom::replication {

// What a node says of itself before there is a cluster, and to who asks whether there is one.
struct Greeting {
  NodeId node;
  Uuid disk;
  Uuid cluster;                              // Empty: not part of one yet.
  std::vector<quorum::ReplicaKey> founders;  // Voters the cluster began with; empty while `cluster` is.
  std::string peers;                         // Its --peers, in order of the ids; for comparing.
  std::string voters = {};                   // Who counts now and where, as EncodeVoters; empty: not said.
};

// A piece of a snapshot: keys and values of the view in order, behind `after`.
struct SnapshotChunkRequest {
  quorum::SnapshotId id;
  Epoch epoch;        // Of the asker.
  std::string after;  // Last key it has; empty: from the beginning.
};
struct SnapshotChunk {
  Epoch epoch;  // Of the sender.
  std::vector<std::pair<std::string, std::string>> pairs;
  bool last = false;
  uint32_t format = 0;             // Of the view.
  uint64_t pairs_total = 0;        // Of the whole snapshot; 0: not known yet, but with `last` it is.
  uint64_t checksum = 0;           // XXH3 over the keys and values of this piece, in order.
  uint64_t snapshot_checksum = 0;  // With `last`: likewise of the whole, as SnapshotSum has it.
  Timestamp timestamp;             // Of the last entry in the snapshot.
  std::vector<quorum::ReplicaKey> voters;
};

// Of a forwarded command that its sender looks for in its own log: true once the sender has found it there,
// and waits no more. Null: it does not look.
using Settled = std::shared_ptr<const std::atomic<bool>>;

// What arrives from other nodes. Called on threads of the transport: copy, post, return. Where there is a
// `reply`, it is called exactly once, on any thread, then or later; not called within a minute, the transport
// gives up.
class PeerHandler {
 public:
  virtual ~PeerHandler() = default;
  // Everything of the protocol. For a FetchReply with a Frame: base and probe are set, its entries are in
  // `entries`, contiguous from base, of known kinds and allowed sizes; all else is unchecked.
  virtual void OnMessage(quorum::Message message, std::vector<Entry> entries) = 0;
  // The frame was handed to the network; `end` is behind its last entry, `bytes` the size of its payloads.
  virtual void OnFrameSent(NodeId peer, quorum::SessionId session, Offset end, uint64_t bytes) = 0;
  // A stream ended, at either side, without Close or SendLast having asked for it.
  virtual void OnStreamClosed(NodeId peer, quorum::SessionId session) = 0;
  virtual Greeting OnGreeting(const Greeting& from) = 0;
  virtual void OnForward(const quorum::Identity& from, std::string command,
                         std::function<void(Outcome)> reply) = 0;
  // Of this node; told to who gets its commands. Called with locks held.
  virtual Offset AppliedEnd() const = 0;
  // A linearizable read: the offset up to which the asker must have applied.
  virtual void OnReadBarrier(const quorum::Identity& from, std::function<void(Result<Offset>)> reply) = 0;
  virtual void OnAdminister(const quorum::Identity& from, AdminRequest request,
                            std::function<void(Status)> reply) = 0;
  virtual void OnSnapshotRequest(const quorum::Identity& from, const SnapshotChunkRequest& request,
                                 std::function<void(Result<SnapshotChunk>)> reply) = 0;
  virtual void OnStatus(const quorum::Identity& from, std::function<void(Result<NodeStatus>)> reply) = 0;
};

// Thread-safe, but Start and Stop belong to the owner. The PeerPort functions never block.
class Transport : public PeerPort {
 public:
  // Serves and connects; `handler` must outlive Stop(). kBusy: the port is taken.
  virtual Status Start(PeerHandler* handler) = 0;
  // Ends all streams and calls; bounded. No call of the handler afterwards. What waits is told kStopping.
  virtual void Stop() = 0;
  // "127.0.0.1:9081", with the real port when 0 was asked for.
  virtual std::string listening() const = 0;
  // Who this node is from now on, in every message; until then only greetings are served and sent.
  virtual void SetIdentity(const quorum::Identity& self) = 0;
  virtual void SetAddresses(PeerAddresses addresses) = 0;
  virtual PeerAddresses Addresses() const = 0;  // As set last.

  // Calls with an answer; `done` exactly once, on any thread. Not reachable: kNotFound, certainly not done.
  // Connection lost or deadline passed in between: kUncertain.
  virtual void Greet(NodeId to, const Greeting& greeting, std::function<void(Result<Greeting>)> done) = 0;
  // With `settled` a success may be told late, as who forwards learns of it by itself.
  virtual void Forward(NodeId to, std::string command, int64_t timeout_ms, std::function<void(Outcome)> done,
                       Settled settled = nullptr) = 0;
  virtual void ReadBarrier(NodeId to, int64_t timeout_ms, std::function<void(Result<Offset>)> done) = 0;
  // Here not reachable is kNotLeader: kNotFound is what the leader itself says.
  virtual void Administer(NodeId to, const AdminRequest& request, int64_t timeout_ms,
                          std::function<void(Status)> done) = 0;
  virtual void FetchSnapshot(NodeId to, const SnapshotChunkRequest& request,
                             std::function<void(Result<SnapshotChunk>)> done) = 0;
  // An answer of another node than `to`, or of another cluster, is kInvalidArgument.
  virtual void FetchStatus(NodeId to, int64_t timeout_ms, std::function<void(Result<NodeStatus>)> done) = 0;
};

}  // namespace mom::replication
