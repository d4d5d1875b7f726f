#include "replication/transport/grpc_server.h"

#include <chrono>
#include <utility>

#include "replication/transport/wire.h"

namespace mom::replication {
namespace {

// Calls of one kind that gRPC can hand over without waiting for us.
constexpr int kAcceptedAhead = 4;

template <typename Kind, typename Request, typename Reply>
void SetAsk(GrpcWorld* world, v1::Peer::AsyncService* service,
            void (v1::Peer::AsyncService::*request)(grpc::ServerContext*, Request*,
                                                    grpc::ServerAsyncResponseWriter<Reply>*,
                                                    grpc::CompletionQueue*, grpc::ServerCompletionQueue*,
                                                    void*),
            Kind* kind) {
  kind->world = world;
  kind->ask = [world, service, request](grpc::ServerContext* context, Request* message,
                                        grpc::ServerAsyncResponseWriter<Reply>* writer, void* tag) {
    (service->*request)(context, message, writer, world->queue.get(), world->queue.get(), tag);
  };
}

}  // namespace

PeerServer::PeerServer(GrpcWorld* world, ServedStreams* streams) : world_(world), streams_(streams) {
  using Service = v1::Peer::AsyncService;
  SetAsk<Notify::Kind, v1::Notice, v1::NoticeTaken>(world, &service_, &Service::RequestNotify, &notify_);
  SetAsk<Greet::Kind, v1::Greeting, v1::Greeting>(world, &service_, &Service::RequestGreet, &greet_);
  SetAsk<Barrier::Kind, v1::ReadBarrierRequest, v1::ReadBarrierReply>(
      world, &service_, &Service::RequestReadBarrier, &barrier_);
  SetAsk<Administer::Kind, v1::AdministerRequest, v1::AdministerReply>(
      world, &service_, &Service::RequestAdminister, &administer_);
  SetAsk<Snapshot::Kind, v1::SnapshotChunkRequest, v1::SnapshotChunkReply>(
      world, &service_, &Service::RequestFetchSnapshot, &snapshot_);
  SetAsk<StatusCall::Kind, v1::StatusRequest, v1::StatusReply>(world, &service_, &Service::RequestStatus,
                                                               &status_);
  greet_.is_for_strangers = true;
  forwards_.world = world;
  forwards_.check = [this](const wire::Header& header) { return Check(header); };
  forwards_.accepted = [this] { AcceptForward(); };
  notify_.serve = [this](const auto& call) { ServeNotice(call); };
  greet_.serve = [this](const auto& call) { ServeGreeting(call); };
  barrier_.serve = [this](const auto& call) { ServeBarrier(call); };
  administer_.serve = [this](const auto& call) { ServeAdminister(call); };
  snapshot_.serve = [this](const auto& call) { ServeSnapshot(call); };
  status_.serve = [this](const auto& call) { ServeStatus(call); };
}

Status PeerServer::Listen(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  const TransportOptions& options = world_->options;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, credentials, &port);
  builder.RegisterService(&service_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(wire::kMessageBytesMax));
  builder.SetMaxSendMessageSize(static_cast<int>(wire::kMessageBytesMax));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT,
                             0);  // Two processes on one port would split the cluster.
  // Clients ping as often as they like; else they are sent away for it.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 100);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive_ms));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.keepalive_timeout_ms));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  world_->queue = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) {
    return Status(Status::kBusy, "cannot listen at " + options.listen +
                                     ": the port is taken, or the address is not of this machine");
  }
  listening_ = options.listen.substr(0, options.listen.rfind(':') + 1) + std::to_string(port);
  return Status();
}

void PeerServer::Accept() {
  for (int i = 0; i < kAcceptedAhead; ++i) {
    AcceptStream();
    AcceptForward();
    Notify::AcceptNext(&notify_);
    Greet::AcceptNext(&greet_);
    Barrier::AcceptNext(&barrier_);
    Administer::AcceptNext(&administer_);
    Snapshot::AcceptNext(&snapshot_);
    StatusCall::AcceptNext(&status_);
  }
}

void PeerServer::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(world_->options.stop_ms));
}

void PeerServer::AcceptStream() {
  const auto stream =
      CallRegister::Make<ServeStream>(world_->calls, world_, streams_, [this] { AcceptStream(); });
  if (stream != nullptr) stream->Accept(&service_);
}

