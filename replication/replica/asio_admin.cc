#include "replication/replica/asio_admin.h"

#include <chrono>
#include <utility>

namespace mom::replication {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kJoinMs = 10'000;  // For the newcomer to catch up; then the client asks again.
constexpr int64_t kFindLeaderMs = 3000;
constexpr int64_t kPassedOnMs = kJoinMs + 5000;
constexpr auto kPause = std::chrono::milliseconds(50);

std::string Name(NodeId node) {
  return "node " + std::to_string(node.value);
}

// What the core's refusals mean to an administrator, where there is nothing more special to say.
Status Explain(quorum::Refusal refusal) {
  switch (refusal) {
    case quorum::Refusal::kNone:
      return Status();
    case quorum::Refusal::kBusy:
      return Status(Status::kBusy, "another change of the cluster is under way; ask again when it is done");
    case quorum::Refusal::kOverloaded:
      return Status(Status::kInvalidArgument,
                    "a cluster has at most " + std::to_string(quorum::kVotersMax) + " voters");
    case quorum::Refusal::kUncertain:
      return Status(Status::kUncertain, "the leader was lost meanwhile; look at GET /v1/cluster");
    case quorum::Refusal::kTimedOut:
      return Status(Status::kOverloaded, "the other node did not take over in time; the leader stays");
    case quorum::Refusal::kNotCaughtUp:
      return Status(Status::kOverloaded, "too few nodes are in touch with the leader for this change");
    case quorum::Refusal::kInvalid:
      return Status(Status::kInvalidArgument, "the last voter cannot be removed");
    default:
      return Status(Status::kNotLeader, "the node that was asked does not lead now");
  }
}

}  // namespace

AsioAdmin::AsioAdmin(const quorum::Identity& self, AsioRuntime* runtime, Transport* transport,
                     ReplicaDriver* driver, AdminHooks hooks)
    : self_(self),
      runtime_(runtime),
      transport_(transport),
      driver_(driver),
      hooks_(std::move(hooks)),
      timer_(runtime) {}

void AsioAdmin::Administer(AdminRequest request, Done done) {
  const Instant deadline{runtime_->Now().ns + kFindLeaderMs * kNsPerMs};
  Try(std::move(request), deadline, std::move(done));
}

// Who leads may change at this very moment: what nobody took is tried again for a while.
void AsioAdmin::Try(AdminRequest request, Instant deadline, Done done) {
  const NodeId leader = hooks_.leader();
  auto judge = [this, request, deadline, done = std::move(done)](Status status) mutable {
    if (status.code() != Status::kNotLeader || runtime_->Now() >= deadline) return done(std::move(status));
    hooks_.on_driver_thread([this, request = std::move(request), deadline, done = std::move(done)] {
      Later([this, request, deadline, done] { Try(request, deadline, done); }, done);
    });
  };
  if (leader == NodeId{}) return judge(Status(Status::kNotLeader, "no leader is known"));
  if (leader == self_.node) return Run(std::move(request), std::move(judge));
  transport_->Administer(leader, request, kPassedOnMs, std::move(judge));
}

void AsioAdmin::OnAdminister(const quorum::Identity& from, AdminRequest request, Done reply) {
  if (from.cluster != self_.cluster) return reply(Status(Status::kWrongOwner, "of another cluster"));
  Run(std::move(request), std::move(reply));
}

void AsioAdmin::Run(AdminRequest request, Done done) {
  hooks_.on_driver_thread([this, request = std::move(request), done = std::move(done)]() mutable {
    if (stopped_) return done(Status(Status::kStopping, "the node is stopping"));
    if (driver_->quorum().role() != quorum::Role::kLeader)
      return done(Status(Status::kNotLeader, "the node that was asked does not lead now"));
    switch (request.kind) {
      case AdminRequest::Kind::kAddNode:
        return Add(std::move(request), std::move(done));
      case AdminRequest::Kind::kRemoveNode:
        return Remove(request, std::move(done));
      case AdminRequest::Kind::kTransfer:
        return Transfer(request, std::move(done));
    }
  });
}

void AsioAdmin::Stop() {
  stopped_ = true;
  timer_.Cancel();
  for (Waiting& one : std::exchange(waiting_, {}))
    one.done(Status(Status::kStopping, "the node is stopping"));
}

// ---------------------------------------------------------------------------------------------------------

// Who answers at that address says which disk it has, and that the others will reach it there.
void AsioAdmin::Add(AdminRequest request, Done done) {
  if (driver_->quorum().voters().ContainsNode(request.node)) {
    const auto known = driver_->addresses().find(request.node);
    if (known != driver_->addresses().end() && known->second == request.address) return done(Status());
    return done(Status(Status::kInvalidArgument,
                       Name(request.node) + " is a voter already, with another address; remove it first"));
  }
  PeerAddresses addresses = driver_->addresses();
  addresses[request.node] = request.address;
  transport_->SetAddresses(std::move(addresses));
  const Greeting self{self_.node, self_.disk, self_.cluster, {}, {}, {}};
  const NodeId to = request.node;
  transport_->Greet(to, self, [this, request = std::move(request), done](Result<Greeting> answer) mutable {
    hooks_.on_driver_thread(
        [this, request = std::move(request), answer = std::move(answer), done = std::move(done)]() mutable {
          OnGreeted(request, answer, std::move(done));
        });
  });
}

