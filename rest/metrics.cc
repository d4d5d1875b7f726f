#include "rest/metrics.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace mom::rest {
namespace {

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", seconds);
  return text;
}

void AppendValue(std::string_view name, std::string_view type, std::string_view help, uint64_t value,
                 std::string* out) {
  out->append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  out->append(name).append(" ").append(type).append("\n");
  out->append(name).append(" ").append(std::to_string(value)).append("\n");
}

void AppendHistogram(std::string_view name, std::string_view help, const wal::DurationCounts& times,
                     std::string* out) {
  out->append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  out->append(name).append(" histogram\n");
  uint64_t count = 0;
  for (size_t i = 0; i < times.counts.size(); ++i) {
    count += times.counts[i];
    const std::string bound = i < times.kBoundsNs.size()
                                  ? Seconds(static_cast<double>(times.kBoundsNs[i]) / 1e9)
                                  : std::string("+Inf");
    out->append(name)
        .append("_bucket{le=\"")
        .append(bound)
        .append("\"} ")
        .append(std::to_string(count))
        .append("\n");
  }
  out->append(name).append("_sum ").append(Seconds(static_cast<double>(times.total_ns) / 1e9)).append("\n");
  out->append(name).append("_count ").append(std::to_string(count)).append("\n");
}

void AppendNode(const replication::ReplicaInfo& info, std::string* out) {
  AppendValue("mom_wal_syncs_total", "counter", "Fsyncs of log data since the start.", info.wal_syncs, out);
  AppendHistogram("mom_wal_sync_seconds", "Time to write and fsync log data, each time.", info.sync_times,
                  out);
  AppendValue("mom_wal_entries_total", "counter", "Entries made durable since the start.", info.wal_entries,
              out);
  AppendValue("mom_run_ahead_entries_total", "counter", "Entries run before they were committed.",
              info.run_ahead, out);
  AppendValue("mom_run_ahead_wasted_entries_total", "counter", "Of those, entries that had to be run again.",
              info.run_ahead_wasted, out);
  AppendValue("mom_wal_bytes", "gauge", "Size of the log on disk.", info.wal_bytes, out);
  AppendValue("mom_log_start", "gauge", "Offset of the first retained entry.", info.log_start.value, out);
  AppendValue("mom_log_end", "gauge", "Offset behind the last written entry.", info.log_end.value, out);
  AppendValue("mom_durable_end", "gauge", "Offset behind the last fsynced entry.", info.durable_end.value,
              out);
  AppendValue("mom_high_watermark", "gauge", "End of the committed prefix.", info.high_watermark.value, out);
  AppendValue("mom_applied_end", "gauge", "End of what the view holds.", info.applied_end.value, out);
  AppendValue("mom_epoch", "gauge", "Leadership number.", info.epoch.value, out);
  AppendValue("mom_pending", "gauge", "Proposals not answered yet.", info.pending, out);
  AppendValue("mom_disk_nearly_full", "gauge", "1 while publishing is refused.",
              info.disk_nearly_full ? 1 : 0, out);
  AppendValue("mom_snapshots_made_total", "counter", "Snapshots made for other nodes.", info.snapshots_made,
              out);
  AppendValue("mom_snapshots_loaded_total", "counter",
              "Snapshots from other nodes that took the place of log and view.", info.snapshots_loaded, out);
  AppendValue("mom_snapshot_failures_total", "counter",
              "Failures to load a snapshot, or to hand one to another node.", info.snapshots_failed, out);
  AppendValue("mom_digest_comparisons_total", "counter",
              "Digests of this node's state compared with another node's.", info.digest_comparisons, out);
  AppendValue("mom_digest_mismatches_total", "counter", "Those of them that differed: not to be believed.",
              info.digest_mismatches, out);
  AppendValue("mom_diverged", "gauge", "1 while this node's state is not the one of the others.",
              info.diverged ? 1 : 0, out);
  out->append("# HELP mom_role 1 for the role that this node has now.\n# TYPE mom_role gauge\n");
  for (std::string_view role : {"leader", "follower", "candidate", "starting"}) {
    out->append("mom_role{role=\"").append(role).append("\"} ").append(info.role == role ? "1\n" : "0\n");
  }
}

}  // namespace

