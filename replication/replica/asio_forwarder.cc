#include "replication/replica/asio_forwarder.h"

#include <sodium.h>

#include <chrono>
#include <utility>

namespace mom::replication {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kTryMs = 5000;      // Then the client is told, and may go on by itself.
constexpr int64_t kForwardMs = 3000;  // One attempt.
constexpr auto kPause = std::chrono::milliseconds(5);

// So that it does not meet those of this node's past, or of other nodes.
uint64_t RandomOrigin() {
  uint64_t origin = 0;
  randombytes_buf(&origin, sizeof origin);
  return origin;
}

}  // namespace

AsioForwarder::AsioForwarder(AsioRuntime* runtime, Transport* transport, NodeId self, ForwarderHooks hooks)
    : runtime_(runtime),
      transport_(transport),
      self_(self),
      hooks_(std::move(hooks)),
      timer_(runtime),
      last_origin_(RandomOrigin()) {}

void AsioForwarder::Send(ForwardedCommand command) {
  command.deadline = Instant{runtime_->Now().ns + kTryMs * kNsPerMs};
  Try(std::move(command));
}

void AsioForwarder::Try(ForwardedCommand command) {
  const NodeId leader = hooks_.leader();
  if (leader == NodeId{}) {
    return runtime_->Post([this, command = std::move(command)]() mutable {
      Park(std::move(command), Refused(Status::kNotLeader, "no leader is known; try again"));
    });
  }
  const auto payload = command.payload;
  if (leader == self_) {
    return hooks_.propose_here(payload, [this, command = std::move(command)](Outcome outcome) mutable {
      OnOutcome(std::move(command), false, std::move(outcome));
    });
  }
  Forward(leader, std::move(command));
}

void AsioForwarder::Forward(NodeId to, ForwardedCommand command) {
  auto call = std::make_shared<Call>();
  call->to = to;
  const auto payload = command.payload;
  call->command = std::move(command);
  {
    std::lock_guard lock(mutex_);
    calls_[call->command.origin] = call;
  }
  transport_->Forward(
      to, *payload, kForwardMs,
      [this, call](Outcome outcome) {
        if (call->over.exchange(true)) return;
        Forget(call->command.origin);
        OnOutcome(std::move(call->command), true, std::move(outcome));
      },
      Settled(call, &call->over));
}

void AsioForwarder::Forget(uint64_t origin) {
  std::lock_guard lock(mutex_);
  calls_.erase(origin);
}

// The same origin alone proves nothing: it may be another node's, or of this node's past. The same bytes do.
// When they were sent more than once a refusal may be of any of these tries, while a later one succeeds: the
// leader tells what became of the last.
void AsioForwarder::Settle(uint64_t origin, const Entry& entry, Outcome* outcome) {
  CallPtr call;
  {
    std::lock_guard lock(mutex_);
    const auto it = calls_.find(origin);
    if (it == calls_.end() || *it->second->command.payload != entry.bytes()) return;
    if (it->second->command.maybe_done && outcome->reply.error()) return;
    if (it->second->over.exchange(true)) return;
    call = std::move(it->second);
    calls_.erase(it);
  }
  call->command.done(std::move(*outcome));
}

void AsioForwarder::OnOutcome(ForwardedCommand command, bool remote, Outcome outcome) {
  if (outcome.status.ok()) {
    if (command.maybe_done && outcome.reply.error()) {
      return command.done(Refused(Status::kUncertain, "an earlier try of the command may have been done"));
    }
    if (!remote) return command.done(std::move(outcome));
    // The client may read its own write here at once. If this node is too far behind the write is done all
    // the same.
    const Offset offset = outcome.offset;
    return hooks_.wait_applied(offset, [done = std::move(command.done), outcome = std::move(outcome)](
                                           bool) mutable { done(std::move(outcome)); });
  }
  const Status::Code code = outcome.status.code();
  const bool certain = code == Status::kNotLeader || code == Status::kNotFound || code == Status::kStopping;
  const bool again = certain || (code == Status::kUncertain && command.has_key);
  if (!again) return command.done(std::move(outcome));
  command.maybe_done = command.maybe_done || !certain;
  runtime_->Post([this, command = std::move(command), outcome = std::move(outcome)]() mutable {
    Park(std::move(command), outcome);
  });
}

void AsioForwarder::Park(ForwardedCommand command, const Outcome& last) {
  if (stopped_ || runtime_->Now() >= command.deadline) {
    const bool uncertain = last.status.code() == Status::kUncertain;
    return command.done(uncertain ? last
                                  : Refused(Status::kNotLeader, "no leader took the command; try again"));
  }
  parked_.push_back(std::move(command));
  if (armed_) return;
  armed_ = true;
  timer_.SetAfter(kPause, [this] {
    armed_ = false;
    TryParked();
  });
}

void AsioForwarder::TryParked() {
  for (ForwardedCommand& command : std::exchange(parked_, {})) Try(std::move(command));
}

// A leader that is paused or cut off answers nobody, perhaps for long. Once another one is known, what was
// sent to it is uncertain and will not get more certain.
void AsioForwarder::OnLeaderChanged() {
  const NodeId leader = hooks_.leader();
  if (leader == NodeId{}) return;
  GiveUp([leader](const Call& call) { return call.to != leader; }, "another node leads now");
  if (!parked_.empty()) TryParked();
}

void AsioForwarder::OnLogReplaced() {
  GiveUp([](const Call&) { return true; }, "a snapshot took the place of this node's log");
}

void AsioForwarder::GiveUp(const std::function<bool(const Call&)>& is_lost, const char* why) {
  std::vector<CallPtr> lost;
  {
    std::lock_guard lock(mutex_);
    for (auto it = calls_.begin(); it != calls_.end();) {
      const CallPtr& call = it->second;
      const bool goes = is_lost(*call) && !call->over.exchange(true);
      if (goes) lost.push_back(call);
      it = goes ? calls_.erase(it) : std::next(it);
    }
  }
  for (const CallPtr& call : lost)
    OnOutcome(std::move(call->command), true, Refused(Status::kUncertain, why));
}

void AsioForwarder::Stop() {
  stopped_ = true;
  timer_.Cancel();
  for (ForwardedCommand& command : std::exchange(parked_, {})) {
    command.done(Refused(Status::kStopping, "the node is stopping"));
  }
}

}  // namespace mom::replication
