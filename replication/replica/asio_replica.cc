#include "replication/replica/asio_replica.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "core/base/check.h"

namespace mom::replication {
namespace {

constexpr int64_t kClockPauseMs = 5;  // At most one clock entry in this time.
constexpr auto kDiskCheckPeriod = std::chrono::seconds(1);
constexpr size_t kReadBytesMax = 4u << 20;

int64_t WallMs() {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

// Commands that put more onto the disk and can wait until there is room again.
bool NeedsRoom(const v1::Command& command) {
  return command.has_publish() || command.has_transaction() || command.has_create_queue() ||
         command.has_create_topic() || command.has_create_user() || command.has_subscribe();
}

class Frozen final : public ViewSnapshot {
 public:
  explicit Frozen(std::unique_ptr<broker::ViewReader> reader)
      : reader_(std::move(reader)), end_(broker::ReadAppliedState(*reader_).end) {}
  const broker::ViewReader& reader() const override { return *reader_; }
  Offset applied_end() const override { return end_; }

 private:
  std::unique_ptr<broker::ViewReader> reader_;
  Offset end_;
};

Outcome Refused(Status::Code code, std::string message) {
  return Outcome{Status(code, std::move(message)), {}, {}, {}};
}

}  // namespace

AsioReplica::AsioReplica(DataDir data, ReplicaOptions options)
    : options_(std::move(options)),
      data_(std::move(data)),
      work_(boost::asio::make_work_guard(io_)),
      clock_timer_(io_),
      disk_timer_(io_),
      protocol_timer_(io_),
      quorum_(QuorumOptions(data_), Restore(data_)),
      last_timestamp_(data_.wal->last_timestamp()),
      start_end_(data_.wal->log_end().value) {
  latest_ = data_.view->Latest();
  const auto state = broker::ReadAppliedState(*latest_);
  applied_end_ = state.end.value;
  digest_ = state.digest;
  applied_ms_ = state.timestamp.ms;
  log_start_ = data_.wal->log_start().value;
  wal_bytes_ = data_.wal->bytes();
  info_.role = "starting";
  info_.cluster_id = ToString(data_.identity.cluster);
  info_.node_id = data_.identity.node.value;
}

AsioReplica::~AsioReplica() {
  Stop();
}

ApplierHooks AsioReplica::MakeHooks() {
  ApplierHooks hooks;
  hooks.read_log = [this](Offset from) { return ReadLog(from); };
  hooks.applied = [this](const broker::AppliedState& state, std::optional<Timestamp> next_due,
                         uint64_t log_bytes) {
    digest_ = state.digest;
    applied_ms_ = state.timestamp.ms;
    applied_end_ = state.end.value;
    if (state.end.value > start_end_) caught_up_ = true;
    checkpointer_->Applied(state.end, log_bytes);
    // Most batches wake nobody: no waiter, and nothing due earlier or later than before.
    if (next_due == last_due_ && waiting_ == 0) return;
    last_due_ = next_due;
    boost::asio::post(io_, [this, next_due] { OnApplied(next_due); });
  };
  hooks.woken = [this](const std::set<std::string>& queues) {
    if (woken_listener_) woken_listener_(queues);
  };
  hooks.failed = [this](const Status& status) { boost::asio::post(io_, [this, status] { Fail(status); }); };
  return hooks;
}

void AsioReplica::Start() {
  wal_ = std::make_unique<wal::WalThread>(std::move(data_.wal), wal::WalThreadOptions());
  applier_ = std::make_unique<Applier>(data_.view.get(), MakeHooks());
  auto drop = [this](Offset to) {
    Status posted = wal_->Post([this, to](wal::Wal* wal) {
      if (Status status = wal->DropPrefix(to); !status.ok()) {
        boost::asio::post(io_, [this, status] { Fail(status); });
      }
      log_start_ = wal->log_start().value;
      boost::asio::post(io_, [this, start = wal->log_start()] { Step(quorum::LogStartMoved{start}); });
    });
    if (!posted.ok()) return;  // Busy or stopping: the next checkpoint drops it.
  };
  checkpointer_ = std::make_unique<Checkpointer>(
      data_.view.get(), options_.log_retain_bytes, drop,
      [this](const Status& status) { boost::asio::post(io_, [this, status] { Fail(status); }); });
  wal_->Start([this](const Status& status, Offset durable_end) {
    boost::asio::post(io_, [this, status, durable_end] { OnPersisted(status, durable_end); });
  });
  applier_->Start();
  checkpointer_->Start();
  boost::asio::post(io_, [this] {
    Step(quorum::Started{});
    CheckDisk();
  });
  thread_ = std::thread([this] { io_.run(); });
}

void AsioReplica::Stop() {
  if (stopping_.exchange(true) || !thread_.joinable()) return;
  checkpointer_->Stop();
  const Status closed = wal_->Stop();  // Persists what was submitted; its callbacks still reach the replica.
  boost::asio::post(io_, [this] {
    clock_timer_.cancel();
    disk_timer_.cancel();
    protocol_timer_.cancel();
    for (auto& [end, waiter] : waiters_) waiter->timer.cancel();
    work_.reset();
  });
  thread_.join();
  applier_->Stop();
  for (auto& pending : in_flight_) {
    if (pending.done) pending.done(Refused(Status::kUncertain, "the node is stopping"));
  }
  in_flight_.clear();
  for (auto& proposal : inbox_) {
    if (proposal.done) proposal.done(Refused(Status::kStopping, "the node is stopping"));
  }
  inbox_.clear();
}

// ---------------------------------------------------------------------------------------------------------

void AsioReplica::Propose(v1::Command command, std::function<void(Outcome)> done) {
  if (stopping_) return done(Refused(Status::kStopping, "the node is stopping"));
  if (failed_) return done(Refused(Status::kStopping, "the node failed and stops"));
  if (disk_nearly_full_ && NeedsRoom(command)) {
    return done(Refused(Status::kNoSpace, "the disk is nearly full; receive and acknowledge, or add space"));
  }
  auto payload = std::make_shared<const std::string>(command.SerializeAsString());
  if (payload->size() > kEntryPayloadBytesMax) {
    return done(Refused(Status::kInvalidArgument, "the request makes an entry of more than 4 MiB; split it"));
  }
  const uint64_t bytes = payload->size();
  const uint64_t entries_before = pending_entries_.fetch_add(1);
  const uint64_t bytes_before = pending_bytes_.fetch_add(bytes);
  if (entries_before >= options_.pending_entries_max || bytes_before + bytes > options_.pending_bytes_max) {
    pending_entries_.fetch_sub(1);
    pending_bytes_.fetch_sub(bytes);
    return done(Refused(Status::kOverloaded, "too many requests are waiting for the log; slow down"));
  }
  Enqueue(Proposal{EntryKind::kCommand, std::move(payload),
                   [this, bytes, done = std::move(done)](Outcome outcome) {
                     pending_entries_.fetch_sub(1);
                     pending_bytes_.fetch_sub(bytes);
                     done(std::move(outcome));
                   }});
}

void AsioReplica::Enqueue(Proposal proposal) {
  std::lock_guard lock(inbox_mutex_);
  inbox_.push_back(std::move(proposal));
  // While the disk is busy, more would only wait there: they gather here, and one wake-up serves them all.
  if (inbox_posted_ || log_busy_) return;
  inbox_posted_ = true;
  boost::asio::post(io_, [this] { DrainInbox(); });
}

// ---------------------------------------------------------------------------------------------------------

void AsioReplica::OnApplied(std::optional<Timestamp> next_due) {
  const bool due_changed = next_due != next_due_;
  next_due_ = next_due;
  const uint64_t end = applied_end_.load();
  while (!waiters_.empty() && waiters_.begin()->first <= end) {
    auto waiter = waiters_.begin()->second;
    waiters_.erase(waiters_.begin());
    waiting_.fetch_sub(1);
    waiter->timer.cancel();
    if (auto done = std::exchange(waiter->done, nullptr)) done(true);
  }
  if (due_changed && !clock_in_flight_)
    ArmClock();  // Arming costs system calls; most batches change nothing.
}

void AsioReplica::ArmClock() {
  clock_timer_.cancel();
  if (!next_due_ || stopping_ || failed_) return;
  const int64_t wait_ms = std::max<int64_t>(next_due_->ms - WallMs(), kClockPauseMs);
  clock_timer_.expires_after(std::chrono::milliseconds(wait_ms));
  clock_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) OnClock();
  });
}

