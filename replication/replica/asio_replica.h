// AsioReplica: one node's replica on threads, timers and files. One thread runs the driver; the log, the view
// and the checkpoints have a thread each.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replication/replica/applied_waiters.h"
#include "replication/replica/applier.h"
#include "replication/replica/asio_admin.h"
#include "replication/replica/asio_forwarder.h"
#include "replication/replica/asio_log.h"
#include "replication/replica/asio_runtime.h"
#include "replication/replica/asio_snapshots.h"
#include "replication/replica/checkpointer.h"
#include "replication/replica/data_dir.h"
#include "replication/replica/digest_marks.h"
#include "replication/replica/disk_room.h"
#include "replication/replica/due_notice.h"
#include "replication/replica/peer_watch.h"
#include "replication/replica/replica.h"
#include "replication/replica/replica_driver.h"
#include "replication/replica/replica_options.h"
#include "replication/replica/view_in_use.h"
#include "replication/transport/transport.h"

namespace mom::replication {

class AsioReplica final : public Replica, private ViewPort, private PeerHandler {
 public:
  // Takes over an opened data folder. Nothing runs before Start().
  AsioReplica(DataDir data, ReplicaOptions options);
  ~AsioReplica() override;  // Stop().

  void Start();
  // Lets another node lead, if this one does, and gives it a moment to hear so. Before the links are cut.
  void Resign();
  // Answers what waits (uncertain), closes the log. Idempotent.
  void Stop();
  // The view holds everything that was committed when the node started, and somebody leads.
  bool caught_up() const { return caught_up_.load(); }
  // HOST:PORT at which this node serves REST, for the others. Any thread.
  void SetRestAddress(std::string address);
  // What takes in what other nodes send; after Start().
  PeerHandler* peer_handler() { return this; }

  void Propose(v1::Command command, std::function<void(Outcome)> done) override;
  std::unique_ptr<ViewSnapshot> Snapshot() const override;
  const LatestView& Latest() const override { return latest_; }
  std::string_view Role() const override { return role_.load(); }
  Offset applied_end() const override { return Offset{applied_end_.load()}; }
  void WaitApplied(Offset offset, int64_t timeout_ms, std::function<void(bool)> done) override;
  void ReadBarrier(int64_t timeout_ms, std::function<void(Result<Offset>)> done) override;
  void Administer(AdminRequest request, std::function<void(Status)> done) override;
  ReplicaInfo Info() const override;
  Timestamp Now() const override;
  void SetWokenListener(WokenListener listener) override;
  void SetUpheavalListener(std::function<void()> listener) override;
  void SetAnswerScope(AnswerScope scope) override;

 private:
  // A view that was replaced, until its readers are done.
  struct Retired {
    ViewInUse::HeldPtr view;
    std::string name;
  };

  bool TakeRoom(uint64_t bytes);  // For a command that waits; false at a limit.
  void GiveRoomBack(uint64_t bytes);
  void ProposeHere(std::shared_ptr<const std::string> payload, std::function<void(Outcome)> done);
  void Enqueue(Proposal proposal);
  NodeId leader() const { return NodeId{leader_id_.load()}; }
  ApplierHooks MakeHooks();
  std::unique_ptr<AsioForwarder> MakeForwarder();
  std::unique_ptr<AsioSnapshots> MakeSnapshots();
  std::unique_ptr<PeerWatch> MakeWatch();
  std::unique_ptr<AsioAdmin> MakeAdmin();
  void StartView();
  void StopView();
  Status Install(PulledSnapshot* pulled);
  void RemoveRetired();
  void Appended(std::vector<Entry> entries) override;
  void Commit(Offset end, std::vector<Pending> entries) override;

