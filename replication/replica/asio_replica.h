// AsioReplica: the driver of one node's replica. One thread runs the protocol: it takes what is in the inbox,
// lets Quorum decide, and Execute carries the effects out, in their order and nowhere else.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/quorum/quorum.h"
#include "replication/replica/applier.h"
#include "replication/replica/checkpointer.h"
#include "replication/replica/data_dir.h"
#include "replication/replica/replica.h"
#include "wal/wal_thread.h"

namespace mom::replication {

struct ReplicaOptions {
  DataDirOptions data;
  uint64_t log_retain_bytes = 4ull << 30;       // Kept for audit and rebuilding; the prefix beyond may go.
  uint64_t disk_free_min_bytes = 256ull << 20;  // Below it publishing is refused.
  uint64_t pending_bytes_max = 48ull << 20;     // Payload proposed and not applied yet.
  uint64_t pending_entries_max = 65536;
  // Called once, on any thread, when the node cannot go on; the process should end.
  std::function<void(const Status& status)> on_failure;
};

class AsioReplica final : public Replica {
 public:
  // Takes over an opened data folder. Nothing runs before Start().
  AsioReplica(DataDir data, ReplicaOptions options);
  ~AsioReplica() override;  // Stop().

  void Start();
  // Answers what waits (uncertain), closes the log. Idempotent.
  void Stop();
  // The view holds everything that was committed when the node started.
  bool caught_up() const { return caught_up_.load(); }

  void Propose(v1::Command command, std::function<void(Outcome)> done) override;
  std::unique_ptr<ViewSnapshot> Snapshot() const override;
  const broker::ViewReader& Latest() const override { return *latest_; }
  std::string_view Role() const override { return role_.load(); }
  Offset applied_end() const override { return Offset{applied_end_.load()}; }
  void WaitApplied(Offset offset, int64_t timeout_ms, std::function<void(bool)> done) override;
  ReplicaInfo Info() const override;
  Timestamp Now() const override;
  void SetWokenListener(std::function<void(const std::set<std::string>&)> listener) override;

 private:
  struct Proposal {
    EntryKind kind = EntryKind::kCommand;
    std::shared_ptr<const std::string> payload;
    std::function<void(Outcome)> done;
  };
  struct Waiter {
    boost::asio::steady_timer timer;
    std::function<void(bool)> done;
  };

  void Enqueue(Proposal proposal);
  // All of these run on the replica thread.
  void DrainInbox();
  void Step(const quorum::Event& event);
  void Step(const quorum::Event& event, std::vector<Proposal>* proposals);
  void ArmProtocol(Instant wake_at);
  void Execute(const quorum::Effects& effects, std::vector<Proposal>* proposals);
  void ExecuteAppend(const quorum::Append& append, std::vector<Proposal>* proposals);
  void ExecuteCommit(Offset end);
  void OnApplied(std::optional<Timestamp> next_due);
  void OnPersisted(const Status& status, Offset durable_end);
  void OnClock();
  void ArmClock();
  void CheckDisk();
  void Fail(const Status& status);

  Timestamp StampNow();
  void Publish();  // Copies what Info() shows.
  ApplierHooks MakeHooks();
  Result<std::vector<Entry>> ReadLog(Offset from);
  static quorum::Options QuorumOptions(const DataDir& data);
  static quorum::Restored Restore(const DataDir& data);

  const ReplicaOptions options_;
  DataDir data_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer clock_timer_;
  boost::asio::steady_timer disk_timer_;
  boost::asio::steady_timer protocol_timer_;

  // Used by the replica thread only.
  quorum::Quorum quorum_;
  Instant armed_for_ = quorum::kNever;  // Of protocol_timer_.
  Timestamp last_timestamp_;
  std::deque<Pending> in_flight_;  // Appended, not yet committed.
  std::optional<Timestamp> next_due_;
  bool clock_in_flight_ = false;
  std::multimap<uint64_t, std::shared_ptr<Waiter>> waiters_;  // By the applied end they wait for.

  std::mutex inbox_mutex_;
  std::vector<Proposal> inbox_;  // Guarded by inbox_mutex_, like the next two.
  bool inbox_posted_ = false;
  bool log_busy_ =
      false;  // Entries are on their way to the disk; when they are durable the inbox is drained.

  std::atomic<uint64_t> pending_entries_{0};
  std::atomic<uint64_t> pending_bytes_{0};
  std::atomic<uint64_t> applied_end_;
  std::atomic<uint64_t> digest_;
  std::atomic<int64_t> applied_ms_;
  std::atomic<uint64_t> waiting_{0};      // Size of waiters_, or one more.
  std::optional<Timestamp> last_due_;     // Used by the applier thread only: what the replica was told last.
  std::atomic<bool> reserve_held_{true};  // The log's room for acknowledgements on a full disk.
  std::atomic<uint64_t> wal_entries_{0};
  std::atomic<uint64_t> wal_syncs_{0};
  std::atomic<uint64_t> wal_bytes_{0};
  std::atomic<uint64_t> log_start_{0};
  std::atomic<bool> disk_nearly_full_{false};
  std::atomic<bool> caught_up_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  uint64_t start_end_ = 0;  // Log end when opened.
  std::atomic<const char*> role_{"starting"};
  std::unique_ptr<broker::ViewReader> latest_;

  mutable std::mutex info_mutex_;
  ReplicaInfo info_;  // Guarded by info_mutex_.

  std::function<void(const std::set<std::string>&)> woken_listener_;
  std::unique_ptr<wal::WalThread> wal_;
  std::unique_ptr<Applier> applier_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::thread thread_;
};

}  // namespace mom::replication