void AsioReplica::OnClock() {
  if (stopping_ || failed_ || clock_in_flight_ || quorum_.role() != quorum::Role::kLeader) return;
  if (next_due_ && next_due_->ms > StampNow().ms) return ArmClock();
  clock_in_flight_ = true;
  Enqueue(Proposal{EntryKind::kClock, std::make_shared<const std::string>(), [this](Outcome) {
                     boost::asio::post(io_, [this] {
                       clock_in_flight_ = false;
                       ArmClock();
                     });
                   }});
}

void AsioReplica::CheckDisk() {
  auto free_bytes = data_.env->FreeBytes(data_.path);
  const bool has_room = free_bytes.ok() && *free_bytes >= options_.disk_free_min_bytes;
  disk_nearly_full_ = !has_room || !reserve_held_;
  // Busy: looked at again a second later.
  Status posted = wal_->Post([this, has_room](wal::Wal* wal) {
    wal_bytes_ = wal->bytes();
    if (has_room && !wal->reserve_held()) {
      Status restored = wal->RestoreReserve();
      if (!restored.ok() && restored.code() != Status::kNoSpace) {
        boost::asio::post(io_, [this, restored] { Fail(restored); });
      }
    }
    reserve_held_ = wal->reserve_held();
  });
  if (stopping_) return;
  disk_timer_.expires_after(kDiskCheckPeriod);
  disk_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) CheckDisk();
  });
}

