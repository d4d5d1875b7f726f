// FollowStream: the follower's end of its fetch stream.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "core/quorum/messages.h"
#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/grpc_call.h"

namespace mom::replication {

// Thread-safe. Handler calls are made without a lock held, one after the other for what arrives.
class FollowStream final : public GrpcCall, public std::enable_shared_from_this<FollowStream> {
 public:
  FollowStream(GrpcWorld* world, const quorum::Message& open);

  NodeId peer() const { return peer_; }
  quorum::SessionId session() const { return session_; }

  void Start(std::shared_ptr<v1::Peer::Stub> stub);
  void Acknowledge(const quorum::Message& request);
  void Close() { End(true); }
  void Cancel() override { End(true); }
  // When the last message arrived, or the stream was started.
  std::chrono::steady_clock::time_point heard_at() const { return heard_at_.load(); }

 private:
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  // Hands on what was read; false: the stream must end.
  bool Take();
  void End(bool is_quiet);
  void FinishIfIdleLocked();

  GrpcWorld* const world_;
  const NodeId peer_;
  const quorum::SessionId session_;
  std::shared_ptr<v1::Peer::Stub> stub_;  // Outlives the context: see GrpcChannels::To.
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::FetchUp, v1::FetchDown>> stream_;
  v1::FetchDown down_;  // Of the one read at a time.
  grpc::Status status_;
  MemberTag<FollowStream> read_tag_{&FollowStream::OnRead};
  MemberTag<FollowStream> write_tag_{&FollowStream::OnWritten};
  MemberTag<FollowStream> finish_tag_{&FollowStream::OnFinished};

  std::atomic<std::chrono::steady_clock::time_point> heard_at_{std::chrono::steady_clock::now()};

  std::mutex mutex_;  // Guards all below.
  v1::FetchUp up_;    // To be sent first.
  bool is_started_ = false;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool has_ended_ = false;
  std::optional<v1::FetchUp> waiting_;  // For the write before it.
};

}  // namespace mom::replication
