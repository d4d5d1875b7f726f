// Applier: takes committed entries in order, runs them, writes one LevelDB batch for all that has gathered,
// then answers. While the log makes appended entries durable it runs them ahead: once they are committed they
// need only be written. docs/adr/0018-entries-are-run-ahead.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "core/broker/broker.h"
#include "replication/replica/appended_entries.h"
#include "replication/replica/digest_marks.h"
#include "replication/replica/executed_batch.h"
#include "replication/replica/proposal.h"
#include "replication/view/leveldb_view.h"

namespace mom::replication {

// Entries, since the start. Thread-safe.
struct AheadCounts {
  std::atomic<uint64_t> run{0};     // Before they were known to be committed.
  std::atomic<uint64_t> wasted{0};  // Of those: were not committed, or not all of a batch together.
};

struct ApplierHooks {
  AheadCounts* ahead = nullptr;  // Not owned, like the next; must outlive the applier.
  DigestMarks* marks = nullptr;  // Told of every entry.
  // Reads entries from `from` on, at least one; called for those that were committed before the start.
  std::function<Result<std::vector<Entry>>(Offset from)> read_log;
  // After every batch, which stood for `log_bytes` of payload; on the applier thread; must not block.
  std::function<void(const broker::AppliedState& state, std::optional<Timestamp> next_due,
                     uint64_t log_bytes)>
      applied;
  // Must call `answers`, which gives those of a batch; not empty.
  std::function<void(const std::function<void()>& answers)> answer;
  // A command that came by way of another node, or did so once; among the answers. May be empty.
  std::function<void(uint64_t origin, const Entry& entry, Outcome* outcome)> settle = {};
  // After a batch that has something for those who wait for messages.
  std::function<void(const std::set<std::string>& queues, const broker::Revoked& revoked)> woken;
  // Once; the applier has stopped and the node must.
  std::function<void(const Status& status)> failed;
};

// Public functions are thread-safe, but Start and Stop belong to the owner. `view` must outlive it.
class Applier {
 public:
  Applier(LevelDbView* view, ApplierHooks hooks);
  ~Applier();  // Stop().
  Applier(const Applier&) = delete;
  Applier& operator=(const Applier&) = delete;

  void Start();
  // Were appended to the log, contiguous, and may be truncated again.
  void Appended(std::vector<Entry> entries);
  // Everything below `end` is committed; `entries` are those of it that the caller has at hand, contiguous
  // and ending at `end`. Others are read from the log.
  void Commit(Offset end, std::vector<Pending> entries);
  // Finishes the batch at hand; those waiting are told that the outcome is uncertain.
  void Stop();

 private:
  using Batch = std::vector<Pending>;

  void Run();
  bool CanRunAheadLocked() const;  // On the thread: what it looks at is not only what the lock guards.
  void RunAhead(const std::vector<Entry>& entries);
  void ThrowAway();
  Status ApplyCommitted(Batch* batch);
  bool TakeThoseAhead(Batch* batch);
  Status Gather(Batch* batch);
  std::unique_ptr<ExecutedBatch> Execute(const Batch& batch);
  Status WriteAndAnswer(ExecutedBatch* executed, Batch* batch);
  void Fail(const Status& status);

  LevelDbView* const view_;
  const ApplierHooks hooks_;
  // Used by the thread only.
  const std::unique_ptr<broker::ViewReader> latest_;
  broker::AppliedState state_;
  std::optional<Timestamp> next_due_;
  std::unique_ptr<ExecutedBatch>
      ahead_;  // Those behind state_, not known to be committed when they were run.

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;  // Guarded by mutex_, like the next ones.
  AppendedEntries appended_;
  Offset committed_end_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mom::replication
