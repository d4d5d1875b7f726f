// StartGate: what a node's REST server answers before the node can serve: that it is alive, that it is not
// ready and why, metrics; and 503 `not-ready` to everything else, of which certainly nothing was done.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "replication/replica/replica.h"
#include "rest/http_port.h"

namespace mom::rest {

// Thread-safe.
class StartGate {
 public:
  explicit StartGate(uint32_t node_id);

  // For the server; may outlive the gate.
  HttpHandler handler();
  // What the node waits for now, for a person, and what is known of it.
  void Tell(std::string waits_for, replication::ReplicaInfo info);
  // The same, without news of the replica.
  void Tell(std::string waits_for);
  // From now on every request goes to `api`. Once.
  void Open(HttpHandler api);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mom::rest
