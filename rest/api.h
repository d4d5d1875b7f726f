// Api: the REST resources of one node, behind the HTTP port and in front of the replica.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replication/replica/replica.h"
#include "rest/client_address.h"
#include "rest/http_port.h"
#include "rest/login_gate.h"
#include "rest/password_pool.h"
#include "rest/waiters.h"

namespace mom::rest {

struct ApiOptions {
  uint32_t node_id = 1;
  std::string version = "0.1.0";
  bool registration_open = true;         // Closed: only an administrator creates users.
  size_t message_bytes_max = 1u << 20;   // Request body of one message, and of everything not named below.
  size_t batch_bytes_max = 4u << 20;     // Request body of a batch or a transaction.
  uint64_t answer_bytes_max = 2u << 20;  // Message bodies in one answer; always at least one.
  WaitersOptions waiting;                // Long polls.
  uint32_t offset_waits_max = 4096;      // Requests that wait for Mom-Min-Offset.
  int64_t offset_wait_ms = 5000;         // How long they do.
  int64_t session_ttl_ms = 24LL * 3600 * 1000;
  int64_t session_ttl_ms_max = 30LL * 24 * 3600 * 1000;
  int hash_threads = 2;
  size_t hash_waiting_max = 32;
  PasswordCost password_cost;
  LoginLimits login;
  AddressSet trusted_proxies = AddressSet::Loopback();  // Peers whose X-Forwarded-For is believed.
  uint64_t lag_entries_max = 10'000;                    // Not ready while the view is further behind.
  int answer_threads = 1;                               // Fetch and serialise received messages.
  size_t answer_waiting_max = 8192;
  // Who asked this node to change the cluster, for what, and how it ended: one line for the node's log. Any
  // thread; may be empty.
  std::function<void(const std::string& line)> on_cluster_change;
  // Whole days until this node's certificate ends, for the metrics; 0: it has. Any thread; empty: it has
  // none.
  std::function<uint64_t()> certificate_days_left;
};

struct Services;

// Handlers run on the caller's thread and on threads of the replica; none blocks. `replica` must outlive the
// Api and every request.
class Api {
 public:
  Api(replication::Replica* replica, ApiOptions options);
  ~Api();  // Stop().
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // May outlive the Api.
  HttpHandler handler();
  const ApiOptions& options() const;  // As given.
  // Waiting requests are answered with 503, new ones refused. Idempotent.
  void Stop();

  // Method and pattern of every route.
  static std::vector<std::pair<std::string, std::string>> Routes();

 private:
  std::shared_ptr<Services> services_;
};

}  // namespace mom::rest
