// ApiClient: the few requests that set a measurement up and look at its result. Blocking, one connection a
// request, not measured.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/server.h"
#include "core/base/result.h"

namespace mom::bench {

struct QueueCounts {
  uint64_t ready = 0;
  uint64_t leased = 0;
  uint64_t delayed = 0;
  uint64_t dead = 0;
  uint64_t blocked = 0;

  uint64_t held() const { return ready + leased + delayed + dead + blocked; }
};

// Not thread-safe. Failures name the request, the status and the answer, never the password or the token.
class ApiClient {
 public:
  explicit ApiClient(Server server) : server_(std::move(server)) {}

  Status Register(const std::string& user, const std::string& password);
  Status Connect(const std::string& user, const std::string& password);  // Sets token().
  // Zero limits are left to the broker.
  Status MakeQueue(const std::string& queue, uint64_t messages_max, uint64_t bytes_max);
  Result<QueueCounts> Counts(const std::string& queue);

  const std::string& token() const { return token_; }

 private:
  // The body of a 2xx answer.
  Result<std::string> Request(std::string_view method, const std::string& path, const std::string& body);

  Server server_;
  std::string token_;
};

}  // namespace mom::bench
