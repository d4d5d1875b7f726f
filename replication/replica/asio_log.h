// AsioLog: the driver's log on a WalThread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "replication/replica/marks.h"
#include "replication/replica/ports.h"
#include "wal/env.h"
#include "wal/wal_thread.h"

namespace mom::replication {

// Used by the driver's thread, except where noted. `env` and `runtime` must outlive it.
class AsioLog final : public LogPort {
 public:
  // `dir` is the node's data folder.
  // `on_slow_sync`: see WalThreadOptions.
  AsioLog(wal::Env* env, std::string dir, std::unique_ptr<wal::Wal> wal, RuntimePort* runtime,
          std::function<void(int64_t ms)> on_slow_sync);

  // `on_persisted` is called on the runtime's thread.
  void Start(wal::WalThread::OnPersisted on_persisted);
  // Persists what was submitted; its callbacks are still posted.
  Status Stop() { return wal_.Stop(); }
  wal::DurationCounts SyncTimes() const { return wal_.SyncTimes(); }  // Any thread.
  // Any thread; see WalThread::Post.
  Status Post(wal::WalThread::Task task) { return wal_.Post(std::move(task)); }
  // Any thread; see Wal.
  Status ReleaseReserve() { return wal_.ReleaseReserve(); }
  // Any thread but the runtime's and the log's own; waits.
  Result<std::vector<Entry>> ReadNow(Offset from, size_t bytes_max);

  Status WriteHardState(const wal::HardState& state) override;
  Status ClearDamage() override;
  Status Submit(std::vector<Entry> entries) override;
  Result<Timestamp> Truncate(Offset to) override;
  void Read(Offset from, size_t bytes_max, std::function<void(Result<std::vector<Entry>>)> done) override;
  // Notes durably that a snapshot, which is complete on the disk, takes the place of log and view: what comes
  // after it is finished by the next start, if not by Install. After an error, nothing has changed.
  Status MarkInstallation(const Installation& installation);
  // Does it; durable when it returns. REQUIRES: it is marked, and nothing submitted is on its way.
  Status Install();

 private:
  Status RunNow(std::function<Status(wal::Wal*)> task);

  wal::Env* const env_;
  const std::string dir_;
  RuntimePort* const runtime_;
  wal::WalThread wal_;
};

}  // namespace mom::replication