void PeerServer::AcceptForward() {
  const auto stream = CallRegister::Make<ServeForward>(world_->calls, &forwards_);
  if (stream != nullptr) stream->Accept(&service_);
}

void PeerServer::ServeNotice(const std::shared_ptr<Notify>& call) {
  Result<quorum::Message> message = wire::Decode(call->request());
  if (!message.ok()) return call->Refuse(Refusal(message.status(), call->request().header()));
  world_->handler->OnMessage(*std::move(message), {});
  call->Answer(v1::NoticeTaken());
}

void PeerServer::ServeGreeting(const std::shared_ptr<Greet>& call) {
  const Result<Greeting> greeting = wire::Decode(call->request());
  if (!greeting.ok()) return call->Refuse(Refusal(greeting.status(), call->request().header()));
  v1::Greeting answer;
  wire::Encode(world_->handler->OnGreeting(greeting.value()), &answer);
  call->Answer(answer);
}

// Answers `call` with what the handler says, if anybody still waits for it then.
template <typename Reply, typename Call>
auto PeerServer::AnswerWith(const std::shared_ptr<Call>& call) {
  return [this, weak = std::weak_ptr(call)](const auto& value) {
    const auto still = weak.lock();
    if (still == nullptr) return;
    Reply reply;
    EncodeOwn(reply.mutable_header(), still->request().header().node());
    wire::Encode(value, &reply);
    still->Answer(reply);
  };
}

void PeerServer::ServeBarrier(const std::shared_ptr<Barrier>& call) {
  const Result<quorum::Identity> from = Check(call->request().header());
  if (!from.ok()) return call->Refuse(Refusal(from.status(), call->request().header()));
  world_->handler->OnReadBarrier(from.value(), AnswerWith<v1::ReadBarrierReply>(call));
}

void PeerServer::ServeAdminister(const std::shared_ptr<Administer>& call) {
  const Result<quorum::Identity> from = Check(call->request().header());
  if (!from.ok()) return call->Refuse(Refusal(from.status(), call->request().header()));
  const Result<AdminRequest> request = wire::Decode(call->request());
  if (!request.ok()) return call->Refuse(Refusal(request.status(), call->request().header()));
  world_->handler->OnAdminister(from.value(), request.value(), AnswerWith<v1::AdministerReply>(call));
}

void PeerServer::ServeSnapshot(const std::shared_ptr<Snapshot>& call) {
  const Result<quorum::Identity> from = Check(call->request().header());
  if (!from.ok()) return call->Refuse(Refusal(from.status(), call->request().header()));
  const Result<SnapshotChunkRequest> request = wire::Decode(call->request());
  if (!request.ok()) return call->Refuse(Refusal(request.status(), call->request().header()));
  world_->handler->OnSnapshotRequest(from.value(), request.value(), AnswerWith<v1::SnapshotChunkReply>(call));
}

void PeerServer::ServeStatus(const std::shared_ptr<StatusCall>& call) {
  const Result<quorum::Identity> from = Check(call->request().header());
  if (!from.ok()) return call->Refuse(Refusal(from.status(), call->request().header()));
  world_->handler->OnStatus(from.value(), AnswerWith<v1::StatusReply>(call));
}

Result<quorum::Identity> PeerServer::Check(const v1::PeerHeader& header) {
  const Result<wire::Header> decoded = wire::Decode(header);
  if (!decoded.ok()) return decoded.status();
  if (Status status = Check(decoded.value()); !status.ok()) return status;
  return decoded.value().from;
}

Status PeerServer::Check(const wire::Header& header) {
  const auto self = world_->Identity();
  if (!self || header.from.cluster != self->cluster || header.to != self->node) {
    return Status(Status::kInvalidArgument, "a call for another cluster or node");
  }
  return Status();
}

grpc::Status PeerServer::Refusal(const Status& why, const v1::PeerHeader& header) {
  world_->log.Warn("call of node " + std::to_string(header.node()), "a call was refused: " + why.message());
  return NotDone(why.code() == Status::kWrongOwner ? grpc::StatusCode::FAILED_PRECONDITION
                                                   : grpc::StatusCode::INVALID_ARGUMENT,
                 why.message());
}

void PeerServer::EncodeOwn(v1::PeerHeader* header, uint32_t to) {
  wire::Encode(world_->Identity().value_or(quorum::Identity()), NodeId{to}, header);
}

}  // namespace mom::replication
