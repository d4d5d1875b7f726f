#include "replication/transport/grpc_forward_stream.h"

#include <algorithm>

#include "replication/transport/grpc_failure.h"
#include "replication/transport/grpc_unary.h"

namespace mom::replication {
namespace {

// Payload on its way to one node and not answered.
constexpr size_t kOutBytesMax = 64u << 20;

}  // namespace

std::chrono::steady_clock::time_point ForwardDeadline(int64_t timeout_ms) {
  return std::chrono::steady_clock::now() +
         std::chrono::milliseconds(std::clamp<int64_t>(timeout_ms, 1, kCallMsMax));
}

ForwardStream::Verdict ForwardStream::Send(OutgoingCommand* command) {
  std::lock_guard lock(mutex_);
  if (has_ended_ || is_retired_ || is_broken_) return Verdict::kEnded;
  const size_t bytes = command->bytes.size();
  ForgetSettledLocked();
  const bool is_full = waiting_.size() + written_.size() >= world_->options.calls_max;
  if (is_full || bytes_ + bytes > kOutBytesMax) return Verdict::kFull;
  bytes_ += bytes;
  ArmLocked(command->deadline);
  waiting_.push_back(std::move(*command));
  OpenLocked();
  WakeLocked();
  return Verdict::kTaken;
}

// The first command is not written here but on a thread of the transport: until that runs, what other clients
// send joins it, and their threads need not pay for the socket.
void ForwardStream::WakeLocked() {
  if (is_writing_ || std::exchange(is_woken_, true)) return;
  wake_.Set(world_->queue.get(), kAtOnce, wake_tag_.Arm(shared_from_this()));
}

void ForwardStream::OnWoken(bool) {
  v1::ForwardUp up;
  {
    std::lock_guard lock(mutex_);
    is_woken_ = false;
    if (has_ended_ || !GatherLocked(&up)) return;
  }
  Write(up);
}

// The beginning of the call travels with the first message.
void ForwardStream::OpenLocked() {
  if (stream_ != nullptr) return;
  std::lock_guard lock(stream_mutex_);
  context_.set_initial_metadata_corked(true);
  stream_ = stub_->PrepareAsyncForward(&context_, world_->queue.get());
  stream_->StartCall(nullptr);
  is_reading_ = true;
  stream_->Read(&down_, read_tag_.Arm(shared_from_this()));
}

bool ForwardStream::GatherLocked(v1::ForwardUp* up) {
  const auto self = world_->Identity();
  if (is_writing_ || is_broken_ || waiting_.empty() || !self) return false;
  wire::Encode(*self, to_, up->mutable_header());
  up->set_applied_end(world_->handler->AppliedEnd().value);
  size_t bytes = 0;
  for (size_t count = 0; !waiting_.empty() && count < wire::kForwardedMax && bytes < wire::kForwardedBytesMax;
       ++count) {
    OutgoingCommand& next = waiting_.front();
    const size_t size = next.bytes.size();
    const bool is_watched = next.settled != nullptr;
    written_.emplace_hint(written_.end(), ++last_id_,
                          Written{next.deadline, size, std::move(next.done), std::move(next.settled)});
    wire::Encode(wire::ForwardedCommand{last_id_, std::move(next.bytes), is_watched}, up->add_commands());
    waiting_.pop_front();
    bytes += size;
  }
  is_writing_ = true;
  return true;
}

// Without mutex_: others go on gathering meanwhile.
void ForwardStream::Write(const v1::ForwardUp& up) {
  std::lock_guard lock(stream_mutex_);
  stream_->Write(up, write_tag_.Arm(shared_from_this()));  // Serialises at once; gRPC keeps the bytes.
}

// When it failed the read fails, too, behind what has arrived by then; until then nothing more is written.
void ForwardStream::OnWritten(bool ok) {
  v1::ForwardUp up;
  {
    std::lock_guard lock(mutex_);
    is_writing_ = false;
    is_broken_ = !ok;
    if (has_ended_) return FinishIfIdleLocked();
    if (!GatherLocked(&up)) return;
  }
  Write(up);
}

void ForwardStream::OnRead(bool ok) {
  const bool goes_on = ok && Take();
  std::lock_guard lock(mutex_);
  is_reading_ = goes_on && !has_ended_;
  if (is_reading_) {
    std::lock_guard stream_lock(stream_mutex_);
    return stream_->Read(&down_, read_tag_.Arm(shared_from_this()));
  }
  if (ok) context_.TryCancel();  // Else the call has ended, and says why.
  has_ended_ = true;
  FinishIfIdleLocked();
}

bool ForwardStream::Take() {
  Result<wire::ForwardedOutcomes> received = wire::Decode(&down_);
  Status status = received.status();
  Answers answers;
  if (status.ok()) {
    const quorum::Identity& from = received.value().header.from;
    const auto self = world_->Identity();
    std::lock_guard lock(mutex_);
    if (from.node != to_ || !self || from.cluster != self->cluster ||
        received.value().header.to != self->node) {
      status = Status(Status::kInvalidArgument, "an answer of another node or cluster, or for another");
    } else {
      status = MatchLocked(&received.value().outcomes, &answers);
    }
    EndIfRetiredLocked();
  }
  Give(std::move(answers));
  if (status.ok()) return true;
  const std::string node = "node " + std::to_string(to_.value);
  world_->log.Warn("commands to " + node,
                   "the stream of commands to " + node + " was ended: " + status.message());
  return false;
}

// Those that nobody waits for any more are passed over.
Status ForwardStream::MatchLocked(std::vector<wire::ForwardedOutcome>* outcomes, Answers* answers) {
  for (wire::ForwardedOutcome& outcome : *outcomes) {
    if (outcome.id > last_id_) return Status(Status::kInvalidArgument, "an outcome of no command");
    const auto written = written_.find(outcome.id);
    if (written == written_.end()) continue;
    bytes_ -= written->second.bytes;
    answers->emplace_back(std::move(written->second.done), std::move(outcome.outcome));
    written_.erase(written);
  }
  return Status();
}

void ForwardStream::Give(Answers answers) {
  for (auto& [done, outcome] : answers) done(std::move(outcome));
}

// ---------------------------------------------------------------------------------------------------------

void ForwardStream::Retire() {
  std::lock_guard lock(mutex_);
  is_retired_ = true;
  EndIfRetiredLocked();
}

void ForwardStream::Cancel() {
  std::lock_guard lock(mutex_);
  is_stopping_ = true;
  EndLocked();
}

// In the order of the log, which is nearly that of the numbers; what is left behind another goes with it, or
// when its time is over.
void ForwardStream::ForgetSettledLocked() {
  while (!written_.empty() && written_.begin()->second.settled && *written_.begin()->second.settled) {
    bytes_ -= written_.begin()->second.bytes;
    written_.erase(written_.begin());
  }
}

void ForwardStream::EndIfRetiredLocked() {
  ForgetSettledLocked();
  if (is_retired_ && waiting_.empty() && written_.empty()) EndLocked();
}

void ForwardStream::EndLocked() {
  if (std::exchange(has_ended_, true) || stream_ == nullptr) return;
  context_.TryCancel();
  FinishIfIdleLocked();
}

void ForwardStream::FinishIfIdleLocked() {
  if (is_reading_ || is_writing_ || std::exchange(has_finished_, true)) return;
  std::lock_guard lock(stream_mutex_);
  stream_->Finish(&status_, finish_tag_.Arm(shared_from_this()));
}

void ForwardStream::OnFinished(bool) {
  Answers answers;
  {
    std::lock_guard lock(mutex_);
    if (is_armed_) alarm_.Cancel();
    const Status certain = is_stopping_ ? Status(Status::kStopping, "the node stops")
                                        : Status(Status::kNotFound, "the stream broke before");
    Status of_written = status_.ok() ? Status(Status::kUncertain, "the other end closed the stream")
                                     : FailureOfCall(to_, status_, WasSent(status_, context_.peer()));
    if (is_stopping_ && of_written.code() != Status::kUncertain) of_written = certain;
    for (auto& [id, written] : written_)
      answers.emplace_back(std::move(written.done), Outcome{of_written, {}, {}, {}});
    for (OutgoingCommand& command : waiting_)
      answers.emplace_back(std::move(command.done), Outcome{certain, {}, {}, {}});
    written_.clear();
    waiting_.clear();
    bytes_ = 0;
  }
  Give(std::move(answers));
}

// ---------------------------------------------------------------------------------------------------------

// One alarm for all of them: nearly all are answered long before.
void ForwardStream::ArmLocked(Clock::time_point deadline) {
  if (is_armed_) {
    if (deadline < armed_for_) alarm_.Cancel();  // OnAlarm sets it again.
    return;
  }
  is_armed_ = true;
  armed_for_ = deadline;
  alarm_.Set(world_->queue.get(), AlarmTime(deadline), alarm_tag_.Arm(shared_from_this()));
}

void ForwardStream::OnAlarm(bool) {
  Answers answers;
  {
    std::lock_guard lock(mutex_);
    is_armed_ = false;
    if (has_finished_) return;
    const Clock::time_point next = ExpireLocked(Clock::now(), &answers);
    if (next != Clock::time_point::max()) ArmLocked(next);
    EndIfRetiredLocked();
  }
  Give(std::move(answers));
}

ForwardStream::Clock::time_point ForwardStream::ExpireLocked(Clock::time_point now, Answers* answers) {
  Clock::time_point next = Clock::time_point::max();
  const auto is_late = [&](Clock::time_point deadline) {
    if (deadline > now) next = std::min(next, deadline);
    return deadline <= now;
  };
  for (auto it = written_.begin(); it != written_.end();) {
    Written& written = it->second;
    const bool is_over = is_late(written.deadline);
    if (is_over) {
      bytes_ -= written.bytes;
      answers->emplace_back(std::move(written.done), Refused(Status::kUncertain, "no answer in time"));
    }
    it = is_over ? written_.erase(it) : std::next(it);
  }
  std::erase_if(waiting_, [&](OutgoingCommand& command) {
    if (!is_late(command.deadline)) return false;
    bytes_ -= command.bytes.size();
    answers->emplace_back(std::move(command.done), Refused(Status::kNotFound, "could not be sent in time"));
    return true;
  });
  return next;
}

// ---------------------------------------------------------------------------------------------------------

Status ForwardStreams::Send(NodeId to, OutgoingCommand* command) {
  if (command->bytes.size() > kEntryPayloadBytesMax) {
    return Status(Status::kInvalidArgument, "a command of more than 4 MiB");
  }
  std::shared_ptr<ForwardStream> stream;
  while (true) {
    auto got = Get(to, stream);
    if (!got.ok()) return got.status();
    stream = *std::move(got);
    switch (stream->Send(command)) {
      case ForwardStream::Verdict::kTaken:
        return Status();
      case ForwardStream::Verdict::kFull:
        return Status(Status::kOverloaded, "too many commands wait for the leader's answer");
      case ForwardStream::Verdict::kEnded:
        break;
    }
  }
}

Result<std::shared_ptr<ForwardStream>> ForwardStreams::Get(NodeId to,
                                                           const std::shared_ptr<ForwardStream>& ended) {
  std::lock_guard lock(mutex_);
  std::weak_ptr<ForwardStream>& known = streams_[to];
  if (auto stream = known.lock(); stream != nullptr && stream != ended) return stream;
  auto stub = channels_->To(to, ChannelKind::kForward);
  if (stub == nullptr) {
    return Status(Status::kNotFound, "no address of node " + std::to_string(to.value) + " is known");
  }
  auto made = CallRegister::Make<ForwardStream>(world_->calls, world_, to, std::move(stub));
  if (made == nullptr) return Status(Status::kStopping, "the node stops");
  known = made;
  return made;
}

void ForwardStreams::OnAddressesChanged() {
  std::vector<std::shared_ptr<ForwardStream>> moved;
  {
    std::lock_guard lock(mutex_);
    for (auto it = streams_.begin(); it != streams_.end();) {
      auto stream = it->second.lock();
      const bool stays =
          stream != nullptr && stream->stub() == channels_->To(it->first, ChannelKind::kForward).get();
      if (!stays && stream != nullptr) moved.push_back(std::move(stream));
      it = stays ? std::next(it) : streams_.erase(it);
    }
  }
  for (const auto& stream : moved) stream->Retire();
}

}  // namespace mom::replication
