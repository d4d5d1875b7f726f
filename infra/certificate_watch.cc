#include "infra/certificate_watch.h"

#include <utility>

#include "wal/this_thread.h"

namespace mom::infra {
namespace {

constexpr int64_t kDayMs = 24LL * 3600 * 1000;

}  // namespace

CertificateWatch::CertificateWatch(const replication::NodeCertificate& first, CertificateWatchOptions options)
    : options_(std::move(options)),
      until_ms_(first.until.ms),
      fingerprint_(first.fingerprint),
      thread_([this] { Run(); }) {}

CertificateWatch::~CertificateWatch() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CertificateWatch::Run() {
  wal::NameThisThread("mom-certificate");
  std::unique_lock lock(mutex_);
  do {
    lock.unlock();
    Look();
    lock.lock();
  } while (!changed_.wait_for(lock, options_.check_pause, [this] { return is_stopping_; }));
}

void CertificateWatch::Look() {
  const Timestamp now = options_.now();
  const auto read = options_.check(now);
  if (!read.ok()) return TellOnce(true, read.status().message(), options_.bad_pause);
  until_ms_ = read->until.ms;
  if (std::exchange(fingerprint_, read->fingerprint) != read->fingerprint) {
    told_.clear();
    options_.tell(false, "this node's certificate was renewed; new connections use it");
  }
  const int64_t days = (read->until.ms - now.ms) / kDayMs;
  if (days >= options_.warn_days) return;
  TellOnce(true,
           "this node's certificate ends in " + std::to_string(days) +
               " days; put renewed files in its place, no restart is needed",
           options_.soon_pause);
}

void CertificateWatch::TellOnce(bool is_bad, const std::string& text, std::chrono::milliseconds pause) {
  const auto now = Clock::now();
  if (text == told_ && now - told_at_ < pause) return;
  told_ = text;
  told_at_ = now;
  options_.tell(is_bad, text);
}

}  // namespace mom::infra
