#include "replication/transport/grpc_transport.h"

#include <absl/synchronization/mutex.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/check.h"
#include "replication/transport/grpc_call.h"
#include "replication/transport/grpc_channels.h"
#include "replication/transport/grpc_credentials.h"
#include "replication/transport/grpc_follow_stream.h"
#include "replication/transport/grpc_forward_stream.h"
#include "replication/transport/grpc_serve_forward.h"
#include "replication/transport/grpc_server.h"
#include "replication/transport/grpc_unary.h"
#include "replication/transport/wire.h"
#include "wal/this_thread.h"

namespace mom::replication {
namespace {

using BarrierCall = ClientCall<v1::ReadBarrierRequest, v1::ReadBarrierReply>;
using GreetCall = ClientCall<v1::Greeting, v1::Greeting>;
using NotifyCall = ClientCall<v1::Notice, v1::NoticeTaken>;
using StatusCall = ClientCall<v1::StatusRequest, v1::StatusReply>;
using AdministerCall = ClientCall<v1::AdministerRequest, v1::AdministerReply>;
using SnapshotCall = ClientCall<v1::SnapshotChunkRequest, v1::SnapshotChunkReply>;

// The leader sends something several times in this time, unless the connection is dead.
constexpr std::chrono::milliseconds kSilence{500};

class GrpcTransport final : public Transport {
 public:
  explicit GrpcTransport(TransportOptions options) : world_(std::move(options)) {}
  ~GrpcTransport() override { Stop(); }

  Status Start(PeerHandler* handler) override;
  void Stop() override;
  std::string listening() const override { return server_.listening(); }
  void SetIdentity(const quorum::Identity& self) override { world_.SetIdentity(self); }
  void SetAddresses(PeerAddresses addresses) override {
    channels_.SetAddresses(std::move(addresses));
    forwards_.OnAddressesChanged();
  }
  PeerAddresses Addresses() const override { return channels_.Addresses(); }

  void Send(const quorum::Message& message) override;
  void OpenStream(const quorum::Message& open) override;
  void Acknowledge(const quorum::Message& request) override;
  void SendFrame(const quorum::Message& reply, std::vector<Entry> entries) override;
  void SendLast(const quorum::Message& reply) override;
  void Close(NodeId peer, quorum::SessionId session) override;

  void Greet(NodeId to, const Greeting& greeting, std::function<void(Result<Greeting>)> done) override;
  void Forward(NodeId to, std::string command, int64_t timeout_ms, std::function<void(Outcome)> done,
               Settled settled) override;
  void ReadBarrier(NodeId to, int64_t timeout_ms, std::function<void(Result<Offset>)> done) override;
  void Administer(NodeId to, const AdminRequest& request, int64_t timeout_ms,
                  std::function<void(Status)> done) override;
  void FetchSnapshot(NodeId to, const SnapshotChunkRequest& request,
                     std::function<void(Result<SnapshotChunk>)> done) override;
  void FetchStatus(NodeId to, int64_t timeout_ms, std::function<void(Result<NodeStatus>)> done) override;

 private:
  template <typename Call, typename Request>
  Status StartCall(NodeId to, ChannelKind kind, typename Call::Prepare prepare, const Request& request,
                   int64_t timeout_ms, typename Call::Done done);
  template <typename Call, typename Request, typename Done, typename Read>
  void Ask(NodeId to, ChannelKind kind, typename Call::Prepare prepare, Request request, int64_t timeout_ms,
           Done done, Read read);
  bool RunSoon(std::function<void()> then);
  Status EncodeOwn(NodeId to, v1::PeerHeader* header);
  Result<NodeStatus> DecodeFrom(NodeId to, const v1::StatusReply& reply);
  std::shared_ptr<FollowStream> FindOwn(NodeId peer, quorum::SessionId session);
  std::shared_ptr<ServeStream> FindServed(const quorum::Message& reply);
  Status FailureOf(NodeId to, const grpc::Status& status, bool was_sent) const;
  bool TakeNoticeRoom(NodeId to);
  void GiveNoticeRoom(NodeId to);
  void TellRefusal(NodeId to, const grpc::Status& sent);

