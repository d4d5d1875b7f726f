// Calls with one request and one answer, at both ends.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/grpc_call.h"
#include "replication/transport/grpc_credentials.h"
#include "replication/transport/grpc_failure.h"

namespace mom::replication {

// Longest that an answer may take.
inline constexpr int64_t kCallMsMax = 60'000;

// A call of this node. `done` is called once, on a thread of the transport.
template <typename Request, typename Reply>
class ClientCall final : public GrpcCall, public std::enable_shared_from_this<ClientCall<Request, Reply>> {
 public:
  using Prepare = std::unique_ptr<grpc::ClientAsyncResponseReader<Reply>> (v1::Peer::Stub::*)(
      grpc::ClientContext*, const Request&, grpc::CompletionQueue*);
  // `was_sent` false: the call certainly never left this node.
  using Done = std::function<void(const grpc::Status& status, bool was_sent, Reply* reply)>;

  explicit ClientCall(Done done) : done_(std::move(done)) {}

  void Start(GrpcWorld* world, std::shared_ptr<v1::Peer::Stub> stub, Prepare prepare, const Request& request,
             int64_t timeout_ms) {
    stub_ = std::move(stub);
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::milliseconds(std::clamp<int64_t>(timeout_ms, 1, kCallMsMax)));
    reader_ = (stub_.get()->*prepare)(&context_, request, world->queue.get());
    reader_->Finish(&reply_, &status_, tag_.Arm(this->shared_from_this()));
  }
  void Cancel() override { context_.TryCancel(); }

 private:
  void OnFinished(bool) {
    const bool was_sent = WasSent(status_, context_.peer());
    done_(status_, was_sent, &reply_);
  }

  const Done done_;
  std::shared_ptr<v1::Peer::Stub> stub_;  // Outlives the context: see GrpcChannels::To.
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Reply>> reader_;
  Reply reply_;
  grpc::Status status_;
  MemberTag<ClientCall> tag_{&ClientCall::OnFinished};
};

// A call of another node. Answered once, from any thread; who was too late or not first is not heard.
template <typename Request, typename Reply>
class ServerCall final : public GrpcCall, public std::enable_shared_from_this<ServerCall<Request, Reply>> {
 public:
  using Writer = grpc::ServerAsyncResponseWriter<Reply>;
  // Asks gRPC for the next call of this kind.
  using Ask = std::function<void(grpc::ServerContext*, Request*, Writer*, void* tag)>;
  using Serve = std::function<void(const std::shared_ptr<ServerCall>&)>;

  // What the calls of one kind share; outlives them.
  struct Kind {
    GrpcWorld* world = nullptr;
    Ask ask;
    Serve serve;
    bool is_for_strangers = false;  // Served without a cluster.
    std::atomic<size_t> waiting{0};
  };

  explicit ServerCall(Kind* kind) : kind_(kind) {}
  ~ServerCall() override {
    if (is_accepted_) --kind_->waiting;
  }

  static void AcceptNext(Kind* kind) {
    const auto call = CallRegister::Make<ServerCall>(kind->world->calls, kind);
    if (call == nullptr) return;
    // Comes back when the caller has its answer, or does not wait for it any more.
    call->context_.AsyncNotifyWhenDone(call->gone_tag_.Arm(call));
    kind->ask(&call->context_, &call->request_, &call->writer_, call->accept_tag_.Arm(call));
  }

  Request& request() { return request_; }

  void Answer(const Reply& reply) {
    std::lock_guard lock(mutex_);
    if (std::exchange(is_answered_, true)) return;
    writer_.Finish(reply, grpc::Status::OK, finish_tag_.Arm(this->shared_from_this()));
  }
  void Refuse(const grpc::Status& status) {
    std::lock_guard lock(mutex_);
    RefuseLocked(status);
  }
  void Cancel() override {
    std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    if (is_accepted_) RefuseLocked(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the node stops"));
  }

 private:
  void RefuseLocked(const grpc::Status& status) {
    if (std::exchange(is_answered_, true)) return;
    writer_.FinishWithError(status, finish_tag_.Arm(this->shared_from_this()));
  }

  void OnAccepted(bool ok) {
    if (!ok) return gone_tag_.Disarm();  // The server stops; then gRPC keeps the other tag.
    AcceptNext(kind_);
    {
      std::lock_guard lock(mutex_);
      is_accepted_ = true;
      const size_t waiting = ++kind_->waiting;
      if (const grpc::Status may = MayBeServed(waiting); !may.ok()) return RefuseLocked(may);
    }
    kind_->serve(this->shared_from_this());
  }

  grpc::Status MayBeServed(size_t waiting) const {
    using grpc::StatusCode;
    if (is_cancelled_) return NotDone(StatusCode::UNAVAILABLE, "the node stops");
    if (!kind_->is_for_strangers && !kind_->world->Identity()) {
      return NotDone(StatusCode::UNAVAILABLE, "not part of a cluster yet");
    }
    if (waiting > kind_->world->options.calls_max) {
      return NotDone(StatusCode::RESOURCE_EXHAUSTED, "too many calls wait for an answer");
    }
    // Without a deadline a call that is never answered would stay for ever.
    if (const Status may = MaySpeakFor(context_, request_.header().node()); !may.ok()) {
      kind_->world->log.Warn("certificate of node " + std::to_string(request_.header().node()),
                             "a call was refused: " + may.message());
      return NotDone(StatusCode::PERMISSION_DENIED, may.message());
    }
    const auto latest = std::chrono::system_clock::now() + std::chrono::milliseconds(2 * kCallMsMax);
    if (context_.deadline() > latest) return NotDone(StatusCode::INVALID_ARGUMENT, "no deadline");
    return grpc::Status::OK;
  }

  void OnGone(bool) { Refuse(grpc::Status(grpc::StatusCode::CANCELLED, "nobody waits")); }
  void OnFinished(bool) {}

  Kind* const kind_;
  grpc::ServerContext context_;
  Request request_;
  Writer writer_{&context_};
  MemberTag<ServerCall> accept_tag_{&ServerCall::OnAccepted};
  MemberTag<ServerCall> gone_tag_{&ServerCall::OnGone};
  MemberTag<ServerCall> finish_tag_{&ServerCall::OnFinished};

  std::mutex mutex_;  // Guards all below.
  bool is_accepted_ = false;
  bool is_cancelled_ = false;
  bool is_answered_ = false;
};

}  // namespace mom::replication