Metrics::Metrics(std::vector<std::pair<std::string, std::string>> routes) {
  routes.emplace_back("", "unmatched");
  for (const auto& [method, pattern] : routes)
    labels_.push_back("method=\"" + method + "\",route=\"" + pattern + "\"");
  routes_ = std::make_unique<Route[]>(labels_.size());
}

void Metrics::Record(size_t route, int status, int64_t duration_ns) {
  Route& record = routes_[route];
  const auto known = std::find(kStatuses.begin(), kStatuses.end() - 1, status);
  record.statuses[static_cast<size_t>(known - kStatuses.begin())].fetch_add(1, std::memory_order_relaxed);
  const double seconds = static_cast<double>(duration_ns) / 1e9;
  const auto bucket = std::lower_bound(kBucketSeconds.begin(), kBucketSeconds.end(), seconds);
  record.buckets[static_cast<size_t>(bucket - kBucketSeconds.begin())].fetch_add(1,
                                                                                 std::memory_order_relaxed);
  record.duration_ns.fetch_add(static_cast<uint64_t>(std::max<int64_t>(duration_ns, 0)),
                               std::memory_order_relaxed);
}

std::string Metrics::Text(const replication::ReplicaInfo& info, size_t waiting_requests,
                          std::optional<uint64_t> certificate_days_left) const {
  std::string out;
  AppendNode(info, &out);
  AppendValue("mom_waiting_requests", "gauge", "Receives that wait for a message.", waiting_requests, &out);
  if (certificate_days_left) {
    AppendValue("mom_certificate_days_left", "gauge",
                "Whole days until this node's certificate for the other nodes ends; 0: it has.",
                *certificate_days_left, &out);
  }
  AppendRequests(&out);
  AppendDurations(&out);
  return out;
}

void Metrics::AppendRequests(std::string* out) const {
  out->append("# HELP mom_http_requests_total Answered requests.\n# TYPE mom_http_requests_total counter\n");
  for (size_t route = 0; route < labels_.size(); ++route) {
    for (size_t i = 0; i < kStatuses.size(); ++i) {
      const uint64_t count = routes_[route].statuses[i].load(std::memory_order_relaxed);
      if (count == 0) continue;
      const std::string status = kStatuses[i] == 0 ? "other" : std::to_string(kStatuses[i]);
      out->append("mom_http_requests_total{").append(labels_[route]).append(",status=\"").append(status);
      out->append("\"} ").append(std::to_string(count)).append("\n");
    }
  }
}

void Metrics::AppendDurations(std::string* out) const {
  out->append("# HELP mom_http_request_seconds Time from request to answer, waiting included.\n");
  out->append("# TYPE mom_http_request_seconds histogram\n");
  for (size_t route = 0; route < labels_.size(); ++route) {
    const Route& record = routes_[route];
    std::string buckets;
    uint64_t count = 0;
    for (size_t i = 0; i <= kBucketSeconds.size(); ++i) {
      count += record.buckets[i].load(std::memory_order_relaxed);
      const std::string bound = i < kBucketSeconds.size() ? Seconds(kBucketSeconds[i]) : "+Inf";
      buckets.append("mom_http_request_seconds_bucket{")
          .append(labels_[route])
          .append(",le=\"")
          .append(bound);
      buckets.append("\"} ").append(std::to_string(count)).append("\n");
    }
    if (count == 0) continue;
    const double sum = static_cast<double>(record.duration_ns.load(std::memory_order_relaxed)) / 1e9;
    out->append(buckets).append("mom_http_request_seconds_sum{").append(labels_[route]).append("} ");
    out->append(Seconds(sum)).append("\nmom_http_request_seconds_count{").append(labels_[route]).append("} ");
    out->append(std::to_string(count)).append("\n");
  }
}

}  // namespace mom::rest
