// FullNode: one node of the simulated cluster: the product's driver, log and broker on a disk in memory.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/broker/broker.h"
#include "replication/replica/appended_entries.h"
#include "replication/replica/digest_marks.h"
#include "replication/replica/driver_thread.h"
#include "replication/replica/due_notice.h"
#include "replication/replica/executed_batch.h"
#include "replication/replica/open_log.h"
#include "replication/replica/replica_driver.h"
#include "wal/memory_env.h"

namespace mom::sim {

class FullWorld;

// How a node ends.
enum class FullCrash { kProcess, kPowerLost, kPowerTorn };

// Not thread-safe. Ports of the driver on the world's time and network.
class FullNode final : private replication::DriverThread,
                       private replication::LogPort,
                       private replication::PeerPort,
                       private replication::ViewPort,
                       private replication::SnapshotPort {
 public:
  FullNode(FullWorld* world, NodeId id, Uuid disk, const quorum::VoterSet& voters);

  NodeId id() const { return identity_.node; }
  quorum::ReplicaKey key() const { return {identity_.node, identity_.disk}; }
  bool is_up() const { return driver_ != nullptr; }
  bool is_paused() const { return paused_; }
  uint32_t life() const { return life_; }
  const quorum::Quorum& quorum() const { return driver_->quorum(); }
  Offset applied_end() const { return state_.end; }
  Offset log_end() const { return driver_->quorum().log_end(); }
  Timestamp LogTime() const { return driver_->LogTime(); }
  const broker::MemoryView& view() const { return view_; }
  bool IsDamaged() const;
  const std::optional<quorum::VoterSet>& last_voters() const { return last_voters_; }

  // Calls the driver, on its thread. Nothing when the node is down; waits while it is paused.
  void Do(std::function<void(replication::ReplicaDriver*)> call);
  // As a thread of a client's request would; to be called from Do.
  void Propose(replication::Proposal proposal);
  void Start();
  void Crash(FullCrash how);
  void Pause(int64_t ns);
  void JumpWall(int64_t ms) { wall_skew_ms_ += ms; }
  // The view is made durable, and the log below it may go.
  void Checkpoint(bool drop);
  // Damages a byte of the log of a node that is down. False: there was nothing to damage.
  bool DamageLog();
  void ReplaceDisk(Uuid disk);
  wal::MemoryEnv* env() { return env_.get(); }
  void set_sync_factor(int64_t factor) { sync_factor_ = factor; }
  bool is_full() const { return full_; }
  void SetFull(bool full);
  std::string Text() const;

 private:
  friend class FullWorld;

  static constexpr char kDir[] = "node";  // The data folder, on env_.

  struct HandedOut {
    quorum::SnapshotId id;
    broker::MemoryView view;
    Timestamp timestamp;
    quorum::VoterSet voters;
  };

  void After(int64_t ns, std::function<void()> task) { RunIn(ns, MakeTask(std::move(task))); }
  void RunIn(int64_t ns, Task task);  // Void when the node ended meanwhile.
  void WriteSubmitted();
  void SyncWritten();
  void WakeApplier();
  void ApplySome();
  void RunAhead();
  void ForgetAhead();
  bool TakeThoseAhead();
  void OnApplied(replication::Pending* pending, const broker::AppliedState& state, v1::Reply reply);
  Status TakeEntries(std::vector<replication::Pending>* batch);
  void PullStep(const quorum::SnapshotId& id, NodeId from, int left);
  Result<broker::AppliedState> LoadView();
  void CheckVoters() const;

  // DriverThread
  Instant Now() const override;
  Timestamp Wall() const override;
  void Enqueue(Task task) override { RunIn(0, std::move(task)); }
  void SetTimer(Instant at, Task task) override;
  // LogPort
  Status WriteHardState(const wal::HardState& state) override;
  Status ClearDamage() override;
  Status Submit(std::vector<Entry> entries) override;
  Result<Timestamp> Truncate(Offset to) override;
  void Read(Offset from, size_t bytes_max, std::function<void(Result<std::vector<Entry>>)> done) override;
  // PeerPort
  void Send(const quorum::Message& message) override;
  void OpenStream(const quorum::Message& open) override;
  void Acknowledge(const quorum::Message& request) override;
  void SendFrame(const quorum::Message& reply, std::vector<Entry> entries) override;
  void SendLast(const quorum::Message& reply) override;
  void Close(NodeId peer, quorum::SessionId session) override;
  // ViewPort
  void Appended(std::vector<Entry> entries) override;
  void Commit(Offset end, std::vector<replication::Pending> entries) override;
  // SnapshotPort
  void Make() override;
  void Pull(const quorum::SnapshotId& id, NodeId from) override;
  void Abort(const quorum::SnapshotId& id) override;
  void Install(const quorum::SnapshotId& id) override;

  FullWorld* const world_;
  // The disk.
  std::unique_ptr<wal::MemoryEnv> env_;
  wal::Identity identity_;
  quorum::VoterSet first_voters_;
  std::map<std::string, broker::MemoryView> durable_views_;  // Checkpoints, by name.
  bool full_ = false;
  int64_t wall_skew_ms_ = 0;
  int64_t sync_factor_ = 1;
  std::optional<quorum::VoterSet> last_voters_;  // Of the newest life, for the nemesis.

  // Of one life.
  uint32_t life_ = 0;
  bool paused_ = false;
  bool dying_ = false;
  std::deque<Task> when_resumed_;
  std::unique_ptr<wal::Wal> wal_;
  replication::Inbox inbox_;
  std::unique_ptr<replication::ReplicaDriver> driver_;
  std::optional<replication::DueNotice> due_;
  std::deque<Entry> submitted_;
  bool writing_ = false;
  std::string view_name_;
  broker::MemoryView view_;
  broker::AppliedState state_;
  Offset committed_end_;
  std::deque<replication::Pending> to_apply_;
  bool applying_ = false;
  replication::AppendedEntries appended_;
  replication::DigestMarks marks_;
  std::unique_ptr<replication::ExecutedBatch> ahead_;  // Of view_ as it is.
  std::vector<broker::AppliedState> states_ahead_;     // Behind each of its entries.
  bool making_ = false;
  std::optional<HandedOut> handed_out_;
  std::optional<quorum::SnapshotId> pulling_;
  std::optional<HandedOut> pulled_;
};

}  // namespace mom::sim
