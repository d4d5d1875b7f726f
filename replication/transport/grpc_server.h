// PeerServer: what this node does for the others.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "core/base/result.h"
#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/grpc_call.h"
#include "replication/transport/grpc_serve_forward.h"
#include "replication/transport/grpc_serve_stream.h"
#include "replication/transport/grpc_unary.h"

namespace mom::replication {

// Start, Accept and Stop belong to the owner of the transport.
class PeerServer {
 public:
  PeerServer(GrpcWorld* world, ServedStreams* streams);

  // Listens, and gives world->queue. kBusy: the port is taken.
  Status Listen(const std::shared_ptr<grpc::ServerCredentials>& credentials);
  // From now on calls are served. REQUIRES: threads that drain the queue.
  void Accept();
  // No new calls; those that there are may go on for `stop_ms`.
  void Stop();
  const std::string& listening() const { return listening_; }

 private:
  using Notify = ServerCall<v1::Notice, v1::NoticeTaken>;
  using Greet = ServerCall<v1::Greeting, v1::Greeting>;
  using Barrier = ServerCall<v1::ReadBarrierRequest, v1::ReadBarrierReply>;
  using Administer = ServerCall<v1::AdministerRequest, v1::AdministerReply>;
  using Snapshot = ServerCall<v1::SnapshotChunkRequest, v1::SnapshotChunkReply>;
  using StatusCall = ServerCall<v1::StatusRequest, v1::StatusReply>;

  void AcceptStream();
  void AcceptForward();
  void ServeNotice(const std::shared_ptr<Notify>& call);
  void ServeGreeting(const std::shared_ptr<Greet>& call);
  template <typename Reply, typename Call>
  auto AnswerWith(const std::shared_ptr<Call>& call);
  void ServeBarrier(const std::shared_ptr<Barrier>& call);
  void ServeAdminister(const std::shared_ptr<Administer>& call);
  void ServeSnapshot(const std::shared_ptr<Snapshot>& call);
  void ServeStatus(const std::shared_ptr<StatusCall>& call);
  // Is this for this node, and from one of its cluster?
  Result<quorum::Identity> Check(const v1::PeerHeader& header);
  Status Check(const wire::Header& header);
  grpc::Status Refusal(const Status& why, const v1::PeerHeader& header);
  void EncodeOwn(v1::PeerHeader* header, uint32_t to);

  GrpcWorld* const world_;
  ServedStreams* const streams_;
  v1::Peer::AsyncService service_;
  std::unique_ptr<grpc::Server> server_;
  std::string listening_;
  Notify::Kind notify_;
  Greet::Kind greet_;
  ServedForwards forwards_;
  Barrier::Kind barrier_;
  Administer::Kind administer_;
  Snapshot::Kind snapshot_;
  StatusCall::Kind status_;
};

}  // namespace mom::replication
