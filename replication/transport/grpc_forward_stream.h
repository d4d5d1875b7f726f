// ForwardStream: this node's end of a stream of commands to another node. ForwardStreams: one to each.
//
// Commands gather until a thread of the transport writes a message, and while it does, and then travel
// together; the answers come back in any order, gathered likewise. A stream stays open until it breaks, or
// its node has another address.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/grpc_call.h"
#include "replication/transport/grpc_channels.h"
#include "replication/transport/wire.h"

namespace mom::replication {

struct OutgoingCommand {
  std::string bytes;
  std::chrono::steady_clock::time_point deadline;
  std::function<void(Outcome)> done;  // Called once, without a lock held; perhaps never once it is settled.
  Settled settled = nullptr;
};
std::chrono::steady_clock::time_point ForwardDeadline(int64_t timeout_ms);

// Thread-safe. What was not handed to gRPC when the stream ends is certainly not done; of the rest only the
// end of the call can say so.
class ForwardStream final : public GrpcCall, public std::enable_shared_from_this<ForwardStream> {
 public:
  enum class Verdict { kTaken, kFull, kEnded };

  // `world` outlives it.
  ForwardStream(GrpcWorld* world, NodeId to, std::shared_ptr<v1::Peer::Stub> stub)
      : world_(world), to_(to), stub_(std::move(stub)) {}

  // Only kTaken takes the contents, and calls `done`.
  Verdict Send(OutgoingCommand* command);
  const v1::Peer::Stub* stub() const { return stub_.get(); }
  // Takes no more, and ends when all are answered.
  void Retire();
  // The transport stops.
  void Cancel() override;

 private:
  using Clock = std::chrono::steady_clock;
  using Done = std::function<void(Outcome)>;
  using Answers = std::vector<std::pair<Done, Outcome>>;
  struct Written {
    Clock::time_point deadline;
    size_t bytes = 0;
    Done done;
    Settled settled;
  };

  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnAlarm(bool ok);
  void OnWoken(bool ok);
  void OnFinished(bool ok);

  void OpenLocked();
  void WakeLocked();
  // The next message, or none. One that is made must be written.
  bool GatherLocked(v1::ForwardUp* up);
  void Write(const v1::ForwardUp& up);
  // Answers what was read; false: the stream must end.
  bool Take();
  Status MatchLocked(std::vector<wire::ForwardedOutcome>* outcomes, Answers* answers);
  void ForgetSettledLocked();
  void EndLocked();
  void EndIfRetiredLocked();
  void FinishIfIdleLocked();
  void ArmLocked(Clock::time_point deadline);
  // What is too late, and when the next will be.
  Clock::time_point ExpireLocked(Clock::time_point now, Answers* answers);
  static void Give(Answers answers);

  GrpcWorld* const world_;
  const NodeId to_;
  const std::shared_ptr<v1::Peer::Stub> stub_;
  grpc::ClientContext context_;
  v1::ForwardDown down_;  // Of the one read at a time.
  grpc::Status status_;
  MemberTag<ForwardStream> read_tag_{&ForwardStream::OnRead};
  MemberTag<ForwardStream> write_tag_{&ForwardStream::OnWritten};
  MemberTag<ForwardStream> alarm_tag_{&ForwardStream::OnAlarm};
  MemberTag<ForwardStream> wake_tag_{&ForwardStream::OnWoken};
  MemberTag<ForwardStream> finish_tag_{&ForwardStream::OnFinished};

  // Held while gRPC is called, which may write to the socket; behind mutex_ where both are.
  std::mutex stream_mutex_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::ForwardUp, v1::ForwardDown>> stream_;

  std::mutex mutex_;  // Guards all below.
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_broken_ = false;  // A write failed: takes no commands any more, but perhaps answers.
  bool is_retired_ = false;
  bool is_stopping_ = false;
  bool has_ended_ = false;  // Takes no commands any more; finishes once nothing is read or written.
  bool has_finished_ = false;
  uint64_t last_id_ = 0;
  size_t bytes_ = 0;  // Of all that are not answered.
  std::deque<OutgoingCommand> waiting_;
  std::map<uint64_t, Written> written_;
  grpc::Alarm wake_;
  bool is_woken_ = false;  // OnWoken comes soon.
  grpc::Alarm alarm_;
  bool is_armed_ = false;
  Clock::time_point armed_for_;
};

// Thread-safe.
class ForwardStreams {
 public:
  // Both outlive it.
  ForwardStreams(GrpcWorld* world, GrpcChannels* channels) : world_(world), channels_(channels) {}

  // Not ok: certainly not sent, and `command` is untouched. kOverloaded: too many wait for an answer.
  Status Send(NodeId to, OutgoingCommand* command);
  // Streams to nodes that moved or left are not used any more; what is on them goes on.
  void OnAddressesChanged();

 private:
  // The one in use, which is not `ended`.
  Result<std::shared_ptr<ForwardStream>> Get(NodeId to, const std::shared_ptr<ForwardStream>& ended);

  GrpcWorld* const world_;
  GrpcChannels* const channels_;
  std::mutex mutex_;
  std::map<NodeId, std::weak_ptr<ForwardStream>> streams_;  // Guarded by mutex_.
};

}  // namespace mom::replication
