#include "replication/transport/grpc_serve_forward.h"

#include <string>
#include <utility>

#include "replication/transport/grpc_credentials.h"
#include "replication/transport/grpc_unary.h"

namespace mom::replication {
namespace {

// Many times what it takes to apply an entry, and still soon for a client.
constexpr std::chrono::milliseconds kKeptMax{250};

}  // namespace

ServeForward::~ServeForward() {
  if (is_accepted_) --shared_->streams;
  shared_->commands -= open_.size() + kept_.size() + gathered_count_ + written_count_;
}

void ServeForward::Accept(v1::Peer::AsyncService* service) {
  grpc::ServerCompletionQueue* const queue = shared_->world->queue.get();
  service->RequestForward(&context_, &stream_, queue, queue, accept_tag_.Arm(shared_from_this()));
}

void ServeForward::OnAccepted(bool ok) {
  if (!ok) return;  // The server stops.
  shared_->accepted();
  std::lock_guard lock(mutex_);
  is_accepted_ = true;
  ++shared_->streams;
  end_status_ = MayBeServed();
  if (end_status_.ok()) return ReadLocked();
  has_ended_ = true;
  FinishLocked();
}

grpc::Status ServeForward::MayBeServed() const {
  using grpc::StatusCode;
  if (is_cancelled_) return NotDone(StatusCode::UNAVAILABLE, "the node stops");
  if (!shared_->world->Identity()) return NotDone(StatusCode::UNAVAILABLE, "not part of a cluster yet");
  if (shared_->streams > shared_->world->options.streams_max) {
    return NotDone(StatusCode::RESOURCE_EXHAUSTED, "too many streams of commands");
  }
  return grpc::Status::OK;
}

void ServeForward::ReadLocked() {
  is_reading_ = true;
  stream_.Read(&up_, read_tag_.Arm(shared_from_this()));
}

void ServeForward::OnRead(bool ok) {
  if (!ok) return End(grpc::Status(grpc::StatusCode::CANCELLED, "the other end is gone"));
  if (const grpc::Status taken = Take(); !taken.ok()) return End(taken);
  std::lock_guard lock(mutex_);
  is_reading_ = false;
  // Who does not take the answers sends no more; OnWritten goes on.
  if (!has_ended_ && gathered_count_ <= wire::kForwardedMax) ReadLocked();
}

grpc::Status ServeForward::Take() {
  Result<wire::ForwardedCommands> received = wire::Decode(&up_);
  const Status status = received.ok() ? Note(&received.value()) : received.status();
  if (status.code() == Status::kStopping) return grpc::Status::CANCELLED;
  if (!status.ok()) {
    shared_->world->log.Warn("commands of node " + std::to_string(up_.header().node()),
                             "a stream of commands was refused: " + status.message());
    const auto code = status.code() == Status::kWrongOwner ? grpc::StatusCode::FAILED_PRECONDITION
                                                           : grpc::StatusCode::INVALID_ARGUMENT;
    std::lock_guard lock(mutex_);
    // What came before it was taken, and perhaps done.
    return from_ ? grpc::Status(code, status.message()) : NotDone(code, status.message());
  }
  for (wire::ForwardedCommand& command : received.value().commands) {
    shared_->world->handler->OnForward(received.value().header.from, std::move(command.command),
                                       [weak = weak_from_this(), id = command.id](Outcome outcome) {
                                         if (const auto still = weak.lock())
                                           still->Answer(id, std::move(outcome));
                                       });
  }
  return grpc::Status::OK;
}

Status ServeForward::Note(wire::ForwardedCommands* commands) {
  if (Status status = shared_->check(commands->header); !status.ok()) return status;
  const auto now = Clock::now();
  std::lock_guard lock(mutex_);
  if (has_ended_) return Status(Status::kStopping, "the stream has ended");
  const bool fits = (!from_ || *from_ == commands->header.from) && commands->commands.front().id > last_id_;
  if (!fits) return Status(Status::kInvalidArgument, "not a message of this stream");
  if (!from_) MOM_RETURN_IF_ERROR(MaySpeakFor(context_, commands->header.from.node.value));
  from_ = commands->header.from;
  last_id_ = commands->commands.back().id;
  ForgetLocked(now);
  ReleaseLocked(commands->applied_end);
  std::erase_if(commands->commands, [&](const wire::ForwardedCommand& command) {
    const bool is_taken = ++shared_->commands <= shared_->world->options.calls_max;
    if (is_taken) {
      open_.emplace_hint(open_.end(), command.id, Open{now, command.is_watched});
    } else {
      GatherLocked(command.id, Refused(Status::kOverloaded, "too many commands wait for an answer"));
    }
    return !is_taken;
  });
  WriteLocked();
  return Status();
}

// Nobody waits so long for an answer.
void ServeForward::ForgetLocked(Clock::time_point now) {
  while (!open_.empty() && now - open_.begin()->second.since > std::chrono::milliseconds(2 * kCallMsMax)) {
    open_.erase(open_.begin());
    --shared_->commands;
  }
}

void ServeForward::Answer(uint64_t id, Outcome outcome) {
  std::lock_guard lock(mutex_);
  const auto open = open_.find(id);
  if (has_ended_ || open == open_.end()) return;  // Too late, or not the first answer.
  const bool is_watched = open->second.is_watched;
  open_.erase(open);
  if (is_watched && outcome.status.ok()) return KeepLocked(id, std::move(outcome));
  GatherLocked(id, std::move(outcome));
  WriteLocked();
}

void ServeForward::KeepLocked(uint64_t id, Outcome outcome) {
  kept_.push_back(Kept{Clock::now(), id, std::move(outcome)});
  ArmLocked();
}

void ServeForward::ReleaseLocked(Offset applied_end) {
  for (; !kept_.empty() && kept_.front().outcome.offset < applied_end; kept_.pop_front()) --shared_->commands;
}

void ServeForward::ArmLocked() {
  if (kept_.empty() || std::exchange(is_armed_, true)) return;
  alarm_.Set(shared_->world->queue.get(), AlarmTime(kept_.front().since + kKeptMax),
             alarm_tag_.Arm(shared_from_this()));
}

void ServeForward::OnAlarm(bool) {
  std::lock_guard lock(mutex_);
  is_armed_ = false;
  if (has_ended_) return;
  const auto now = Clock::now();
  for (; !kept_.empty() && now - kept_.front().since >= kKeptMax; kept_.pop_front())
    GatherLocked(kept_.front().id, std::move(kept_.front().outcome));
  WriteLocked();
  ArmLocked();
}

void ServeForward::GatherLocked(uint64_t id, Outcome outcome) {
  const bool is_full = !gathered_.empty() &&
                       (gathered_.back().bytes >= wire::kForwardedBytesMax ||
                        static_cast<size_t>(gathered_.back().message.outcomes_size()) >= wire::kForwardedMax);
  if (gathered_.empty() || is_full) gathered_.emplace_back();
  Gathered& last = gathered_.back();
  v1::ForwardedOutcome* const out = last.message.add_outcomes();
  wire::Encode(wire::ForwardedOutcome{id, std::move(outcome)}, out);
  last.bytes += out->ByteSizeLong();
  ++gathered_count_;
}

void ServeForward::WriteLocked() {
  if (is_writing_ || has_ended_ || gathered_.empty()) return;
  v1::ForwardDown& next = gathered_.front().message;
  wire::Encode(shared_->world->Identity().value_or(quorum::Identity()), from_->node, next.mutable_header());
  is_writing_ = true;
  written_count_ = static_cast<size_t>(next.outcomes_size());
  gathered_count_ -= written_count_;
  stream_.Write(next, write_tag_.Arm(shared_from_this()));  // Serialises at once; gRPC keeps the bytes.
  gathered_.pop_front();
}

void ServeForward::OnWritten(bool ok) {
  {
    std::lock_guard lock(mutex_);
    is_writing_ = false;
    shared_->commands -= std::exchange(written_count_, 0);
    if (has_ended_) return FinishLocked();
    if (ok) {
      WriteLocked();
      if (!is_reading_ && gathered_count_ <= wire::kForwardedMax) ReadLocked();
      return;
    }
  }
  End(grpc::Status(grpc::StatusCode::CANCELLED, "the other end is gone"));
}

void ServeForward::Cancel() {
  {
    std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    if (!is_accepted_) return;
    context_.TryCancel();
  }
  End(grpc::Status(grpc::StatusCode::CANCELLED, "the node stops"));
}

void ServeForward::End(const grpc::Status& status) {
  std::lock_guard lock(mutex_);
  if (std::exchange(has_ended_, true)) return;
  if (is_armed_) alarm_.Cancel();
  end_status_ = status;
  if (!is_writing_) return FinishLocked();
  // OnWritten goes on. A refusal follows the message that is on its way, so that whoever reads learns the
  // reason; one who does not read keeps no more of ours than before. When nobody is there the message may be
  // stuck.
  if (status.error_code() == grpc::StatusCode::CANCELLED) context_.TryCancel();
}

void ServeForward::FinishLocked() {
  stream_.Finish(end_status_, finish_tag_.Arm(shared_from_this()));
}

}  // namespace mom::replication