// Why the node that answered, or did not, cannot be added.
Status AsioAdmin::Judge(const AdminRequest& request, const Result<Greeting>& greeting) const {
  const std::string join = "; start it with --join and the address of a node of this cluster";
  const std::string name = Name(request.node);
  if (!greeting.ok()) {
    return Status(Status::kOverloaded, name + " does not answer at " + request.address + " (" +
                                           greeting.status().message() + ")" + join);
  }
  if (greeting->node != request.node) {
    return Status(Status::kWrongOwner,
                  Name(greeting->node) + " answers at " + request.address + ", not " + name);
  }
  if (greeting->cluster.empty())
    return Status(Status::kOverloaded, name + " is not part of the cluster yet" + join);
  if (greeting->cluster != self_.cluster) {
    return Status(Status::kWrongOwner, name + " at " + request.address +
                                           " belongs to another cluster; give it an empty --data-dir" + join);
  }
  return Status();
}

void AsioAdmin::OnGreeted(const AdminRequest& request, const Result<Greeting>& greeting, Done done) {
  if (Status judged = Judge(request, greeting); !judged.ok()) {
    transport_->SetAddresses(driver_->addresses());
    return done(std::move(judged));
  }
  const Instant deadline{runtime_->Now().ns + kJoinMs * kNsPerMs};
  Promote({{request.node, greeting->disk}, request.address, deadline, std::move(done)});
}

void AsioAdmin::Promote(Joining joining) {
  if (stopped_) return joining.done(Status(Status::kStopping, "the node is stopping"));
  const quorum::ReplicaKey key = joining.key;
  const std::string address = joining.address;
  driver_->ChangeVoters(true, key, address, [this, joining = std::move(joining)](quorum::Refusal refusal) {
    OnJudged(joining, refusal);
  });
}

void AsioAdmin::OnJudged(Joining joining, quorum::Refusal refusal) {
  using enum quorum::Refusal;
  const bool may_pass = refusal == kNotCaughtUp || refusal == kBusy || refusal == kNotReady;
  if (may_pass && !stopped_ && runtime_->Now() < joining.deadline) {
    const Done done = joining.done;
    return Later([this, joining = std::move(joining)] { Promote(joining); }, done);
  }
  if (refusal == kNoChange) return joining.done(Status());  // Somebody else was faster.
  if (refusal == kInvalid) {
    return joining.done(Status(Status::kInvalidArgument,
                               Name(joining.key.node) + " is a voter with another disk; remove it first"));
  }
  if (refusal == kNotCaughtUp) {
    return joining.done(Status(Status::kOverloaded, Name(joining.key.node) + " has not caught up yet (" +
                                                        Lag(joining.key) + "); ask again"));
  }
  joining.done(Explain(refusal));
}

void AsioAdmin::Later(std::function<void()> again, Done done) {
  if (stopped_) return done(Status(Status::kStopping, "the node is stopping"));
  waiting_.push_back({std::move(again), std::move(done)});
  if (waiting_.size() > 1) return;
  timer_.SetAfter(kPause, [this] {
    for (const Waiting& one : std::exchange(waiting_, {})) one.again();
  });
}

std::string AsioAdmin::Lag(const quorum::ReplicaKey& key) const {
  for (const quorum::Progress& p : driver_->quorum().progress()) {
    if (p.key != key) continue;
    if (!p.open) return "it has lost its connection to the leader";
    return std::to_string((driver_->quorum().log_end() - p.match).value) + " entries behind";
  }
  return "it does not fetch from the leader";
}

void AsioAdmin::Remove(const AdminRequest& request, Done done) {
  for (const quorum::ReplicaKey& voter : driver_->quorum().voters()) {
    if (voter.node != request.node) continue;
    return driver_->ChangeVoters(
        false, voter, "", [done = std::move(done)](quorum::Refusal refusal) { done(Explain(refusal)); });
  }
  done(Status(Status::kNotFound, Name(request.node) + " is no voter of this cluster"));
}

void AsioAdmin::Transfer(const AdminRequest& request, Done done) {
  const quorum::VoterSet& voters = driver_->quorum().voters();
  if (request.node == self_.node) return done(Status());
  if (request.node != NodeId{} && !voters.ContainsNode(request.node))
    return done(Status(Status::kNotFound, Name(request.node) + " is no voter of this cluster"));
  if (voters.size() == 1) return done(Status(Status::kInvalidArgument, "there is no other voter"));
  driver_->TransferLeadership(request.node,
                              [done = std::move(done)](quorum::Refusal refusal) { done(Explain(refusal)); });
}

}  // namespace mom::replication
