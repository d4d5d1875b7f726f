#include "replication/transport/rare_log.h"

#include <utility>

namespace mom::replication {
namespace {

constexpr std::chrono::seconds kPause{10};
constexpr size_t kSubjectsMax = 64;

}  // namespace

void RareLog::Warn(const std::string& subject, const std::string& text) {
  if (!sink_) return;
  const auto now = std::chrono::steady_clock::now();
  uint64_t left_out = 0;
  {
    std::lock_guard lock(mutex_);
    auto [it, is_new] = subjects_.try_emplace(subjects_.size() < kSubjectsMax ? subject : "other peers");
    Subject& known = it->second;
    if (!is_new && now - known.written < kPause) {
      ++known.left_out;
      return;
    }
    left_out = std::exchange(known.left_out, 0);
    known.written = now;
  }
  sink_(LogLevel::kWarning,
        left_out == 0 ? text : text + " (and " + std::to_string(left_out) + " times before)");
}

}  // namespace mom::replication