  GrpcWorld world_;
  ServedStreams served_;
  GrpcChannels channels_{world_.options};
  ForwardStreams forwards_{&world_, &channels_};
  PeerServer server_{&world_, &served_};
  std::vector<std::thread> threads_;
  std::atomic<bool> is_stopping_{false};
  std::mutex mutex_;
  std::weak_ptr<FollowStream> own_;       // Guarded by mutex_, like the next.
  std::map<NodeId, size_t> notices_out_;  // To each node, on their way.
};

Status GrpcTransport::Start(PeerHandler* handler) {
  MOM_CHECK(world_.handler == nullptr);
  // Debian builds absl with its search for deadlocks, which looks at a graph under one lock at each of gRPC's
  // locks.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const Result<GrpcCredentials> credentials = MakeCredentials(world_.options);
  if (!credentials.ok()) return credentials.status();
  world_.handler = handler;
  channels_.SetCredentials(credentials.value().client);
  const Status status = server_.Listen(credentials.value().server);
  for (uint32_t i = 0; i < std::max(1u, world_.options.threads); ++i) {
    threads_.emplace_back([this] {
      wal::NameThisThread("mom-grpc");
      wal::InterruptNobody();
      void* tag = nullptr;
      bool ok = false;
      while (world_.queue->Next(&tag, &ok)) {
        TagTaken(tag);
        static_cast<GrpcTag*>(tag)->Complete(ok);
      }
    });
  }
  if (!status.ok()) {
    Stop();
    return status;
  }
  server_.Accept();
  return Status();
}

void GrpcTransport::Stop() {
  if (is_stopping_.exchange(true) || world_.queue == nullptr) return;
  world_.calls->CancelAll();
  server_.Stop();
  world_.calls->AwaitNone();
  world_.queue->Shutdown();
  for (std::thread& thread : threads_) thread.join();
}

bool GrpcTransport::TakeNoticeRoom(NodeId to) {
  std::lock_guard lock(mutex_);
  size_t& out = notices_out_[to];
  if (out >= world_.options.notices_max) return false;
  ++out;
  return true;
}

void GrpcTransport::GiveNoticeRoom(NodeId to) {
  std::lock_guard lock(mutex_);
  --notices_out_[to];
}

// Why nothing comes of what is said to a node, where somebody has to do something about it: it refuses, or
// the two do not accept each other's certificates.
void GrpcTransport::TellRefusal(NodeId to, const grpc::Status& sent) {
  const bool is_refused = sent.error_code() == grpc::StatusCode::FAILED_PRECONDITION ||
                          sent.error_code() == grpc::StatusCode::PERMISSION_DENIED;
  const bool is_distrusted = sent.error_code() == grpc::StatusCode::UNAVAILABLE &&
                             sent.error_message().find("SSL_ERROR") != std::string::npos;
  if (!is_refused && !is_distrusted) return;
  const std::string node = "node " + std::to_string(to.value);
  world_.log.Warn("notice to " + node, is_refused
                                           ? node + " refused: " + sent.error_message()
                                           : "no TLS connection to " + node + ": " + sent.error_message());
}

void GrpcTransport::Send(const quorum::Message& message) {
  const NodeId to = message.to;
  if (!TakeNoticeRoom(to)) return;
  v1::Notice notice;
  wire::Encode(message, &notice);
  const Status status = StartCall<NotifyCall>(
      to, ChannelKind::kNotices, &v1::Peer::Stub::AsyncNotify, notice, world_.options.notice_timeout_ms,
      [this, to, begun = std::chrono::steady_clock::now()](const grpc::Status& sent, bool, v1::NoticeTaken*) {
        GiveNoticeRoom(to);
        // A node that is well says at once that it has arrived.
        if (sent.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
          channels_.Renew(to, ChannelKind::kNotices, begun);
        TellRefusal(to, sent);
      });
  if (!status.ok()) GiveNoticeRoom(to);
}

void GrpcTransport::OpenStream(const quorum::Message& open) {
  auto stream = CallRegister::Make<FollowStream>(world_.calls, &world_, open);
  std::shared_ptr<FollowStream> older;
  {
    std::lock_guard lock(mutex_);
    older = own_.lock();
    own_ = stream;
  }
  if (older != nullptr) older->Close();
  if (stream == nullptr) return;
  if (const auto stub = channels_.To(open.to, ChannelKind::kFetch)) return stream->Start(stub);
  RunSoon([this, peer = stream->peer(), session = stream->session()] {
    world_.handler->OnStreamClosed(peer, session);
  });
}

// False: the transport stops.
bool GrpcTransport::RunSoon(std::function<void()> then) {
  const auto soon = CallRegister::Make<GrpcSoon>(world_.calls, std::move(then));
  if (soon == nullptr) return false;
  soon->Start(world_.queue.get());
  return true;
}

std::shared_ptr<FollowStream> GrpcTransport::FindOwn(NodeId peer, quorum::SessionId session) {
  std::lock_guard lock(mutex_);
  auto own = own_.lock();
  return own != nullptr && own->peer() == peer && own->session() == session ? own : nullptr;
}

std::shared_ptr<ServeStream> GrpcTransport::FindServed(const quorum::Message& reply) {
  return served_.Find({reply.to, std::get<quorum::FetchReply>(reply.body).session});
}

void GrpcTransport::Acknowledge(const quorum::Message& request) {
  const auto session = std::get<quorum::FetchRequest>(request.body).session;
  if (const auto own = FindOwn(request.to, session)) own->Acknowledge(request);
}

void GrpcTransport::SendFrame(const quorum::Message& reply, std::vector<Entry> entries) {
  if (const auto stream = FindServed(reply)) stream->SendFrame(reply, entries);
}

void GrpcTransport::SendLast(const quorum::Message& reply) {
  if (const auto stream = FindServed(reply)) stream->SendLast(reply);
}

void GrpcTransport::Close(NodeId peer, quorum::SessionId session) {
  if (const auto own = FindOwn(peer, session)) {
    if (std::chrono::steady_clock::now() - own->heard_at() >= kSilence)
      channels_.Renew(peer, ChannelKind::kFetch, own->heard_at());
    return own->Close();
  }
  if (const auto stream = served_.Find({peer, session})) stream->Close();
}

// Not ok: `done` will not be called.
template <typename Call, typename Request>
Status GrpcTransport::StartCall(NodeId to, ChannelKind kind, typename Call::Prepare prepare,
                                const Request& request, int64_t timeout_ms, typename Call::Done done) {
  const auto stub = channels_.To(to, kind);
  if (stub == nullptr) {
    return Status(Status::kNotFound, "no address of node " + std::to_string(to.value) +
                                         " is known, or no new connection is admitted");
  }
  const auto call = CallRegister::Make<Call>(world_.calls, std::move(done));
  if (call == nullptr) return Status(Status::kStopping, "the node stops");
  call->Start(&world_, stub, prepare, request, timeout_ms);
  return Status();
}

Status GrpcTransport::EncodeOwn(NodeId to, v1::PeerHeader* header) {
  const auto self = world_.Identity();
  if (!self) return Status(Status::kNotFound, "not part of a cluster yet");
  wire::Encode(*self, to, header);
  return Status();
}

// A command that may have arrived stays uncertain when this node stops.
Status GrpcTransport::FailureOf(NodeId to, const grpc::Status& status, bool was_sent) const {
  const Status failure = FailureOfCall(to, status, was_sent);
  const bool is_certain = failure.code() != Status::kUncertain;
  return is_certain && is_stopping_.load() ? Status(Status::kStopping, "the node stops") : failure;
}

void GrpcTransport::Greet(NodeId to, const Greeting& greeting, std::function<void(Result<Greeting>)> done) {
  v1::Greeting request;
  wire::Encode(greeting, &request);
  const Status status = StartCall<GreetCall>(
      to, ChannelKind::kNotices, &v1::Peer::Stub::AsyncGreet, request, world_.options.notice_timeout_ms,
      [this, to, done](const grpc::Status& answered, bool was_sent, v1::Greeting* reply) {
        TellRefusal(to, answered);
        done(answered.ok() ? wire::Decode(*reply) : FailureOf(to, answered, was_sent));
      });
  if (!status.ok() && !RunSoon([done, status] { done(status); })) done(status);
}

void GrpcTransport::Forward(NodeId to, std::string command, int64_t timeout_ms,
                            std::function<void(Outcome)> done, Settled settled) {
  OutgoingCommand outgoing{std::move(command), ForwardDeadline(timeout_ms), std::move(done),
                           std::move(settled)};
  const Status status = world_.Identity() ? forwards_.Send(to, &outgoing)
                                          : Status(Status::kNotFound, "not part of a cluster yet");
  if (status.ok()) return;
  const auto refuse = [done = std::move(outgoing.done), status] { done(Outcome{status, {}, {}, {}}); };
  if (!RunSoon(refuse)) refuse();
}

// A call in this node's name. `read` makes of the reply what `done` is told; without one it is told why.
template <typename Call, typename Request, typename Done, typename Read>
void GrpcTransport::Ask(NodeId to, ChannelKind kind, typename Call::Prepare prepare, Request request,
                        int64_t timeout_ms, Done done, Read read) {
  Status status = EncodeOwn(to, request.mutable_header());
  if (status.ok()) {
    status =
        StartCall<Call>(to, kind, prepare, request, timeout_ms,
                        [this, to, done, read](const grpc::Status& answered, bool was_sent, auto* reply) {
                          done(answered.ok() ? read(reply) : FailureOf(to, answered, was_sent));
                        });
  }
  if (!status.ok() && !RunSoon([done, status] { done(status); })) done(status);
}

void GrpcTransport::ReadBarrier(NodeId to, int64_t timeout_ms, std::function<void(Result<Offset>)> done) {
  Ask<BarrierCall>(to, ChannelKind::kNotices, &v1::Peer::Stub::AsyncReadBarrier, v1::ReadBarrierRequest(),
                   timeout_ms, std::move(done), [](auto* reply) { return wire::Decode(*reply); });
}

void GrpcTransport::Administer(NodeId to, const AdminRequest& request, int64_t timeout_ms,
                               std::function<void(Status)> done) {
  v1::AdministerRequest message;
  wire::Encode(request, &message);
  struct Said {  // By the leader.
    Status status;
  };
  // Without an answer it is the leader that was not found, and not what it was asked for.
  const auto judge = [done = std::move(done)](const Result<Said>& answer) {
    if (answer.ok()) return done(answer->status);
    const Status& failure = answer.status();
    done(failure.code() == Status::kNotFound ? Status(Status::kNotLeader, failure.message()) : failure);
  };
  Ask<AdministerCall>(to, ChannelKind::kNotices, &v1::Peer::Stub::AsyncAdminister, std::move(message),
                      timeout_ms, judge,
                      [](auto* reply) { return Result<Said>(Said{wire::Decode(*reply)}); });
}

void GrpcTransport::FetchSnapshot(NodeId to, const SnapshotChunkRequest& request,
                                  std::function<void(Result<SnapshotChunk>)> done) {
  v1::SnapshotChunkRequest message;
  wire::Encode(request, &message);
  Ask<SnapshotCall>(to, ChannelKind::kSnapshot, &v1::Peer::Stub::AsyncFetchSnapshot, std::move(message),
                    world_.options.snapshot_timeout_ms, std::move(done),
                    [](auto* reply) { return wire::Decode(reply); });
}

Result<NodeStatus> GrpcTransport::DecodeFrom(NodeId to, const v1::StatusReply& reply) {
  const Result<wire::Header> header = wire::Decode(reply.header());
  if (!header.ok()) return header.status();
  const auto self = world_.Identity();
  const quorum::Identity& from = header.value().from;
  if (!self || from.cluster != self->cluster || from.node != to) {
    return Status(Status::kInvalidArgument, "an answer of another cluster or node");
  }
  return wire::Decode(reply);
}

void GrpcTransport::FetchStatus(NodeId to, int64_t timeout_ms, std::function<void(Result<NodeStatus>)> done) {
  Ask<StatusCall>(to, ChannelKind::kNotices, &v1::Peer::Stub::AsyncStatus, v1::StatusRequest(), timeout_ms,
                  std::move(done), [this, to](auto* reply) { return DecodeFrom(to, *reply); });
}

}  // namespace

std::unique_ptr<Transport> MakeGrpcTransport(TransportOptions options) {
  return std::make_unique<GrpcTransport>(std::move(options));
}

}  // namespace mom::replication
