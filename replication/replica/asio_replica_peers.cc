// AsioReplica's side towards the other nodes: what they send goes to the driver's thread, commands into the
// inbox.
#include <chrono>
#include <thread>
#include <utility>

#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "replication/replica/asio_replica.h"

namespace mom::replication {
namespace {

constexpr int64_t kForwardedWaitMs = 5000;  // For the own view to hold a forwarded write.
constexpr auto kResignPause = std::chrono::milliseconds(50);

}  // namespace

void AsioReplica::OnMessage(quorum::Message message, std::vector<Entry> entries) {
  runtime_.Post([this, message = std::move(message), entries = std::move(entries)]() mutable {
    driver_.OnMessage(std::move(message), std::move(entries));
  });
}

void AsioReplica::OnFrameSent(NodeId peer, quorum::SessionId session, Offset end, uint64_t bytes) {
  runtime_.Post([=, this] { driver_.OnFrameSent(peer, session, end, bytes); });
}

void AsioReplica::OnStreamClosed(NodeId peer, quorum::SessionId session) {
  runtime_.Post([=, this] { driver_.OnStreamClosed(peer, session); });
}

// Answered before a replica is there, by whoever started the transport.
Greeting AsioReplica::OnGreeting(const Greeting&) {
  return Greeting{data_.identity.node, data_.identity.disk, data_.identity.cluster, {}, {}, {}};
}

// One hop and no more: who does not lead says so.
void AsioReplica::OnForward(const quorum::Identity& from, std::string command,
                            std::function<void(Outcome)> reply) {
  if (from.cluster != data_.identity.cluster)
    return reply(Refused(Status::kWrongOwner, "of another cluster"));
  if (leader() != data_.identity.node || stopping_ || failed_) {
    return reply(Refused(Status::kNotLeader, "this node does not lead"));
  }
  v1::Command parsed;
  if (command.size() > kEntryPayloadBytesMax || !parsed.ParseFromString(command)) {
    return reply(Refused(Status::kInvalidArgument, "not a command"));
  }
  const uint64_t bytes = command.size();
  if (!room_.Admit(parsed, bytes, pending_bytes_))
    return reply(Refused(Status::kNoSpace, "the leader's disk is nearly full"));
  if (!TakeRoom(bytes))
    return reply(Refused(Status::kOverloaded, "too many requests are waiting for the leader's log"));
  ProposeHere(std::make_shared<const std::string>(std::move(command)),
              [this, bytes, reply = std::move(reply)](Outcome outcome) {
                GiveRoomBack(bytes);
                reply(std::move(outcome));
              });
}

void AsioReplica::OnReadBarrier(const quorum::Identity& from, std::function<void(Result<Offset>)> reply) {
  if (from.cluster != data_.identity.cluster) return reply(Status(Status::kWrongOwner, "of another cluster"));
  runtime_.Post([this, reply = std::move(reply)]() mutable { driver_.ReadBarrier(std::move(reply)); });
}

void AsioReplica::ReadBarrier(int64_t timeout_ms, std::function<void(Result<Offset>)> done) {
  const NodeId to = leader();
  if (to == NodeId{}) return done(Status(Status::kNotLeader, "no leader is known"));
  if (to != data_.identity.node) return options_.transport->ReadBarrier(to, timeout_ms, std::move(done));
  runtime_.Post([this, done = std::move(done)]() mutable { driver_.ReadBarrier(std::move(done)); });
}

void AsioReplica::Administer(AdminRequest request, std::function<void(Status)> done) {
  if (stopping_ || failed_) return done(Status(Status::kStopping, "the node stops"));
  if (!admin_) {
    return done(Status(Status::kInvalidArgument,
                       "this node is a cluster alone and has no address for others; a cluster that can grow "
                       "is founded with --peers"));
  }
  admin_->Administer(std::move(request), std::move(done));
}

void AsioReplica::OnAdminister(const quorum::Identity& from, AdminRequest request,
                               std::function<void(Status)> reply) {
  if (stopping_ || failed_) return reply(Status(Status::kNotLeader, "the node stops"));
  admin_->OnAdminister(from, std::move(request), std::move(reply));
}

// The entry counts from now on, but may yet be truncated: what is told is looked at again after the step.
void AsioReplica::OnMembersChanged() {
  if (options_.transport) options_.transport->SetAddresses(driver_.addresses());
  runtime_.Post([this] { Publish(); });
}

std::unique_ptr<AsioAdmin> AsioReplica::MakeAdmin() {
  if (options_.transport == nullptr) return nullptr;
  AdminHooks hooks;
  hooks.leader = [this] { return leader(); };
  hooks.on_driver_thread = [this](std::function<void()> task) { runtime_.Post(std::move(task)); };
  return std::make_unique<AsioAdmin>(IdentityOf(data_), &runtime_, options_.transport, &driver_,
                                     std::move(hooks));
}

void AsioReplica::OnSnapshotRequest(const quorum::Identity& from, const SnapshotChunkRequest& request,
                                    std::function<void(Result<SnapshotChunk>)> reply) {
  if (from.cluster != data_.identity.cluster) return reply(Status(Status::kWrongOwner, "of another cluster"));
  snapshots_->Serve(from, request, std::move(reply));
}

void AsioReplica::OnStatus(const quorum::Identity& from, std::function<void(Result<NodeStatus>)> reply) {
  if (from.cluster != data_.identity.cluster) return reply(Status(Status::kWrongOwner, "of another cluster"));
  const ReplicaInfo info = OwnInfo();
  NodeStatus status;
  status.node = data_.identity.node;
  status.role = info.role;
  status.epoch = info.epoch;
  status.leader = NodeId{info.leader_id};
  status.log_start = info.log_start;
  status.log_end = info.log_end;
  status.durable_end = info.durable_end;
  status.high_watermark = info.high_watermark;
  status.damaged = info.damaged;
  status.loading_snapshot = info.loading_snapshot;
  status.caught_up = info.caught_up;
  status.disk_nearly_full = info.disk_nearly_full;
  status.snapshot = info.snapshot;
  status.version = options_.version;
  status.rest = info.rest_address;
  status.marks = marks_.All();
  status.applied = {info.applied_end, info.digest};
  reply(std::move(status));
}

void AsioReplica::Resign() {
  if (options_.transport == nullptr || leader() != data_.identity.node) return;
  runtime_.Post([this] { driver_.Resign(); });
  std::this_thread::sleep_for(kResignPause);
}

std::unique_ptr<AsioForwarder> AsioReplica::MakeForwarder() {
  if (options_.transport == nullptr) return nullptr;
  ForwarderHooks hooks;
  hooks.leader = [this] { return leader(); };
  hooks.propose_here = [this](std::shared_ptr<const std::string> payload, std::function<void(Outcome)> done) {
    ProposeHere(std::move(payload), std::move(done));
  };
  hooks.wait_applied = [this](Offset offset, std::function<void(bool)> done) {
    WaitApplied(offset, kForwardedWaitMs, std::move(done));
  };
  return std::make_unique<AsioForwarder>(&runtime_, options_.transport, data_.identity.node,
                                         std::move(hooks));
}

std::unique_ptr<PeerWatch> AsioReplica::MakeWatch() {
  if (options_.transport == nullptr) return nullptr;
  PeerWatchHooks hooks;
  hooks.addresses = [transport = options_.transport] { return transport->Addresses(); };
  hooks.ask = [transport = options_.transport](NodeId to, std::function<void(Result<NodeStatus>)> done) {
    transport->FetchStatus(to, kWatchTimeoutMs, std::move(done));
  };
  hooks.alarm = options_.on_divergence;
  return std::make_unique<PeerWatch>(data_.identity.node, &marks_, std::move(hooks));
}

std::unique_ptr<AsioSnapshots> AsioReplica::MakeSnapshots() {
  if (options_.transport == nullptr) return nullptr;
  SnapshotHooks hooks;
  hooks.freeze = [this] { return std::make_unique<FrozenInUse>(view_.Get()); };
  hooks.install = [this](PulledSnapshot* pulled) { return Install(pulled); };
  hooks.warn = options_.on_snapshot_error;
  hooks.on_driver_thread = [this](std::function<void()> task) { runtime_.Post(std::move(task)); };
  return std::make_unique<AsioSnapshots>(data_.path, ViewOptions(options_.data, data_.env), &runtime_,
                                         options_.transport, &driver_, std::move(hooks));
}

// On the replica thread, which waits for the disk: this node has nothing else to do. Nothing of the old view
// is applied any more; who reads it finishes.
Status AsioReplica::Install(PulledSnapshot* pulled) {
  Status status = log_.MarkInstallation(pulled->installation);
  if (status.code() == Status::kNoSpace) return status;
  StopView();
  if (status.ok()) status = log_.Install();
  if (!status.ok()) {
    Fail(status.Annotate("putting a snapshot in the place of view and log"));
    return status;
  }
  retired_.push_back({view_.Replace(std::move(pulled->view)), data_.view_name});
  data_.view_name = pulled->installation.view;
  const broker::AppliedState state = *broker::ReadAppliedState(latest_);
  marks_.Reset(state);
  applied_ms_ = state.timestamp.ms;
  applied_end_ = state.end.value;
  waiters_.Release(state.end);
  log_start_ = state.end.value;
  due_.Tell(broker::NextDue(FrozenReader(view_.Get())));  // Nobody else does now.
  if (const auto voters = latest_.Get(broker::keys::Voters())) driver_.LearnAddresses(*voters);
  StartView();
  if (forwarder_) forwarder_->OnLogReplaced();
  driver_.OnSnapshotInstalled(pulled->installation.id, pulled->installation.timestamp);
  if (options_.on_snapshot) options_.on_snapshot(state.end);
  TellUpheaval();
  return Status();
}

// Views that nobody reads any more go, on the thread that is there for slow things of views.
void AsioReplica::RemoveRetired() {
  std::erase_if(retired_, [this](Retired& retired) {
    if (retired.view.use_count() > 1) return false;
    snapshots_->Run([this, held = std::move(retired.view), path = data_.path + "/" + retired.name]() mutable {
      held.reset();
      Status removed = LevelDbView::Remove(path);
      if (removed.ok() || !options_.on_snapshot_error) return;
      options_.on_snapshot_error("the view that a snapshot has replaced costs disk until the next start: " +
                                 removed.ToString());
    });
    return true;
  });
}

}  // namespace mom::replication
