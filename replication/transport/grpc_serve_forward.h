// ServeForward: the leader's end of a stream of commands. Outcomes gather while a message is being written.
// Successes of watched commands are kept until the other end says that it has applied them, and told if it
// does not in time: a node whose fetch stream is stuck must still answer its clients.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/quorum/types.h"
#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/grpc_call.h"
#include "replication/transport/wire.h"

namespace mom::replication {

// What the streams of a node share; outlives them.
struct ServedForwards {
  GrpcWorld* world = nullptr;
  std::function<Status(const wire::Header&)> check;  // Is this for this node, and from one of its cluster?
  std::function<void()> accepted;                    // Somebody opened one: time to make the next.
  std::atomic<size_t> streams{0};
  std::atomic<size_t> commands{0};  // Taken, and their outcome not written yet.
};

// Thread-safe. Handler calls are made without a lock held, one after the other.
class ServeForward final : public GrpcCall, public std::enable_shared_from_this<ServeForward> {
 public:
  explicit ServeForward(ServedForwards* shared) : shared_(shared) {}
  ~ServeForward() override;

  void Accept(v1::Peer::AsyncService* service);
  void Cancel() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Gathered {
    v1::ForwardDown message;
    size_t bytes = 0;
  };
  struct Open {
    Clock::time_point since;
    bool is_watched = false;
  };
  struct Kept {
    Clock::time_point since;
    uint64_t id = 0;
    Outcome outcome;
  };

  void OnAccepted(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnAlarm(bool ok);
  void OnFinished(bool) {}

  grpc::Status MayBeServed() const;
  // Hands on what was read; not ok: the stream must end.
  grpc::Status Take();
  // Not ok: nothing was taken. Commands beyond the limit are answered here, and no longer among them.
  Status Note(wire::ForwardedCommands* commands);
  void Answer(uint64_t id, Outcome outcome);
  void GatherLocked(uint64_t id, Outcome outcome);
  void KeepLocked(uint64_t id, Outcome outcome);
  void ReleaseLocked(Offset applied_end);
  void ArmLocked();
  void WriteLocked();
  void ReadLocked();
  void ForgetLocked(Clock::time_point now);
  void End(const grpc::Status& status);
  void FinishLocked();

  ServedForwards* const shared_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::ForwardDown, v1::ForwardUp> stream_{&context_};
  v1::ForwardUp up_;  // Of the one read at a time.
  MemberTag<ServeForward> accept_tag_{&ServeForward::OnAccepted};
  MemberTag<ServeForward> read_tag_{&ServeForward::OnRead};
  MemberTag<ServeForward> write_tag_{&ServeForward::OnWritten};
  MemberTag<ServeForward> alarm_tag_{&ServeForward::OnAlarm};
  MemberTag<ServeForward> finish_tag_{&ServeForward::OnFinished};

  std::mutex mutex_;  // Guards all below.
  bool is_accepted_ = false;
  bool is_cancelled_ = false;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool has_ended_ = false;  // Takes and answers nothing any more; finishes once nothing is being written.
  grpc::Status end_status_;
  std::optional<quorum::Identity> from_;  // Set with the first message.
  uint64_t last_id_ = 0;
  std::map<uint64_t, Open> open_;  // Taken and not answered.
  std::deque<Kept> kept_;          // Answered, but the other end may know by itself.
  grpc::Alarm alarm_;
  bool is_armed_ = false;
  std::deque<Gathered> gathered_;  // Messages to be written.
  size_t gathered_count_ = 0;      // Outcomes in them.
  size_t written_count_ = 0;       // Outcomes in the message that is being written.
};

}  // namespace mom::replication
