// PeerRouter: takes what other nodes send from the moment the transport listens, before there is a replica
// for it.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "replication/transport/transport.h"

namespace mom::replication {

// Thread-safe.
class PeerRouter final : public PeerHandler {
 public:
  // `greet` answers greetings.
  explicit PeerRouter(std::function<Greeting(const Greeting&)> greet) : greet_(std::move(greet)) {}
  // From now on everything but greetings goes there; it must outlive the transport's Stop().
  void SetReplica(PeerHandler* replica) { replica_ = replica; }

  Greeting OnGreeting(const Greeting& from) override { return greet_(from); }
  void OnMessage(quorum::Message message, std::vector<Entry> entries) override {
    if (PeerHandler* replica = replica_) replica->OnMessage(std::move(message), std::move(entries));
  }
  void OnFrameSent(NodeId peer, quorum::SessionId session, Offset end, uint64_t bytes) override {
    if (PeerHandler* replica = replica_) replica->OnFrameSent(peer, session, end, bytes);
  }
  void OnStreamClosed(NodeId peer, quorum::SessionId session) override {
    if (PeerHandler* replica = replica_) replica->OnStreamClosed(peer, session);
  }
  void OnForward(const quorum::Identity& from, std::string command,
                 std::function<void(Outcome)> reply) override {
    if (PeerHandler* replica = replica_)
      return replica->OnForward(from, std::move(command), std::move(reply));
    reply(Refused(Status::kNotLeader, "the node is starting"));
  }
  Offset AppliedEnd() const override {
    const PeerHandler* replica = replica_;
    return replica ? replica->AppliedEnd() : Offset{};
  }
  void OnReadBarrier(const quorum::Identity& from, std::function<void(Result<Offset>)> reply) override {
    if (PeerHandler* replica = replica_) return replica->OnReadBarrier(from, std::move(reply));
    reply(Status(Status::kNotLeader, "the node is starting"));
  }
  void OnAdminister(const quorum::Identity& from, AdminRequest request,
                    std::function<void(Status)> reply) override {
    if (PeerHandler* replica = replica_)
      return replica->OnAdminister(from, std::move(request), std::move(reply));
    reply(Status(Status::kNotLeader, "the node is starting"));
  }
  void OnSnapshotRequest(const quorum::Identity& from, const SnapshotChunkRequest& request,
                         std::function<void(Result<SnapshotChunk>)> reply) override {
    if (PeerHandler* replica = replica_) return replica->OnSnapshotRequest(from, request, std::move(reply));
    reply(Status(Status::kNotFound, "the node is starting"));
  }
  void OnStatus(const quorum::Identity& from, std::function<void(Result<NodeStatus>)> reply) override {
    if (PeerHandler* replica = replica_) return replica->OnStatus(from, std::move(reply));
    reply(Status(Status::kNotFound, "the node is starting"));
  }

 private:
  const std::function<Greeting(const Greeting&)> greet_;
  std::atomic<PeerHandler*> replica_{nullptr};
};

}  // namespace mom::replication
