// Metrics: what /metrics shows, in Prometheus' text format.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replication/replica/replica.h"

namespace mom::rest {

// Thread-safe and without locks. Routes are numbered as given to the constructor.
class Metrics {
 public:
  // Of a route: "GET" and "/v1/queues". One more route, the last, stands for requests that matched none.
  explicit Metrics(std::vector<std::pair<std::string, std::string>> routes);

  void Record(size_t route, int status, int64_t duration_ns);
  size_t unmatched_route() const { return labels_.size() - 1; }
  // `certificate_days_left`: nothing for a node without a certificate.
  std::string Text(const replication::ReplicaInfo& info, size_t waiting_requests,
                   std::optional<uint64_t> certificate_days_left) const;

 private:
  static constexpr std::array<int, 21> kStatuses = {200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415,
                                                    422, 429, 431, 500, 501, 502, 503, 504, 507, 0};
  static constexpr std::array<double, 13> kBucketSeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                            0.1,    0.25,  0.5,    1,     5,    25};
  struct Route {
    std::array<std::atomic<uint64_t>, kStatuses.size()> statuses{};
    std::array<std::atomic<uint64_t>, kBucketSeconds.size() + 1> buckets{};
    std::atomic<uint64_t> duration_ns{0};
  };

  void AppendRequests(std::string* out) const;
  void AppendDurations(std::string* out) const;

  std::vector<std::string> labels_;
  std::unique_ptr<Route[]> routes_;
};

}  // namespace mom::rest
