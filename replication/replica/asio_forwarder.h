// AsioForwarder: brings commands of this node's clients to whoever leads. What was certainly not done is
// tried again, with the next leader too; what is uncertain only if its idempotency key makes that safe.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "replication/replica/asio_runtime.h"
#include "replication/replica/proposal.h"
#include "replication/transport/transport.h"

namespace mom::replication {

struct ForwardedCommand {
  std::shared_ptr<const std::string> payload;
  bool has_key = false;  // Safe to repeat.
  std::function<void(Outcome)> done;
  Instant deadline;  // Set by Send.
};

struct ForwarderHooks {
  std::function<NodeId()> leader;  // 0: unknown.
  // This node leads, as far as it knows.
  std::function<void(std::shared_ptr<const std::string> payload, std::function<void(Outcome)> done)>
      propose_here;
  std::function<void(Offset offset, std::function<void(bool)> done)> wait_applied;
};

// Send is thread-safe; the rest belongs to the runtime's thread.
class AsioForwarder {
 public:
  // Both must outlive it.
  AsioForwarder(AsioRuntime* runtime, Transport* transport, NodeId self, ForwarderHooks hooks);

  void Send(ForwardedCommand command);
  // Somebody else leads, or somebody at all: what waits is tried.
  void OnLeaderChanged();
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

  void Try(ForwardedCommand command);
  void Forward(NodeId to, ForwardedCommand command);
  void Park(ForwardedCommand command, const Outcome& last);
  void OnOutcome(ForwardedCommand command, bool remote, Outcome outcome);
  void TryParked();

  AsioRuntime* const runtime_;
  Transport* const transport_;
  const NodeId self_;
  const ForwarderHooks hooks_;
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  bool stopped_ = false;
  std::vector<ForwardedCommand> parked_;

  std::mutex mutex_;
  std::set<CallPtr> calls_;  // Guarded by mutex_.
};

}  // namespace mom::replication