  // In asio_replica_peers.cc.
  void OnMessage(quorum::Message message, std::vector<Entry> entries) override;
  void OnFrameSent(NodeId peer, quorum::SessionId session, Offset end, uint64_t bytes) override;
  void OnStreamClosed(NodeId peer, quorum::SessionId session) override;
  Greeting OnGreeting(const Greeting& from) override;
  void OnForward(const quorum::Identity& from, std::string command,
                 std::function<void(Outcome)> reply) override;
  Offset AppliedEnd() const override { return applied_end(); }
  void OnReadBarrier(const quorum::Identity& from, std::function<void(Result<Offset>)> reply) override;
  void OnAdminister(const quorum::Identity& from, AdminRequest request,
                    std::function<void(Status)> reply) override;
  void OnSnapshotRequest(const quorum::Identity& from, const SnapshotChunkRequest& request,
                         std::function<void(Result<SnapshotChunk>)> reply) override;
  void OnStatus(const quorum::Identity& from, std::function<void(Result<NodeStatus>)> reply) override;

  void OnLackOfRoom(const std::string& path);  // Any thread.
  void AnswerInScope(const std::function<void()>& answers) const;

  // All of these run on the replica thread.
  void OnPersisted(const Status& status, Offset durable_end);
  void CheckDisk();
  void TellUpheaval();
  void TellDivergence();  // When it is another verdict than before.
  void ExpireWaiters();
  void LookAtDisk();            // And says when publishing is refused, and when no more.
  void Publish();               // Copies what Info() shows.
  ReplicaInfo OwnInfo() const;  // What Info() shows but for the others. Any thread.
  void Fail(const Status& status);
  void OnFailed(const Status& status);
  void OnMembersChanged();
  void ShowMembers();                // To the owner, when they are others than before.
  void TellLeader(bool is_another);  // Likewise.

  const ReplicaOptions options_;
  DataDir data_;
  ViewInUse view_;
  DiskRoom room_;
  AsioRuntime runtime_;
  AsioTimer disk_timer_;
  AsioTimer waiters_timer_;
  const uint64_t start_end_;        // Log end when opened.
  const Timestamp last_timestamp_;  // Likewise.
  std::atomic<uint64_t> wal_bytes_;
  std::atomic<uint64_t> log_start_;
  AsioLog log_;
  Inbox inbox_;
  const std::unique_ptr<AsioForwarder> forwarder_;  // Null when alone, like the next.
  const std::unique_ptr<AsioSnapshots> snapshots_;
  DigestMarks marks_;
  const std::unique_ptr<PeerWatch> watch_;  // Null when alone.
  ReplicaDriver driver_;                    // Used by the replica thread only, like the next two.
  DueNotice due_;
  const std::unique_ptr<AsioAdmin> admin_;  // Null when alone.
  Members members_;                         // As the owner was told, like the next.
  Epoch told_epoch_;
  bool told_diverged_ = false;
  AppliedWaiters waiters_;

  std::vector<Retired> retired_;  // Used by the replica thread.

  std::atomic<uint64_t> pending_entries_{0};
  std::atomic<uint64_t> pending_bytes_{0};
  std::atomic<uint64_t> applied_end_;
  std::atomic<uint64_t> committed_end_{0};
  std::atomic<int64_t> applied_ms_;
  bool told_full_ = false;  // Used by the replica thread.
  mutable std::mutex lacking_mutex_;
  std::string lacking_;                   // The file that found no room last. Guarded by lacking_mutex_.
  std::atomic<bool> reserve_held_{true};  // The log's room for acknowledgements on a full disk.
  std::atomic<uint64_t> wal_entries_{0};
  AheadCounts ahead_;
  std::atomic<uint64_t> wal_syncs_{0};
  std::atomic<bool> caught_up_{false};
  std::atomic<bool> started_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  std::atomic<const char*> role_{"starting"};
  std::atomic<uint32_t> leader_id_{0};
  const LatestReader latest_;

  mutable std::mutex info_mutex_;
  ReplicaInfo info_;  // Guarded by info_mutex_.

  WokenListener woken_listener_;
  std::function<void()> upheaval_listener_;
  AnswerScope answer_scope_;
  std::unique_ptr<Applier> applier_;
  std::unique_ptr<Checkpointer> checkpointer_;
};

}  // namespace mom::replication
