// BrokerClient: one logical client of the cluster. Every operation is recorded, before and after.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/cluster/asio_http_link.h"
#include "tests/cluster/cluster.h"
#include "tests/cluster/recorder.h"

namespace mom::cluster {

// Bodies of a run: the number stands in the body, which holds a hash of itself.
std::string BodyOf(uint64_t payload);
Item ItemOf(uint64_t payload);                     // Payload and hash of BodyOf(payload).
void ReadBody(std::string_view body, Item* item);  // Sets payload (kNone: not one of ours) and hash.

struct Session {
  std::string user, name, token;  // `name` is what the history calls it.
};

// For one thread at a time. `cluster` and `recorder` must outlive it.
class BrokerClient {
 public:
  BrokerClient(Cluster* cluster, Recorder* recorder, std::string name);

  const std::string& name() const { return name_; }
  void set_session(Session session) { session_ = std::move(session); }
  const Session& session() const { return session_; }
  void set_timeout_ms(int timeout_ms) { timeout_ms_ = timeout_ms; }

  // Each asks `node` once and returns the event of the answer. Keys may be empty.
  Event Login(uint32_t node, const std::string& user, const std::string& password);  // Sets session().
  Event Logout(uint32_t node);
  Event CreateQueue(uint32_t node, const std::string& queue, int64_t lease_ms, const std::string& key);
  Event DeleteQueue(uint32_t node, const std::string& queue, const std::string& key);
  // One message alone, several as a batch. Ready after `delay_ms`.
  Event Publish(uint32_t node, const std::string& queue, const std::vector<uint64_t>& payloads,
                const std::string& key, int64_t delay_ms = 0);
  // lease_ms 0: acknowledged by itself.
  Event Receive(uint32_t node, const std::string& queue, uint64_t max, int64_t lease_ms, int64_t wait_ms,
                const std::string& key);
  Event Ack(uint32_t node, const std::string& queue, const std::vector<Item>& items);
  Event Nack(uint32_t node, const std::string& queue, const std::vector<Item>& items, int64_t delay_ms = 0);
  Event Extend(uint32_t node, const std::string& queue, const std::vector<Item>& items, int64_t lease_ms);
  // Reads. min kNone: none.
  Event Count(uint32_t node, const std::string& queue, uint64_t min, bool linearizable);
  Event Peek(uint32_t node, const std::string& queue, uint64_t id, uint64_t min, bool linearizable);

  // Registers a user; not recorded. The status, 0 when no answer came.
  int Register(uint32_t node, const std::string& user, const std::string& password);

 private:
  Event Begin(Action action, uint32_t node, const std::string& queue, const std::string& key);
  // Sends and records both events; `begun` is the invoke and becomes the answer.
  HttpAnswer Run(Event* begun, const std::string& method, const std::string& target, Headers headers,
                 const std::string& body);
  void Finish(Event event);
  Event Settle(Action action, uint32_t node, const std::string& queue, const std::vector<Item>& items,
               int64_t lease_ms, int64_t delay_ms);

  Cluster* const cluster_;
  Recorder* const recorder_;
  const std::string name_;
  Session session_;
  std::vector<std::unique_ptr<HttpLink>> links_;  // By node.
  uint64_t ops_ = 0;
  int timeout_ms_ = 3000;
};

}  // namespace mom::cluster