Timestamp AsioReplica::StampNow() {
  last_timestamp_ = std::max(last_timestamp_, Timestamp{WallMs()});
  return last_timestamp_;
}

void AsioReplica::Fail(const Status& status) {
  // The log was closed under somebody who still had work for it: the next start goes on.
  if (stopping_) return;
  if (failed_.exchange(true)) return;
  {
    std::lock_guard lock(info_mutex_);
    info_.failure = status.ToString();
  }
  for (auto& pending : in_flight_) {
    if (pending.done)
      pending.done(Refused(Status::kUncertain, "the node failed before the entry was applied"));
  }
  in_flight_.clear();
  DrainInbox();  // Nothing becomes durable any more: what gathered is answered now.
  if (options_.on_failure) options_.on_failure(status);
}

Result<std::vector<Entry>> AsioReplica::ReadLog(Offset from) {
  auto promise = std::make_shared<std::promise<Result<std::vector<Entry>>>>();
  auto future = promise->get_future();
  Status posted =
      wal_->Post([promise, from](wal::Wal* wal) { promise->set_value(wal->Read(from, kReadBytesMax)); });
  if (!posted.ok()) return posted;
  return future.get();
}

// ---------------------------------------------------------------------------------------------------------

std::unique_ptr<ViewSnapshot> AsioReplica::Snapshot() const {
  return std::make_unique<Frozen>(data_.view->Snapshot());
}

void AsioReplica::WaitApplied(Offset offset, int64_t timeout_ms, std::function<void(bool)> done) {
  if (applied_end_.load() > offset.value) return done(true);
  boost::asio::post(io_, [this, offset, timeout_ms, done = std::move(done)]() mutable {
    // First seen by the applier, then looked: one of both notices the other.
    waiting_.fetch_add(1);
    if (applied_end_.load() > offset.value) {
      waiting_.fetch_sub(1);
      return done(true);
    }
    auto waiter = std::make_shared<Waiter>(Waiter{boost::asio::steady_timer(io_), std::move(done)});
    waiters_.emplace(offset.value + 1, waiter);
    waiter->timer.expires_after(std::chrono::milliseconds(timeout_ms));
    waiter->timer.async_wait([this, waiter, key = offset.value + 1](const boost::system::error_code&) {
      auto pending = std::exchange(waiter->done, nullptr);
      if (!pending) return;
      auto [begin, end] = waiters_.equal_range(key);
      for (auto it = begin; it != end; ++it) {
        if (it->second != waiter) continue;
        waiters_.erase(it);
        waiting_.fetch_sub(1);
        break;
      }
      pending(false);
    });
  });
}

void AsioReplica::Publish() {
  std::lock_guard lock(info_mutex_);
  role_ = quorum_.role() == quorum::Role::kLeader ? "leader" : "follower";
  info_.role = role_;
  info_.epoch = quorum_.epoch();
  info_.leader_id = quorum_.leader().value;
  info_.log_end = quorum_.log_end();
  info_.durable_end = quorum_.durable_end();
  info_.high_watermark = quorum_.high_watermark().value_or(Offset{0});
}

ReplicaInfo AsioReplica::Info() const {
  ReplicaInfo info;
  {
    std::lock_guard lock(info_mutex_);
    info = info_;
  }
  info.applied_end = Offset{applied_end_.load()};
  info.digest = digest_.load();
  info.log_start = Offset{log_start_.load()};
  info.wal_syncs = wal_syncs_.load();
  info.wal_entries = wal_entries_.load();
  info.wal_bytes = wal_bytes_.load();
  info.pending = pending_entries_.load();
  info.disk_nearly_full = disk_nearly_full_.load();
  return info;
}

Timestamp AsioReplica::Now() const {
  return Timestamp{std::max(applied_ms_.load(), WallMs())};
}

void AsioReplica::SetWokenListener(std::function<void(const std::set<std::string>&)> listener) {
  woken_listener_ = std::move(listener);
}

}  // namespace mom::replication
