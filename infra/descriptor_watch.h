// DescriptorWatch: keeps the process from running out of file descriptors.
//
// At the limit everything fails at once and in the middle: the log cannot begin a segment, which stops the
// node, and gRPC 1.51, whose accept() failed, never accepts a connection again (CVE-2023-4785). So
// connections are refused while there are descriptors left: first those of clients, who can go to another
// node, then those between nodes; what then remains is for the files of log and view.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace mom::infra {

// Descriptors that this process has open, and how many it may have.
uint64_t CountOpenDescriptors();
uint64_t DescriptorLimit();

enum class DescriptorUse { kClient, kPeer };

struct DescriptorWatchOptions {
  uint64_t limit = 0;
  std::function<uint64_t()> count;  // Those open now; takes time with their number.
  // A line for the log, from half of the limit on. May be empty; must not call back.
  std::function<void(const std::string& text)> warn;
  std::chrono::milliseconds count_pause{1000};   // Between two counts, asked or not.
  std::chrono::milliseconds recount_pause{50};   // Before a refusal is thought over.
  std::chrono::milliseconds warn_pause{60'000};  // Between two lines that say no worse.
};

// Thread-safe. Counts on a thread of its own, so that a leak is seen even when nobody connects.
class DescriptorWatch {
 public:
  explicit DescriptorWatch(DescriptorWatchOptions options);
  ~DescriptorWatch();
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;

  // May one more connection or stream be taken? What was admitted since the last count is taken to be open
  // still.
  bool Admits(DescriptorUse use);

  // From how many descriptors on such a connection is refused: 3/4 of the limit for clients, 7/8 for nodes.
  uint64_t MarkOf(DescriptorUse use) const;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Level { kFine, kMany, kClientsRefused, kPeersRefused };

  void Run();
  void CountLocked();
  Level LevelLocked() const;
  void WarnLocked();

  const DescriptorWatchOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  uint64_t counted_ = 0;
  uint64_t admitted_ = 0;  // Since then.
  Clock::time_point counted_at_;
  Clock::time_point warned_at_;
  Level warned_level_ = Level::kFine;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace mom::infra
