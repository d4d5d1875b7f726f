// AsioForwarder: brings commands of this node's clients to whoever leads. What was certainly not done is
// tried again, with the next leader too; what is uncertain only if its idempotency key makes that safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/entry.h"
#include "replication/replica/asio_runtime.h"
#include "replication/replica/proposal.h"
#include "replication/transport/transport.h"

namespace mom::replication {

struct ForwardedCommand {
  std::shared_ptr<const std::string> payload;
  uint64_t origin = 0;   // In the payload.
  bool has_key = false;  // Safe to repeat.
  std::function<void(Outcome)> done;
  Instant deadline;  // Set by Send.
  // An earlier try may have had its effect, or may have it yet. No refusal of a later try denies that:
  // refusals leave nothing behind that would bind another try.
  bool maybe_done = false;
};

struct ForwarderHooks {
  std::function<NodeId()> leader;  // 0: unknown.
  // This node leads, as far as it knows.
  std::function<void(std::shared_ptr<const std::string> payload, std::function<void(Outcome)> done)>
      propose_here;
  std::function<void(Offset offset, std::function<void(bool)> done)> wait_applied;
};

// Whoever leads appends the command, and this node finds it in its own log: that it was applied is learnt
// there, and from the leader only what became of it else.
//
// Send, NewOrigin and Settle are thread-safe; the rest belongs to the runtime's thread.
class AsioForwarder {
 public:
  // Both must outlive it.
  AsioForwarder(AsioRuntime* runtime, Transport* transport, NodeId self, ForwarderHooks hooks);

  // For the next command: no other of this node has it, nor, most likely, any other in the log.
  uint64_t NewOrigin() { return last_origin_.fetch_add(1) + 1; }
  void Send(ForwardedCommand command);
  // An entry was applied here; takes `outcome` if its command is one of those under way.
  void Settle(uint64_t origin, const Entry& entry, Outcome* outcome);
  // Somebody else leads, or somebody at all: what waits is tried.
  void OnLeaderChanged();
  // By a snapshot: what is in it is not applied here one by one, and nothing will be learnt of it.
  void OnLogReplaced();
  // Answers what waits; nothing is tried any more.
  void Stop();

 private:
  // A call under way; ends with the answer, or when another leader makes the answer worthless.
  struct Call {
    NodeId to;
    ForwardedCommand command;
    std::atomic<bool> over{false};
  };
  using CallPtr = std::shared_ptr<Call>;

  void Forget(uint64_t origin);
  void GiveUp(const std::function<bool(const Call&)>& is_lost, const char* why);
  void Try(ForwardedCommand command);
  void Forward(NodeId to, ForwardedCommand command);
  void Park(ForwardedCommand command, const Outcome& last);
  void OnOutcome(ForwardedCommand command, bool remote, Outcome outcome);
  void TryParked();

  AsioRuntime* const runtime_;
  Transport* const transport_;
  const NodeId self_;
  const ForwarderHooks hooks_;
  AsioTimer timer_;
  bool armed_ = false;
  bool stopped_ = false;
  std::vector<ForwardedCommand> parked_;

  std::mutex mutex_;
  std::map<uint64_t, CallPtr> calls_;  // By origin; guarded by mutex_.
  std::atomic<uint64_t> last_origin_;
};

}  // namespace mom::replication
