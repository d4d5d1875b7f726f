// AsioReplica's side towards the other nodes: what they send goes to the driver's thread, commands into the
// inbox.
#include <utility>

#include "replication/replica/asio_replica.h"

namespace mom::replication {

void AsioReplica::OnMessage(quorum::Message message, std::vector<Entry> entries) {
  OnReplicaThread([this, message = std::move(message), entries = std::move(entries)]() mutable {
    driver_.OnMessage(std::move(message), std::move(entries));
  });
}

void AsioReplica::OnFrameSent(NodeId peer, quorum::SessionId session, Offset end, uint64_t bytes) {
  OnReplicaThread([=, this] { driver_.OnFrameSent(peer, session, end, bytes); });
}

void AsioReplica::OnStreamClosed(NodeId peer, quorum::SessionId session) {
  OnReplicaThread([=, this] { driver_.OnStreamClosed(peer, session); });
}

// Answered before a replica is there, by whoever started the transport.
Greeting AsioReplica::OnGreeting(const Greeting&) {
  return Greeting{data_.identity.node, data_.identity.disk, data_.identity.cluster, {}, {}};
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
  if (disk_nearly_full_ && NeedsRoom(parsed))
    return reply(Refused(Status::kNoSpace, "the leader's disk is nearly full"));
  const uint64_t bytes = command.size();
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
  OnReplicaThread([this, reply = std::move(reply)]() mutable { driver_.ReadBarrier(std::move(reply)); });
}

void AsioReplica::ReadBarrier(int64_t timeout_ms, std::function<void(Result<Offset>)> done) {
  const NodeId to = leader();
  if (to == NodeId{}) return done(Status(Status::kNotLeader, "no leader is known"));
  if (to != data_.identity.node) return options_.transport->ReadBarrier(to, timeout_ms, std::move(done));
  OnReplicaThread([this, done = std::move(done)]() mutable { driver_.ReadBarrier(std::move(done)); });
}

void AsioReplica::OnSnapshotRequest(const quorum::Identity&, const SnapshotChunkRequest&,
                                    std::function<void(Result<SnapshotChunk>)> reply) {
  reply(Status(Status::kNotFound, "no snapshot"));
}

void AsioReplica::Make() {}
void AsioReplica::Pull(const quorum::SnapshotId&, NodeId) {}
void AsioReplica::Abort(const quorum::SnapshotId&) {}
void AsioReplica::Install(const quorum::SnapshotId&) {}

}  // namespace mom::replication
