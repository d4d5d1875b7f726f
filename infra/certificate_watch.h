// CertificateWatch: says in time that this node's certificate ends.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/base/result.h"
#include "core/base/time.h"
#include "replication/transport/openssl_certificate.h"

namespace mom::infra {

struct CertificateWatchOptions {
  // Reads the files and checks them at this time; takes a moment. See CheckNodeCertificate.
  std::function<Result<replication::NodeCertificate>(Timestamp now)> check;
  std::function<Timestamp()> now;
  // Lines for the log; must not call back. `is_bad`: the other nodes refuse this one, now or soon.
  std::function<void(bool is_bad, const std::string& text)> tell;
  std::chrono::milliseconds check_pause{10'000};
  std::chrono::milliseconds bad_pause{60'000};            // Between two lines about what is wrong now.
  std::chrono::milliseconds soon_pause{6 * 3600 * 1000};  // Between two lines about what will be.
  int64_t warn_days = 30;
};

// Thread-safe. Looks on a thread of its own, so that a renewal, or one that was forgotten, is seen without a
// restart.
class CertificateWatch {
 public:
  // `first` is what the first check gave.
  CertificateWatch(const replication::NodeCertificate& first, CertificateWatchOptions options);
  ~CertificateWatch();
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  // When the certificate that was read last ends.
  Timestamp until() const { return Timestamp{until_ms_.load()}; }

 private:
  using Clock = std::chrono::steady_clock;
  void Run();
  void Look();
  void TellOnce(bool is_bad, const std::string& text, std::chrono::milliseconds pause);

  const CertificateWatchOptions options_;
  std::atomic<int64_t> until_ms_;
  // Used by the thread only.
  std::string fingerprint_;
  std::string told_;  // What was said last.
  Clock::time_point told_at_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace mom::infra
