// Workers: the clients that keep a cluster busy while faults happen to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/random.h"
#include "tests/cluster/broker_client.h"

namespace mom::cluster {

inline constexpr char kUser[] = "chaos";
inline constexpr char kPassword[] = "chaos-password";
inline constexpr int64_t kLeaseMs = 2000;

struct LoadOptions {
  uint64_t seed = 1;
  uint32_t publishers = 3;
  uint32_t leasers = 2;   // Receive with a lease, then acknowledge.
  uint32_t autos = 1;     // Receive what is acknowledged by itself.
  uint32_t readers = 1;   // Publish to a queue that nobody receives from, and read it elsewhere.
  uint32_t churners = 1;  // Sessions and queues that come and go.
  uint32_t timers = 1;    // Delays and short leases, in queues of their own.
  uint32_t pause_ms = 4;  // Of a publisher after each publish.
  // Of messages to a queue of their own, which expire soon and whose fate is not looked at: the log grows.
  uint32_t ballast_bytes = 0;  // 0: none.
  int timeout_ms = 1000;       // Of one request; then another node is asked.
  std::vector<uint32_t> via;   // The nodes that are asked; empty: all.
};

// Start once, Stop once. Thread-safe in between. `cluster` and `recorder` must outlive it.
class Load {
 public:
  Load(Cluster* cluster, Recorder* recorder, LoadOptions options);
  ~Load();

  // Makes user, session and queues. Empty, or what went wrong.
  std::string Prepare();
  void Start();
  // Clients stop asking for new things, but bring what is under way to an end: with their keys, for at most
  // `settle_ms`.
  void Stop(int settle_ms);
  // Takes everything out of all queues; REQUIRES: stopped. Empty, or the queue that would not be empty.
  std::string Drain(int timeout_ms);
  // Nodes that clients ask from now on.
  void SetVia(const std::vector<uint32_t>& nodes);
  const Session& session() const { return session_; }

 private:
  class Worker;

  void Publish(Worker* worker);
  void ReceiveWithLease(Worker* worker);
  void ReceiveAtOnce(Worker* worker);
  void UseTimers(Worker* worker, const std::string& queue);
  void Read(Worker* worker);
  void PublishBallast(Worker* worker);
  void ChurnSession(Worker* worker);
  void ChurnQueue(Worker* worker);
  void Settle(Worker* worker, const std::string& queue, const std::vector<Item>& items);
  void Spawn(const std::string& name, std::function<void(Worker*)> step);
  // Asks node after node until the outcome is certain or nobody may wait any longer.
  Event Insist(Worker* worker, const std::function<Event(uint32_t node)>& ask);
  std::string DrainQueue(Worker* worker, const std::string& queue, uint64_t deadline_ns);
  uint32_t PickNode(Worker* worker);
  std::vector<std::string> AllQueues() const;

  Cluster* const cluster_;
  Recorder* const recorder_;
  const LoadOptions options_;
  Session session_;
  std::vector<std::string> queues_;  // That publishers send to. These, and the next, are drained at the end.
  std::vector<std::string> timed_queues_;
  std::atomic<uint64_t> next_payload_{1};
  std::atomic<uint64_t> via_{0};  // Bit n: node n is asked.
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> give_up_ns_{kNone};
  std::vector<std::thread> threads_;
};

}  // namespace mom::cluster
