#include "replication/transport/grpc_serve_stream.h"

#include <string>
#include <variant>

#include "core/base/check.h"
#include "replication/transport/grpc_credentials.h"
#include "replication/transport/wire.h"

namespace mom::replication {

bool ServedStreams::Add(const Key& key, const std::shared_ptr<ServeStream>& stream, size_t streams_max) {
  std::lock_guard lock(mutex_);
  return streams_.size() < streams_max && streams_.emplace(key, stream).second;
}

std::shared_ptr<ServeStream> ServedStreams::Find(const Key& key) {
  std::lock_guard lock(mutex_);
  const auto it = streams_.find(key);
  return it == streams_.end() ? nullptr : it->second.lock();
}

void ServedStreams::Remove(const Key& key) {
  std::lock_guard lock(mutex_);
  streams_.erase(key);
}

void ServeStream::Accept(v1::Peer::AsyncService* service) {
  service->RequestFetch(&context_, &stream_, world_->queue.get(), world_->queue.get(),
                        accept_tag_.Arm(shared_from_this()));
}

void ServeStream::OnAccepted(bool ok) {
  if (!ok) return;  // The server stops.
  accepted_then_();
  const bool is_known = world_->Identity().has_value();
  std::lock_guard lock(mutex_);
  is_accepted_ = true;
  if (is_cancelled_ || !is_known) {
    has_ended_ = true;
    return FinishLocked(NotDone(grpc::StatusCode::UNAVAILABLE, "not part of a cluster yet"));
  }
  stream_.Read(&up_, read_tag_.Arm(shared_from_this()));
}

void ServeStream::OnRead(bool ok) {
  if (!ok) return End(grpc::Status(grpc::StatusCode::CANCELLED, "the other end is gone"), false);
  Result<quorum::Message> message = wire::Decode(up_);
  if (!message.ok()) {
    world_->log.Warn("stream of node " + std::to_string(up_.header().node()),
                     "a fetch stream was refused: " + message.status().message());
    const auto code = message.status().code() == Status::kWrongOwner ? grpc::StatusCode::FAILED_PRECONDITION
                                                                     : grpc::StatusCode::INVALID_ARGUMENT;
    return End(grpc::Status(code, message.status().message()), false);
  }
  const grpc::Status taken = Take(message.value());
  if (!taken.ok()) return End(taken, false);
  world_->handler->OnMessage(*std::move(message), {});
  std::lock_guard lock(mutex_);
  if (!has_ended_) stream_.Read(&up_, read_tag_.Arm(shared_from_this()));
}

grpc::Status ServeStream::Take(const quorum::Message& message) {
  const auto& request = std::get<quorum::FetchRequest>(message.body);
  std::lock_guard lock(mutex_);
  const bool is_first = !from_.has_value();
  const bool fits =
      request.open == is_first && (is_first || (message.from == *from_ && request.session == session_));
  if (!fits) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "not a message of this stream");
  if (!is_first || has_ended_) return grpc::Status::OK;
  if (world_->options.admits && !world_->options.admits()) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "no new streams are admitted now");
  }
  if (const Status may = MaySpeakFor(context_, message.from.node.value); !may.ok()) {
    world_->log.Warn("certificate of node " + std::to_string(message.from.node.value),
                     "a fetch stream was refused: " + may.message());
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, may.message());
  }
  const ServedStreams::Key key{message.from.node, request.session};
  if (!streams_->Add(key, shared_from_this(), world_->options.streams_max)) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams, or a session twice");
  }
  from_ = message.from;
  session_ = request.session;
  return grpc::Status::OK;
}

void ServeStream::SendFrame(const quorum::Message& reply, const std::vector<Entry>& entries) {
  v1::FetchDown down;
  wire::Encode(reply, entries, &down);
  uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.bytes().size();
  std::lock_guard lock(mutex_);
  if (has_ended_) return;
  MOM_CHECK(!is_writing_, session_);
  is_writing_ = true;
  sent_end_ =
      std::get<quorum::Frame>(std::get<quorum::FetchReply>(reply.body).body).base + Count{entries.size()};
  sent_bytes_ = bytes;
  stream_.Write(down, write_tag_.Arm(shared_from_this()));  // Serialises at once; gRPC keeps the bytes.
}

void ServeStream::SendLast(const quorum::Message& reply) {
  v1::FetchDown down;
  wire::Encode(reply, {}, &down);
  std::lock_guard lock(mutex_);
  if (has_ended_) return;
  has_ended_ = true;
  streams_->Remove({from_->node, session_});
  if (is_writing_) {
    last_ = std::move(down);
  } else {
    WriteLastLocked(down);
  }
}

void ServeStream::OnWritten(bool ok) {
  Offset end;
  uint64_t bytes = 0;
  {
    std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (has_ended_) {
      if (last_ && ok) return WriteLastLocked(*last_);
      return FinishLocked(end_status_);
    }
    end = sent_end_;
    bytes = sent_bytes_;
  }
  if (!ok) return End(grpc::Status(grpc::StatusCode::CANCELLED, "the other end is gone"), false);
  world_->handler->OnFrameSent(from_->node, session_, end, bytes);
}

void ServeStream::Close() {
  End(grpc::Status(grpc::StatusCode::CANCELLED, "closed"), true);
}

void ServeStream::Cancel() {
  {
    std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    if (!is_accepted_) return;
    context_.TryCancel();
  }
  End(grpc::Status(grpc::StatusCode::CANCELLED, "the node stops"), true);
}

void ServeStream::End(const grpc::Status& status, bool is_quiet) {
  bool is_open = false;
  {
    std::lock_guard lock(mutex_);
    if (has_ended_) return;
    has_ended_ = true;
    is_open = from_.has_value();
    end_status_ = status;
    if (is_open) streams_->Remove({from_->node, session_});
    if (is_writing_) {
      context_.TryCancel();  // The frame may be stuck; OnWritten goes on.
    } else {
      FinishLocked(status);
    }
  }
  if (is_open && !is_quiet) world_->handler->OnStreamClosed(from_->node, session_);
}

void ServeStream::FinishLocked(const grpc::Status& status) {
  stream_.Finish(status, finish_tag_.Arm(shared_from_this()));
}

void ServeStream::WriteLastLocked(const v1::FetchDown& last) {
  stream_.WriteAndFinish(last, grpc::WriteOptions(), grpc::Status::OK, finish_tag_.Arm(shared_from_this()));
}

}  // namespace mom::replication
