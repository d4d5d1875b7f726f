// WalThread: runs a Wal on a thread of its own and turns many appends into one write and one fsync.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "core/base/entry.h"
#include "wal/duration_histogram.h"
#include "wal/wal.h"

namespace mom::wal {

struct WalThreadOptions {
  size_t round_bytes_max = 4u << 20;   // Of one write and fsync; one batch may exceed it alone.
  size_t round_entries_max = 4096;     // The same in entries.
  size_t queue_bytes_max = 64u << 20;  // Not yet durable; Submit says kOverloaded above.
  size_t queue_tasks_max = 4096;       // Tasks of each sort waiting; Post says kOverloaded above.
  size_t reads_per_round = 16;         // Reads run between two rounds, so that they cannot hold up appends.
  int64_t slow_sync_ms = 300;          // A sync that takes longer is told of.
  // On the WAL thread, with how long it took; must not block. May be empty.
  std::function<void(int64_t ms)> on_slow_sync;
};

// Entries are persisted in the order of Submit(). Reads (Post) run between rounds and are not ordered against
// appends; PostOrdered tasks run after everything submitted before them is durable, and before what comes
// later.
//
// On a full disk entries wait until there is room, and Stop() drops them with kNoSpace; meanwhile reads run.
//
// After the first failure `on_persisted` is called once with that status, everything queued for writing is
// dropped, ordered tasks too, and Submit refuses: a failed fsync is never tried again, the node stops. Reads
// still run.
//
// Callbacks and tasks run on the WAL thread and must not block. All public functions are thread-safe, except
// that Stop() and the destructor belong to the owner.
class WalThread {
 public:
  using Task = std::function<void(Wal*)>;
  // Everything below `durable_end` is durable. Once a round, or once with the failure.
  using OnPersisted = std::function<void(const Status& status, Offset durable_end)>;

  // Does not start yet.
  WalThread(std::unique_ptr<Wal> wal, const WalThreadOptions& options);
  ~WalThread();  // Stop().
  WalThread(const WalThread&) = delete;
  WalThread& operator=(const WalThread&) = delete;

  // REQUIRES: called once.
  void Start(OnPersisted on_persisted);

  // Queues entries that follow those submitted before. kOverloaded: nothing was queued, try later.
  // kStopping after Stop(); the failure after a failure.
  Status Submit(std::vector<Entry> entries);
  Status Post(Task task);
  Status PostOrdered(Task task);
  // See Wal; does not wait for the log's thread.
  Status ReleaseReserve() { return wal_->ReleaseReserve(); }

  // How long each sync took, with the write before it. Any thread.
  DurationCounts SyncTimes() const { return sync_times_.Read(); }

  // Persists what was submitted before, runs the tasks, closes the log and joins. Bounded by the limits of
  // the queue and by the disk. Returns the first failure. May be called twice.
  Status Stop();

 private:
  struct Work {  // One of the two.
    std::vector<Entry> entries;
    Task task;
    size_t bytes = 0;
  };

  void Run();
  void RunReads(std::unique_lock<std::mutex>* lock);
  void RunWork(std::unique_lock<std::mutex>* lock);
  size_t TakeRound();  // Moves queued entries to round_; returns their bytes.
  void Persist();
  void NoteSync(std::chrono::nanoseconds took);
  bool AwaitRoom();  // A moment; false: stopping.
  void Fail(const Status& status);
  void RunPreparer();
  Status Refusal() const;  // Why nothing is accepted; ok when something is.

  const std::unique_ptr<Wal> wal_;  // Used by thread_ only, but for what Wal lets any thread do.
  const WalThreadOptions options_;
  OnPersisted on_persisted_;
  std::vector<Entry> round_;  // Used by thread_ only.
  DurationHistogram sync_times_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All guarded by mutex_.
  std::deque<Work> work_;
  size_t work_bytes_ = 0;
  size_t work_tasks_ = 0;
  std::deque<Task> reads_;
  bool stopping_ = false;
  Status failed_;

  std::mutex prepare_mutex_;
  std::condition_variable prepare_wake_;
  bool prepare_wanted_ = false;  // Guarded by prepare_mutex_, like the next.
  bool prepare_stopping_ = false;

  std::thread thread_;
  std::thread preparer_;  // Fills the next segment with zeros.
};

}  // namespace mom::wal
