#include "replication/replica/asio_log.h"

#include <future>
#include <utility>

#include "replication/replica/open_log.h"

namespace mom::replication {
namespace {

Result<std::vector<Entry>> ReadFrom(wal::Wal* wal, Offset from, size_t bytes_max) {
  if (from < wal->log_start()) return Status(Status::kNotFound, "the log begins later");
  return wal->Read(from, bytes_max);
}

wal::WalThreadOptions MakeOptions(std::function<void(int64_t ms)> on_slow_sync) {
  wal::WalThreadOptions options;
  options.on_slow_sync = std::move(on_slow_sync);
  return options;
}

}  // namespace

AsioLog::AsioLog(wal::Env* env, std::string dir, std::unique_ptr<wal::Wal> wal, RuntimePort* runtime,
                 std::function<void(int64_t ms)> on_slow_sync)
    : env_(env),
      dir_(std::move(dir)),
      runtime_(runtime),
      wal_(std::move(wal), MakeOptions(std::move(on_slow_sync))) {}

void AsioLog::Start(wal::WalThread::OnPersisted on_persisted) {
  wal_.Start([this, on_persisted = std::move(on_persisted)](const Status& status, Offset durable_end) {
    runtime_->Post([on_persisted, status, durable_end] { on_persisted(status, durable_end); });
  });
}

Status AsioLog::WriteHardState(const wal::HardState& state) {
  return wal::WriteHardState(env_, dir_ + "/hard-state", state);
}

Status AsioLog::ClearDamage() {
  return ClearDamaged(env_, dir_);
}

Status AsioLog::Submit(std::vector<Entry> entries) {
  return wal_.Submit(std::move(entries));
}

Status AsioLog::RunNow(std::function<Status(wal::Wal*)> task) {
  auto promise = std::make_shared<std::promise<Status>>();
  auto future = promise->get_future();
  MOM_RETURN_IF_ERROR(
      wal_.PostOrdered([promise, task = std::move(task)](wal::Wal* wal) { promise->set_value(task(wal)); }));
  try {
    return future.get();
  } catch (const std::future_error&) {  // The log failed and dropped what was queued.
    return Status(Status::kIoError, "the log failed");
  }
}

Result<Timestamp> AsioLog::Truncate(Offset to) {
  Timestamp timestamp;
  Status status = RunNow([&timestamp, to](wal::Wal* wal) {
    Status cut = wal->TruncateSuffix(to);
    timestamp = wal->last_timestamp();
    return cut;
  });
  if (!status.ok()) return status;
  return timestamp;
}

Status AsioLog::MarkInstallation(const Installation& installation) {
  return WriteInstallation(env_, dir_, installation);
}

Status AsioLog::Install() {
  return RunNow([this](wal::Wal* wal) { return FinishInstallation(env_, dir_, wal); });
}

void AsioLog::Read(Offset from, size_t bytes_max, std::function<void(Result<std::vector<Entry>>)> done) {
  Status posted = wal_.Post([this, from, bytes_max, done](wal::Wal* wal) {
    auto entries = std::make_shared<Result<std::vector<Entry>>>(ReadFrom(wal, from, bytes_max));
    runtime_->Post([done, entries] { done(std::move(*entries)); });
  });
  if (posted.ok()) return;
  runtime_->Post([done = std::move(done), posted] { done(posted); });
}

Result<std::vector<Entry>> AsioLog::ReadNow(Offset from, size_t bytes_max) {
  auto promise = std::make_shared<std::promise<Result<std::vector<Entry>>>>();
  auto future = promise->get_future();
  MOM_RETURN_IF_ERROR(wal_.Post(
      [promise, from, bytes_max](wal::Wal* wal) { promise->set_value(ReadFrom(wal, from, bytes_max)); }));
  return future.get();
}

}  // namespace mom::replication
