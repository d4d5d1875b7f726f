// FullNode's ports: log, view, snapshots and network on simulated time.
#include <algorithm>
#include <utility>

#include "core/broker/keys.h"
#include "replication/replica/marks.h"
#include "replication/replica/voters_codec.h"
#include "tests/sim/full/full_world.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;

}  // namespace

Instant FullNode::Now() const {
  return Instant{world_->now()};
}

Timestamp FullNode::Wall() const {
  return Timestamp{kStartMs + world_->now() / 1'000'000 + wall_skew_ms_};
}

// ---------------------------------------------------------------------------------------------------------

Status FullNode::WriteHardState(const wal::HardState& state) {
  return wal::WriteHardState(env_.get(), std::string(kDir) + "/hard-state", state);
}

Status FullNode::ClearDamage() {
  ++world_->coverage()->repairs;
  return replication::ClearDamaged(env_.get(), kDir);
}

Status FullNode::Submit(std::vector<Entry> entries) {
  submitted_.insert(submitted_.end(), std::make_move_iterator(entries.begin()),
                    std::make_move_iterator(entries.end()));
  if (!writing_) {
    writing_ = true;
    After(world_->random()->Between(1, world_->plan().sync_ns * sync_factor_), [this] { WriteSubmitted(); });
  }
  return Status();
}

// One round of the log's thread: write, later sync. A crash in between leaves a torn tail.
void FullNode::WriteSubmitted() {
  const std::vector<Entry> round(submitted_.begin(), submitted_.end());
  submitted_.clear();
  if (const Status status = wal_->Append(round); !status.ok())
    return driver_->OnPersisted(status, wal_->durable_end());
  After(world_->random()->Between(1, world_->plan().sync_ns * sync_factor_), [this] { SyncWritten(); });
}

void FullNode::SyncWritten() {
  const Status status = wal_->Sync();
  writing_ = status.ok() && !submitted_.empty();
  if (writing_) After(1, [this] { WriteSubmitted(); });
  driver_->OnPersisted(status, wal_->durable_end());
}

Result<Timestamp> FullNode::Truncate(Offset to) {
  SIM_CHECK(!writing_ && submitted_.empty(), "I6: truncates with a write in flight", id(), to);
  SIM_CHECK(to >= state_.end, "I6: truncates what is applied", id(), to, state_.end);
  ++world_->coverage()->truncations;
  if (Status status = wal_->TruncateSuffix(to); !status.ok()) return status;
  return wal_->last_timestamp();
}

void FullNode::Read(Offset from, size_t bytes_max, std::function<void(Result<std::vector<Entry>>)> done) {
  ++world_->coverage()->log_reads;
  After(world_->random()->Between(1, world_->plan().sync_ns),
        [this, from, bytes_max, done = std::move(done)] {
          if (from < wal_->log_start()) {
            done(Status(Status::kNotFound, "the log begins later"));
          } else {
            done(wal_->Read(from, bytes_max));
          }
        });
}

// ---------------------------------------------------------------------------------------------------------

void FullNode::Send(const quorum::Message& message) {
  world_->SendDatagram(id(), message);
}
void FullNode::OpenStream(const quorum::Message& open) {
  world_->OpenStream(this, open);
}
void FullNode::Acknowledge(const quorum::Message& request) {
  world_->SendUp(this, request);
}
void FullNode::SendFrame(const quorum::Message& reply, std::vector<Entry> entries) {
  world_->SendDown(this, reply, std::move(entries), false);
}
void FullNode::SendLast(const quorum::Message& reply) {
  world_->SendDown(this, reply, {}, true);
}
void FullNode::Close(NodeId peer, quorum::SessionId session) {
  world_->CloseStream(this, peer, session);
}

// ---------------------------------------------------------------------------------------------------------

void FullNode::Make() {
  if (making_) return;
  making_ = true;
  After(world_->plan().sync_ns * 4, [this] {
    making_ = false;
    if (state_.end < wal_->log_start() || state_.end > quorum().durable_end()) return;
    handed_out_ =
        HandedOut{{state_.end, state_.epoch}, view_, state_.timestamp, quorum().VotersAt(state_.end)};
    ++world_->coverage()->snapshots;
    driver_->OnSnapshotMade(handed_out_->id);
  });
}

void FullNode::Pull(const quorum::SnapshotId& id, NodeId from) {
  pulling_ = id;
  pulled_.reset();
  PullStep(id, from, static_cast<int>(1 + world_->random()->Below(5)));
}

void FullNode::PullStep(const quorum::SnapshotId& id, NodeId from, int left) {
  After(2 * world_->Delay(), [this, id, from, left] {
    if (pulling_ != id) return;
    FullNode* server = world_->Find(from);
    const bool lost = server == nullptr || !server->is_up() || server->paused_ ||
                      world_->IsCut(this->id(), from) || world_->IsCut(from, this->id()) ||
                      !server->handed_out_ || server->handed_out_->id != id;
    if (lost) {
      pulling_.reset();
      driver_->OnSnapshotFailed(id);
      return;
    }
    const quorum::Identity self{identity_.cluster, identity_.node, identity_.disk};
    const Epoch epoch = server->quorum().epoch();
    server->Do([self, mine = quorum().epoch()](replication::ReplicaDriver* driver) {
      driver->OnSnapshotServed(self, mine);
    });
    if (left > 0) {
      driver_->OnSnapshotProgress(id, from, epoch);
      return PullStep(id, from, left - 1);
    }
    pulling_.reset();
    pulled_ = server->handed_out_;
    driver_->OnSnapshotPulled(id, pulled_->voters);
  });
}

void FullNode::Abort(const quorum::SnapshotId& id) {
  if (pulling_ == id) pulling_.reset();
}

// The same marks in the same order as in a node; a crash in between is finished by the next start.
void FullNode::Install(const quorum::SnapshotId& id) {
  SIM_ASSERT(pulled_ && pulled_->id == id);
  SIM_CHECK(!writing_ && submitted_.empty(), "I6: installs with a write in flight", this->id(), id.end);
  After(world_->plan().sync_ns * 2, [this, id] {
    const std::string name = "view-" + std::to_string(id.end.value);
    durable_views_[name] = pulled_->view;
    Status status =
        replication::WriteInstallation(env_.get(), kDir, {id, pulled_->timestamp, pulled_->voters, name});
    if (status.ok()) status = replication::FinishInstallation(env_.get(), kDir, wal_.get());
    if (!status.ok()) return driver_->Fail(status);
    ++world_->coverage()->installations;
    for (replication::Pending& pending : std::exchange(to_apply_, {})) {
      if (pending.done) pending.done(replication::Refused(Status::kUncertain, "a snapshot took its place"));
    }
    ForgetAhead();
    appended_ = {};
    view_name_ = name;
    view_ = pulled_->view;
    state_ = *broker::ReadAppliedState(view_);
    marks_.Reset(state_);
    SIM_CHECK(state_.end == id.end, "I16: the view of a snapshot ends elsewhere", state_.end, id.end);
    committed_end_ = id.end;
    const Timestamp timestamp = pulled_->timestamp;
    pulled_.reset();
    driver_->OnSnapshotInstalled(id, timestamp);
    due_->Tell(broker::NextDue(view_));
  });
}

}  // namespace mom::sim
