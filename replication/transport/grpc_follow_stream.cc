#include "replication/transport/grpc_follow_stream.h"

#include <string>
#include <utility>
#include <variant>

#include "replication/transport/wire.h"

namespace mom::replication {

FollowStream::FollowStream(GrpcWorld* world, const quorum::Message& open)
    : world_(world), peer_(open.to), session_(std::get<quorum::FetchRequest>(open.body).session) {
  wire::Encode(open, &up_);
}

void FollowStream::Start(std::shared_ptr<v1::Peer::Stub> stub) {
  std::lock_guard lock(mutex_);
  if (has_ended_) return;
  stub_ = std::move(stub);
  heard_at_ = std::chrono::steady_clock::now();
  is_started_ = is_writing_ = is_reading_ = true;
  // The beginning of the call travels with the first message; no waiting in between.
  context_.set_initial_metadata_corked(true);
  stream_ = stub_->PrepareAsyncFetch(&context_, world_->queue.get());
  stream_->StartCall(nullptr);
  stream_->Write(up_, write_tag_.Arm(shared_from_this()));
  stream_->Read(&down_, read_tag_.Arm(shared_from_this()));
}

void FollowStream::Acknowledge(const quorum::Message& request) {
  v1::FetchUp up;
  wire::Encode(request, &up);
  std::lock_guard lock(mutex_);
  if (has_ended_) return;
  if (is_writing_) {
    waiting_ = std::move(up);  // The newest says everything.
    return;
  }
  is_writing_ = true;
  stream_->Write(up, write_tag_.Arm(shared_from_this()));  // Serialises at once; gRPC keeps the bytes.
}

void FollowStream::OnWritten(bool ok) {
  {
    std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (has_ended_) return FinishIfIdleLocked();
    if (ok && waiting_) {
      is_writing_ = true;
      stream_->Write(*waiting_, write_tag_.Arm(shared_from_this()));
      waiting_.reset();
    }
  }
  // When it failed the read fails, too, behind what has arrived by then: perhaps the last message.
}

void FollowStream::OnRead(bool ok) {
  if (ok) heard_at_ = std::chrono::steady_clock::now();
  const bool goes_on = ok && Take();
  {
    std::lock_guard lock(mutex_);
    is_reading_ = goes_on && !has_ended_;
    if (is_reading_) return stream_->Read(&down_, read_tag_.Arm(shared_from_this()));
    if (has_ended_) return FinishIfIdleLocked();
  }
  End(false);
}

bool FollowStream::Take() {
  Result<wire::Received> received = wire::Decode(&down_);
  Status status = received.status();
  if (status.ok()) {
    const quorum::Message& message = received.value().message;
    const auto& reply = std::get<quorum::FetchReply>(message.body);
    if (message.from.node != peer_) {
      status = Status(Status::kInvalidArgument,
                      "node " + std::to_string(message.from.node.value) + " answers at its address");
    } else if (reply.session != session_) {
      status = Status(Status::kInvalidArgument, "a message of another session");
    }
  }
  if (!status.ok()) {
    world_->log.Warn(
        "stream to node " + std::to_string(peer_.value),
        "the fetch stream to node " + std::to_string(peer_.value) + " was ended: " + status.message());
    return false;
  }
  const bool is_last = !std::holds_alternative<quorum::Frame>(
      std::get<quorum::FetchReply>(received.value().message.body).body);
  {
    std::lock_guard lock(mutex_);
    if (has_ended_) return false;  // Closed meanwhile.
  }
  world_->handler->OnMessage(std::move(received.value().message), std::move(received.value().entries));
  if (is_last) End(true);
  return !is_last;
}

void FollowStream::End(bool is_quiet) {
  {
    std::lock_guard lock(mutex_);
    if (has_ended_) return;
    has_ended_ = true;
    if (!is_started_) return;
    context_.TryCancel();
    FinishIfIdleLocked();
  }
  if (!is_quiet) world_->handler->OnStreamClosed(peer_, session_);
}

void FollowStream::FinishIfIdleLocked() {
  if (!is_reading_ && !is_writing_) stream_->Finish(&status_, finish_tag_.Arm(shared_from_this()));
}

void FollowStream::OnFinished(bool) {
  if (status_.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
    world_->log.Warn("stream to node " + std::to_string(peer_.value),
                     "node " + std::to_string(peer_.value) + " refused: " + status_.error_message());
  }
}

}  // namespace mom::replication
