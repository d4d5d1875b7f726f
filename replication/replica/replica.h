// Replica: what the REST layer knows of this node's copy of the state: propose a command, read the view,
// wait.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/base/status.h"
#include "core/base/time.h"
#include "core/broker/broker.h"
#include "core/broker/view.h"
#include "mom/v1/commands.pb.h"
#include "replication/replica/node_status.h"
#include "replication/replica/proposal.h"
#include "replication/view/latest_view.h"
#include "wal/duration_histogram.h"

namespace mom::replication {

// A state of the view at one applied end; does not change. Thread-compatible; drop it soon.
class ViewSnapshot {
 public:
  virtual ~ViewSnapshot() = default;
  virtual const broker::ViewReader& reader() const = 0;
  virtual Offset applied_end() const = 0;
};

// What a leader knows of another node.
struct PeerInfo {
  uint32_t node_id = 0;
  bool voter = false;
  bool connected = false;  // It pulls now.
  Offset durable_end;      // As it has acknowledged.
};

struct ReplicaInfo {
  uint32_t node_id = 0;
  std::string role;  // "leader", "follower", "candidate", "starting".
  std::string cluster_id;
  Epoch epoch;
  uint32_t leader_id = 0;  // 0: unknown.
  Offset log_start, log_end, durable_end, high_watermark, applied_end;
  uint64_t digest = 0;             // At applied_end.
  uint64_t wal_syncs = 0;          // fsyncs of log data since the start.
  wal::DurationCounts sync_times;  // How long they took, each with the write before it.
  uint64_t wal_entries = 0;        // Entries made durable since the start.
  uint64_t wal_bytes = 0;          // Size of the log on disk.
  uint64_t run_ahead = 0;          // Entries run while the log made them durable, since the start.
  uint64_t run_ahead_wasted = 0;   // Of those: had to be run again.
  uint64_t pending = 0;            // Proposed and not answered yet.
  bool damaged =
      false;  // The log lacks entries that this disk once held; they are fetched, and it does not vote.
  bool caught_up = true;                 // With what was committed when this node started.
  bool loading_snapshot = false;         // Too far behind for the log.
  std::optional<SnapshotLoad> snapshot;  // While loading_snapshot: how far it is.
  // Since the start: made for others, loaded from others, failed to hand out or to load.
  uint64_t snapshots_made = 0, snapshots_loaded = 0, snapshots_failed = 0;
  bool disk_nearly_full = false;
  std::vector<uint32_t> voters;               // Node ids of those who count for majorities, ascending.
  std::map<uint32_t, std::string> addresses;  // Where nodes reach each other, as far as known.
  std::vector<PeerInfo> peers;                // On a leader.
  std::vector<WatchedNode> nodes;  // The others, as they say themselves; on every node of a cluster.
  std::string rest_address;        // Of its REST server; empty until it serves.
  // Of digests of this node's state with those of the others, since the start.
  uint64_t digest_comparisons = 0;
  uint64_t digest_mismatches = 0;
  bool diverged = false;  // This node's state is not the one that the log makes: do not believe it.
  std::string failure;    // Why the node cannot go on; empty when well.
};

// What an administrator asks of the cluster. Plain value.
struct AdminRequest {
  enum class Kind : uint8_t {
    kAddNode,     // Make the node at `address` a voter, once it has caught up.
    kRemoveNode,  // Let it count no more. It may be the leader.
    kTransfer,    // Let `node` lead; 0 picks the one with most of the log.
  };
  Kind kind = Kind::kAddNode;
  NodeId node;
  std::string address;  // HOST:PORT, of kAddNode.
};

// Thread-safe. Outlives the REST server.
class Replica {
 public:
  virtual ~Replica() = default;
  // Appends `command` and calls `done` exactly once, on a thread of the replica; `done` must not block.
  // A publishing command is refused with kNoSpace while the disk is nearly full.
  virtual void Propose(v1::Command command, std::function<void(Outcome)> done) = 0;
  virtual std::unique_ptr<ViewSnapshot> Snapshot() const = 0;
  // The newest applied state, which changes between two reads: for single records. Cheaper than a snapshot.
  virtual const LatestView& Latest() const = 0;
  virtual Offset applied_end() const = 0;
  // "leader", "follower", "candidate" or "starting", as in Info() but cheap.
  virtual std::string_view Role() const = 0;
  // Calls `done(true)` once applied_end() > offset, or `done(false)` after `timeout_ms`, on any thread.
  virtual void WaitApplied(Offset offset, int64_t timeout_ms, std::function<void(bool)> done) = 0;
  // The end that a view must have applied to serve a linearizable read begun now; or why nobody can say.
  // `done` once, on any thread.
  virtual void ReadBarrier(int64_t timeout_ms, std::function<void(Result<Offset>)> done) = 0;
  // Carried out by the leader, asked by way of this node; safe to repeat. `done` once, on any thread, with
  //   ok                done, or true already;
  //   kNotFound         no such voter;
  //   kInvalidArgument  it cannot be done, and why;
  //   kWrongOwner       another node, or one of another cluster, answers there;
  //   kBusy             another change is under way;
  //   kOverloaded       the node has not caught up yet: ask again;
  //   kNotLeader        nobody leads now, kUncertain: the leader was lost meanwhile.
  virtual void Administer(AdminRequest request, std::function<void(Status)> done) = 0;
  virtual ReplicaInfo Info() const = 0;
  // The leader-stamped time of the newest applied entry, or the wall clock if that is later.
  virtual Timestamp Now() const = 0;
  // `listener(queues, revoked)` is called on the applier thread after an applied batch, with the queues that
  // may have something to receive, and what nobody may wait for any more. Set once, before the first Propose;
  // must not block.
  using WokenListener =
      std::function<void(const std::set<std::string>& queues, const broker::Revoked& revoked)>;
  virtual void SetWokenListener(WokenListener listener) = 0;
  // `listener()` is called on a thread of the replica when everything that was read here may be otherwise:
  // another view took the place of this one, the node failed, or was found diverged, or no longer. Set once,
  // before the first Propose; must not block.
  virtual void SetUpheavalListener(std::function<void()>) {}
  // `scope(answers)` is called on the applier thread and must call `answers()`, which calls the `done`s of a
  // batch: for who can pass on many at once. Set once, before the first Propose; must not block.
  using AnswerScope = std::function<void(const std::function<void()>& answers)>;
  virtual void SetAnswerScope(AnswerScope) {}
};

}  // namespace mom::replication
