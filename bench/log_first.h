// LogFirst: answers a request once its body is in a log and fsynced, and does nothing else with it. What is
// left of a broker without users, queues and views: no durable broker behind the same web server is faster.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "rest/http_port.h"
#include "wal/wal_thread.h"

namespace mom::bench {

// Thread-safe. The destructor answers 503 to who still waits.
class LogFirst {
 public:
  // `dir` must exist, and hold no log of another.
  static Result<std::unique_ptr<LogFirst>> Open(const std::string& dir);
  ~LogFirst();
  LogFirst(const LogFirst&) = delete;
  LogFirst& operator=(const LogFirst&) = delete;

  void Handle(rest::HttpRequest request, rest::Responder responder);

 private:
  explicit LogFirst(std::unique_ptr<wal::Wal> log);
  void OnPersisted(const Status& status);
  void SubmitLocked();

  std::mutex mutex_;  // Guards all below but log_.
  Offset next_;
  std::vector<Entry> gathered_;
  std::vector<rest::Responder> gathered_for_;   // One for each of gathered_.
  std::vector<rest::Responder> under_way_for_;  // Of the batch that is being written; empty: none is.
  bool has_failed_ = false;

  wal::WalThread log_;  // Last: its thread ends first.
};

}  // namespace mom::bench
