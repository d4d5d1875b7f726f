// RareLog: log lines about peers, of which one that keeps doing the same wrong thing must not fill the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "core/base/ids.h"
#include "replication/transport/transport_options.h"

namespace mom::replication {

// Thread-safe.
class RareLog {
 public:
  using Sink = std::function<void(LogLevel, const std::string&)>;
  explicit RareLog(Sink sink) : sink_(std::move(sink)) {}

  // At most one line in ten seconds about `subject`, of which there should be few; tells how many were left
  // out.
  void Warn(const std::string& subject, const std::string& text);

 private:
  struct Subject {
    std::chrono::steady_clock::time_point written;
    uint64_t left_out = 0;
  };

  const Sink sink_;
  std::mutex mutex_;
  std::map<std::string, Subject> subjects_;  // Guarded by mutex_.
};

}  // namespace mom::replication
