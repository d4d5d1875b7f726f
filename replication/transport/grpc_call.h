// What all calls of one transport share: the queue of finished operations, a register of what is alive, who
// this node is.
//
// Every operation of gRPC's is started with a tag, and the tag comes back from the completion queue on one of
// the transport's threads. A call lives as long as one of its tags is out: the tags own it, nobody else does.
// So Stop() cancels everything, waits until nothing is alive, and only then shuts the queue; starting an
// operation on a queue that is shut would abort the process.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/quorum/types.h"
#include "replication/transport/rare_log.h"
#include "replication/transport/transport.h"
#include "replication/transport/transport_options.h"

namespace mom::replication {

// gRPC's queue orders an operation's end behind its start; ThreadSanitizer, which cannot look into gRPC, is
// told.
#ifdef __SANITIZE_THREAD__
inline void TagGiven(void* tag) {
  __tsan_release(tag);
}
inline void TagTaken(void* tag) {
  __tsan_acquire(tag);
}
#else
inline void TagGiven(void*) {}
inline void TagTaken(void*) {}
#endif

// One operation. At most once on its way at a time.
class GrpcTag {
 public:
  virtual ~GrpcTag() = default;
  virtual void Complete(bool ok) = 0;
};

// Calls a member function of its owner, and keeps the owner alive until then. A member of its owner.
template <typename Owner>
class MemberTag final : public GrpcTag {
 public:
  explicit MemberTag(void (Owner::*then)(bool ok)) : then_(then) {}

  // The tag for gRPC.
  void* Arm(std::shared_ptr<Owner> owner) {
    MOM_CHECK(owner_ == nullptr);
    owner_ = std::move(owner);
    void* const tag = static_cast<GrpcTag*>(this);
    TagGiven(tag);
    return tag;
  }
  // gRPC will not give the tag back.
  void Disarm() { owner_.reset(); }
  void Complete(bool ok) override {
    const std::shared_ptr<Owner> owner = std::exchange(owner_, nullptr);
    MOM_CHECK(owner != nullptr);
    (owner.get()->*then_)(ok);
  }

 private:
  void (Owner::*const then_)(bool);
  std::shared_ptr<Owner> owner_;
};

class GrpcCall;

// The calls that are alive. Thread-safe.
class CallRegister {
 public:
  // A new call; null when the transport is stopping.
  template <typename Call, typename... Arguments>
  static std::shared_ptr<Call> Make(const std::shared_ptr<CallRegister>& calls, Arguments&&... arguments) {
    auto call = std::make_shared<Call>(std::forward<Arguments>(arguments)...);
    return calls->Add(calls, call) ? call : nullptr;
  }
  // No new calls from now on; cancels those that there are.
  void CancelAll();
  void AwaitNone();

 private:
  friend class GrpcCall;
  bool Add(const std::shared_ptr<CallRegister>& self, const std::shared_ptr<GrpcCall>& call);
  void Remove(const GrpcCall* call);

  std::mutex mutex_;
  std::condition_variable none_;
  bool is_stopping_ = false;  // Guarded by mutex_, like the next.
  std::map<const GrpcCall*, std::weak_ptr<GrpcCall>> alive_;
};

class GrpcCall {
 public:
  GrpcCall() = default;
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;
  // What a derived class holds of gRPC is gone by then.
  virtual ~GrpcCall();
  // Ends soon, whatever it waits for. Any thread, any number of times.
  virtual void Cancel() = 0;

 private:
  friend class CallRegister;
  std::shared_ptr<CallRegister> calls_;  // Null until added.
};

// Outlives all calls.
struct GrpcWorld {
  explicit GrpcWorld(TransportOptions given)
      : options(std::move(given)), log(options.log), calls(std::make_shared<CallRegister>()) {}

  void SetIdentity(const quorum::Identity& self) {
    std::lock_guard lock(mutex);
    identity = self;
  }
  std::optional<quorum::Identity> Identity() {
    std::lock_guard lock(mutex);
    return identity;
  }

  const TransportOptions options;
  RareLog log;
  const std::shared_ptr<CallRegister> calls;
  PeerHandler* handler = nullptr;                      // Set before anything runs.
  std::unique_ptr<grpc::ServerCompletionQueue> queue;  // Likewise.

 private:
  std::mutex mutex;
  std::optional<quorum::Identity> identity;  // Guarded by mutex.
};

// For an alarm that is due as it is set. Long past: gRPC rounds times up to milliseconds, and "now" would be
// left to its timer thread until then.
inline constexpr std::chrono::system_clock::time_point kAtOnce{};

// For an alarm that is due at `at` or a little later. gRPC's clock is the system's.
inline std::chrono::system_clock::time_point AlarmTime(std::chrono::steady_clock::time_point at) {
  const auto wait = at - std::chrono::steady_clock::now();
  return std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::milliseconds>(wait) +
         std::chrono::milliseconds(1);
}

// Runs something on a thread of the transport, now.
class GrpcSoon final : public GrpcCall, public std::enable_shared_from_this<GrpcSoon> {
 public:
  explicit GrpcSoon(std::function<void()> then) : then_(std::move(then)) {}
  void Start(grpc::CompletionQueue* queue) { alarm_.Set(queue, kAtOnce, tag_.Arm(shared_from_this())); }
  void Cancel() override {}  // It is about to run.

 private:
  void Run(bool) { then_(); }

  const std::function<void()> then_;
  grpc::Alarm alarm_;
  MemberTag<GrpcSoon> tag_{&GrpcSoon::Run};
};

// In the details of an error that a node gives before it looks at a call: certainly not done.
inline constexpr char kNotDone[] = "mom: not done";
inline grpc::Status NotDone(grpc::StatusCode code, const std::string& message) {
  return grpc::Status(code, message, kNotDone);
}

}  // namespace mom::replication
