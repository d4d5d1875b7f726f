#include "replication/replica/asio_replica.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/check.h"
#include "core/broker/broker.h"

namespace mom::replication {
namespace {

constexpr size_t kReadBytesMax = 4u << 20;
constexpr char kDiskFull[] = "receive and acknowledge, or add space";

DriverOptions MakeDriverOptions(const DataDir& data, const ReplicaOptions& replica) {
  DriverOptions options;
  options.quorum.self = IdentityOf(data);
  options.quorum.bootstrap = replica.bootstrap;
  options.quorum.fetch_timeout_ms = replica.fetch_timeout_ms;
  options.quorum.election_timeout_ms = replica.election_timeout_ms;
  options.addresses = replica.addresses;
  return options;
}

class Frozen final : public ViewSnapshot {
 public:
  explicit Frozen(std::unique_ptr<broker::ViewReader> reader)
      : reader_(std::move(reader)), end_(broker::ReadAppliedState(*reader_)->end) {}
  const broker::ViewReader& reader() const override { return *reader_; }
  Offset applied_end() const override { return end_; }

 private:
  std::unique_ptr<broker::ViewReader> reader_;
  Offset end_;
};

}  // namespace

AsioReplica::AsioReplica(DataDir data, ReplicaOptions options)
    : options_(std::move(options)),
      data_(std::move(data)),
      view_(std::move(data_.view)),
      room_(options_.disk_free_min_bytes,
            [this] {
              const auto free_bytes = data_.env->FreeBytes(data_.path);
              return free_bytes.ok() ? *free_bytes : 0;
            }),
      disk_timer_(&runtime_),
      waiters_timer_(&runtime_),
      start_end_(data_.wal->log_end().value),
      last_timestamp_(data_.wal->last_timestamp()),
      wal_bytes_(data_.wal->bytes()),
      log_start_(data_.wal->log_start().value),
      log_(data_.env, data_.path, std::move(data_.wal), &runtime_, options_.on_slow_sync),
      forwarder_(MakeForwarder()),
      snapshots_(MakeSnapshots()),
      watch_(MakeWatch()),
      driver_(MakeDriverOptions(data_, options_), data_.restored, last_timestamp_,
              {&runtime_, &log_, this, options_.transport, snapshots_.get(), &inbox_},
              {[this](const Status& status) { OnFailed(status); }, [this] { Publish(); },
               [this] { OnMembersChanged(); }}),
      due_(&runtime_, &driver_),
      admin_(MakeAdmin()),
      waiters_(broker::ReadAppliedState(LatestReader(&view_))->end),
      latest_(&view_) {
  const auto state = *broker::ReadAppliedState(latest_);
  applied_end_ = state.end.value;
  marks_.Reset(state);
  applied_ms_ = state.timestamp.ms;
  info_.cluster_id = ToString(data_.identity.cluster);
  info_.node_id = data_.identity.node.value;
}

AsioReplica::~AsioReplica() {
  Stop();
}

ApplierHooks AsioReplica::MakeHooks() {
  ApplierHooks hooks;
  hooks.ahead = &ahead_;
  hooks.marks = &marks_;
  hooks.read_log = [this](Offset from) { return log_.ReadNow(from, kReadBytesMax); };
  hooks.applied = [this](const broker::AppliedState& state, std::optional<Timestamp> next_due,
                         uint64_t log_bytes) {
    applied_ms_ = state.timestamp.ms;
    applied_end_ = state.end.value;
    AnswerInScope([&] { waiters_.Release(state.end); });
    if (!caught_up_ && !forwarder_ && state.end.value > start_end_) caught_up_ = true;
    checkpointer_->Applied(state.end, log_bytes);
    due_.Tell(next_due);
  };
  hooks.answer = [this](const std::function<void()>& answers) { AnswerInScope(answers); };
  if (forwarder_) {
    hooks.settle = [this](uint64_t origin, const Entry& entry, Outcome* outcome) {
      forwarder_->Settle(origin, entry, outcome);
    };
  }
  hooks.woken = [this](const std::set<std::string>& queues, const broker::Revoked& revoked) {
    if (woken_listener_) woken_listener_(queues, revoked);
  };
  hooks.failed = [this](const Status& status) { runtime_.Post([this, status] { Fail(status); }); };
  return hooks;
}

void AsioReplica::StartView() {
  auto drop = [this](Offset to) {
    Status posted = log_.Post([this, to](wal::Wal* wal) {
      if (to <= wal->log_start()) return;
      Status status = wal->DropPrefix(to);
      log_start_ = wal->log_start().value;
      runtime_.Post([this, status, start = wal->log_start()] {
        if (!status.ok() && status.code() != Status::kNoSpace) return Fail(status);
        if (start > driver_.quorum().log_start()) driver_.OnLogStartMoved(start);
      });
    });
    if (!posted.ok()) return;  // Busy or stopping: the next checkpoint drops it.
  };
  LevelDbView* const view = view_.Get()->view.get();
  checkpointer_ = std::make_unique<Checkpointer>(
      view, options_.log_retain_bytes, drop,
      [this](const Status& status) { runtime_.Post([this, status] { Fail(status); }); });
  applier_ = std::make_unique<Applier>(view, MakeHooks());
  checkpointer_->Start();
  applier_->Start();
}

void AsioReplica::StopView() {
  applier_->Stop();
  checkpointer_->Stop();
}

void AsioReplica::Start() {
  started_ = true;
  data_.room->BePatient([this](const std::string& path) { OnLackOfRoom(path); });
  log_.Start([this](const Status& status, Offset durable_end) { OnPersisted(status, durable_end); });
  due_.Tell(broker::NextDue(FrozenReader(view_.Get())));
  StartView();
  runtime_.Serve(&driver_);
  runtime_.Post([this] {
    driver_.Start();
    CheckDisk();
  });
  runtime_.Start();
}

void AsioReplica::Stop() {
  if (stopping_.exchange(true) || !started_) return;
  data_.room->GiveUp();
  view_.Get()->view->GiveUp();
  checkpointer_->Stop();
  runtime_.Post([this] { runtime_.Serve(nullptr); });
  (void)log_.Stop();  // Persists what was submitted; its callbacks still reach the driver.
  runtime_.Post([this] {
    disk_timer_.Cancel();
    waiters_timer_.Cancel();
    waiters_.Close();
    if (forwarder_) forwarder_->Stop();
    if (admin_) admin_->Stop();
    if (snapshots_) snapshots_->Cancel();
  });
  runtime_.Stop();
  if (snapshots_) snapshots_->Stop();
  applier_->Stop();
  // Saves the next start from applying it once more; what could not be saved is.
  if (!failed_) (void)view_.Get()->view->MakeDurable();
  driver_.Abandon("the node is stopping");
  for (auto& proposal : inbox_.Take()) {
    if (proposal.done) proposal.done(Refused(Status::kStopping, "the node is stopping"));
  }
}

// ---------------------------------------------------------------------------------------------------------

void AsioReplica::Propose(v1::Command command, std::function<void(Outcome)> done) {
  if (stopping_) return done(Refused(Status::kStopping, "the node is stopping"));
  if (failed_) return done(Refused(Status::kStopping, "the node failed and stops"));
  if (forwarder_) command.set_origin(forwarder_->NewOrigin());
  const uint64_t origin = command.origin();
  auto payload = std::make_shared<const std::string>(command.SerializeAsString());
  if (payload->size() > kEntryPayloadBytesMax) {
    return done(Refused(Status::kInvalidArgument, "the request makes an entry of more than 4 MiB; split it"));
  }
  const uint64_t bytes = payload->size();
  if (!room_.Admit(command, bytes, pending_bytes_)) return done(Refused(Status::kNoSpace, kDiskFull));
  if (!TakeRoom(bytes)) {
    return done(Refused(Status::kOverloaded, "too many requests are waiting for the log; slow down"));
  }
  auto finish = [this, bytes, done = std::move(done)](Outcome outcome) {
    GiveRoomBack(bytes);
    done(std::move(outcome));
  };
  if (!forwarder_) return ProposeHere(std::move(payload), std::move(finish));
  forwarder_->Send({std::move(payload), origin, !command.idempotency_key().empty(), std::move(finish), {}});
}

bool AsioReplica::TakeRoom(uint64_t bytes) {
  const uint64_t entries_before = pending_entries_.fetch_add(1);
  const uint64_t bytes_before = pending_bytes_.fetch_add(bytes);
  if (entries_before < options_.pending_entries_max && bytes_before + bytes <= options_.pending_bytes_max)
    return true;
  GiveRoomBack(bytes);
  return false;
}

void AsioReplica::GiveRoomBack(uint64_t bytes) {
  pending_entries_.fetch_sub(1);
  pending_bytes_.fetch_sub(bytes);
}

void AsioReplica::ProposeHere(std::shared_ptr<const std::string> payload, std::function<void(Outcome)> done) {
  Enqueue(Proposal{EntryKind::kCommand, std::move(payload), std::move(done)});
}

void AsioReplica::Enqueue(Proposal proposal) {
  if (inbox_.Add(std::move(proposal))) runtime_.Post([this] { driver_.DrainInbox(); });
}

void AsioReplica::Appended(std::vector<Entry> entries) {
  applier_->Appended(std::move(entries));
}

void AsioReplica::Commit(Offset end, std::vector<Pending> entries) {
  committed_end_ = end.value;
  applier_->Commit(end, std::move(entries));
}

void AsioReplica::OnPersisted(const Status& status, Offset durable_end) {
  wal_syncs_.fetch_add(1);
  wal_entries_.fetch_add((durable_end - driver_.quorum().durable_end()).value);
  driver_.OnPersisted(status, durable_end);
  Publish();
}

// ---------------------------------------------------------------------------------------------------------

// What lacks room is told so often that most of it changes nothing.
void AsioReplica::OnLackOfRoom(const std::string& path) {
  room_.OnLack();
  (void)log_.ReleaseReserve();  // A failure shows where the room is needed.
  reserve_held_ = false;
  std::lock_guard lock(lacking_mutex_);
  lacking_ = path;
}

void AsioReplica::LookAtDisk() {
  const bool was_full = room_.nearly_full();  // Also when it was for a moment.
  room_.Look(reserve_held_);
  if (room_.is_scarce()) checkpointer_->GiveDiskBack();
  const bool is_full = was_full || room_.nearly_full();
  if (is_full == told_full_) return;
  told_full_ = is_full;
  if (!options_.on_disk) return;
  std::lock_guard lock(lacking_mutex_);
  options_.on_disk(told_full_, std::exchange(lacking_, ""));
}

void AsioReplica::CheckDisk() {
  LookAtDisk();
  // Busy: looked at again a second later.
  Status posted = log_.Post([this, has_room = room_.has_minimum()](wal::Wal* wal) {
    wal_bytes_ = wal->bytes();
    if (has_room && !wal->reserve_held()) {
      Status restored = wal->RestoreReserve();
      if (!restored.ok() && restored.code() != Status::kNoSpace) {
        runtime_.Post([this, restored] { Fail(restored); });
      }
    }
    reserve_held_ = wal->reserve_held();
  });
  RemoveRetired();
  if (watch_ && !stopping_) watch_->Tick(runtime_.Now(), leader());
  TellDivergence();
  Publish();  // What others acknowledged since.
  if (stopping_) return;
  disk_timer_.SetAfter(std::chrono::seconds(1), [this] { CheckDisk(); });
}

void AsioReplica::Fail(const Status& status) {
  // The log was closed under somebody who still had work for it: the next start goes on.
  if (!stopping_) driver_.Fail(status);
}

void AsioReplica::OnFailed(const Status& status) {
  if (stopping_) return;
  failed_ = true;
  {
    std::lock_guard lock(info_mutex_);
    info_.failure = status.ToString();
  }
  TellUpheaval();
  // Nothing becomes durable any more: what gathered is answered, outside of the step that failed.
  runtime_.Post([this] { driver_.DrainInbox(); });
  if (options_.on_failure) options_.on_failure(status);
}

// ---------------------------------------------------------------------------------------------------------

std::unique_ptr<ViewSnapshot> AsioReplica::Snapshot() const {
  return std::make_unique<Frozen>(std::make_unique<FrozenReader>(view_.Get()));
}

void AsioReplica::WaitApplied(Offset offset, int64_t timeout_ms, std::function<void(bool)> done) {
  if (applied_end_.load() > offset.value) return done(true);
  const auto deadline = AppliedWaiters::Clock::now() + std::chrono::milliseconds(timeout_ms);
  if (waiters_.Add(Next(offset), deadline, std::move(done))) runtime_.Post([this] { ExpireWaiters(); });
}

// Those who ask for it may come in another order than their deadlines: the waiters know the first.
void AsioReplica::ExpireWaiters() {
  if (stopping_) return;
  const auto next = waiters_.Expire(AppliedWaiters::Clock::now());
  if (next != AppliedWaiters::Clock::time_point::max()) waiters_timer_.Set(next, [this] { ExpireWaiters(); });
}

void AsioReplica::AnswerInScope(const std::function<void()>& answers) const {
  answer_scope_ ? answer_scope_(answers) : answers();
}

void AsioReplica::SetAnswerScope(AnswerScope scope) {
  answer_scope_ = std::move(scope);
}

void AsioReplica::SetWokenListener(WokenListener listener) {
  woken_listener_ = std::move(listener);
}

void AsioReplica::SetUpheavalListener(std::function<void()> listener) {
  upheaval_listener_ = std::move(listener);
}

}  // namespace mom::replication
