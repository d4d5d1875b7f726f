// Nodes with a transport each, in one process, and what their handlers were told.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/quorum/messages.h"
#include "replication/transport/grpc_transport.h"
#include "replication/transport/transport.h"
#include "tests/replication/threads.h"

namespace mom::replication {

inline constexpr Uuid kCluster{0xc1, 0xc2};

inline quorum::Identity IdentityOf(uint32_t node) {
  return quorum::Identity{kCluster, NodeId{node}, Uuid{0xd1, node}};
}

struct Arrived {
  quorum::Message message;
  std::vector<Entry> entries;
};
struct Sent {
  NodeId peer;
  quorum::SessionId session;
  Offset end;
  uint64_t bytes = 0;
};
using Closed = std::pair<NodeId, quorum::SessionId>;

// Writes down what happens. Thread-safe; the vectors may be read within Await and Look.
class Recorder final : public PeerHandler {
 public:
  std::vector<Arrived> arrived;
  std::vector<Sent> sent;
  std::vector<Closed> closed;
  Greeting greeting;  // The answer.
  std::atomic<uint64_t> applied_end{0};
  Hook<void(const quorum::Identity&, std::string, std::function<void(Outcome)>)> on_forward;
  Hook<void(const quorum::Identity&, std::function<void(Result<Offset>)>)> on_barrier;
  Hook<void(AdminRequest, std::function<void(Status)>)> on_administer;
  Hook<void(const quorum::Identity&, const SnapshotChunkRequest&, std::function<void(Result<SnapshotChunk>)>)>
      on_snapshot;
  Hook<void(const quorum::Identity&, std::function<void(Result<NodeStatus>)>)> on_status;
  Hook<void(const Arrived&)> on_message;  // Besides.
  Hook<void(const Sent&)> on_sent;

  // False: did not happen in time.
  bool Await(const std::function<bool()>& happened) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, happened);
  }
  template <typename Function>
  auto Look(Function&& function) {
    std::lock_guard lock(mutex_);
    return function();
  }

  void OnMessage(quorum::Message message, std::vector<Entry> entries) override {
    const Arrived one{std::move(message), std::move(entries)};
    Note([&] { arrived.push_back(one); });
    on_message(one);
  }
  void OnFrameSent(NodeId peer, quorum::SessionId session, Offset end, uint64_t bytes) override {
    const Sent one{peer, session, end, bytes};
    Note([&] { sent.push_back(one); });
    on_sent(one);
  }
  void OnStreamClosed(NodeId peer, quorum::SessionId session) override {
    Note([&] { closed.emplace_back(peer, session); });
  }
  Greeting OnGreeting(const Greeting& from) override {
    Note([&] { greeted.push_back(from); });
    return Look([&] { return greeting; });
  }
  void OnForward(const quorum::Identity& from, std::string command,
                 std::function<void(Outcome)> reply) override {
    on_forward(from, std::move(command), std::move(reply));
  }
  Offset AppliedEnd() const override { return Offset{applied_end}; }
  void OnAdminister(const quorum::Identity&, AdminRequest request,
                    std::function<void(Status)> reply) override {
    on_administer(std::move(request), std::move(reply));
  }
  void OnReadBarrier(const quorum::Identity& from, std::function<void(Result<Offset>)> reply) override {
    on_barrier(from, std::move(reply));
  }
  void OnSnapshotRequest(const quorum::Identity& from, const SnapshotChunkRequest& request,
                         std::function<void(Result<SnapshotChunk>)> reply) override {
    on_snapshot(from, request, std::move(reply));
  }
  void OnStatus(const quorum::Identity& from, std::function<void(Result<NodeStatus>)> reply) override {
    on_status(from, std::move(reply));
  }

  std::vector<Greeting> greeted;

 private:
  template <typename Function>
  void Note(Function&& function) {
    {
      std::lock_guard lock(mutex_);
      function();
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
};

// A node that listens.
struct TestNode {
  explicit TestNode(uint32_t node, TransportOptions options = {}) : id{node} {
    // A notice that is late is lost, and a loaded machine is slow.
    if (options.notice_timeout_ms == TransportOptions().notice_timeout_ms)
      options.notice_timeout_ms = std::chrono::milliseconds(kPatience).count();
    transport = MakeGrpcTransport(std::move(options));
    const Status status = transport->Start(&recorder);
    MOM_CHECK(status.ok(), status);
    transport->SetIdentity(IdentityOf(node));
  }

  const NodeId id;
  Recorder recorder;
  std::unique_ptr<Transport> transport;  // Behind the recorder: it ends first.
};

// Tells each where the others are.
inline void Connect(const std::vector<TestNode*>& nodes) {
  PeerAddresses addresses;
  for (const TestNode* node : nodes) addresses[node->id] = node->transport->listening();
  for (TestNode* node : nodes) node->transport->SetAddresses(addresses);
}

inline quorum::Message Request(uint32_t from, uint32_t to, uint64_t session, bool open, uint64_t end = 0) {
  return {
      IdentityOf(from), NodeId{to},
      quorum::FetchRequest{Epoch{3}, quorum::SessionId{session}, open, Offset{end}, Epoch{2}, Offset{1}, 7}};
}
inline quorum::Message Reply(
    uint32_t from, uint32_t to, uint64_t session,
    std::variant<quorum::Frame, quorum::EpochEnd, quorum::SnapshotId, quorum::FetchRefused> body) {
  return {IdentityOf(from), NodeId{to},
          quorum::FetchReply{Epoch{3}, NodeId{from}, quorum::SessionId{session}, Offset{5}, std::move(body)}};
}
inline quorum::Frame FrameAt(uint64_t base, uint64_t probe = 0) {
  quorum::Frame frame;
  frame.base = Offset{base};
  frame.probe = probe;
  return frame;
}
inline Entry EntryAt(uint64_t offset, std::string payload, EntryKind kind = EntryKind::kCommand) {
  return Entry{Offset{offset}, Epoch{2}, Timestamp{1'700'000'000'000}, kind,
               std::make_shared<const std::string>(std::move(payload))};
}

}  // namespace mom::replication
