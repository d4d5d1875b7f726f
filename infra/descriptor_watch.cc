#include "infra/descriptor_watch.h"

#include <dirent.h>
#include <sys/resource.h>

#include <utility>

#include "wal/this_thread.h"

namespace mom::infra {

uint64_t CountOpenDescriptors() {
  DIR* const dir = opendir("/proc/self/fd");
  if (dir == nullptr) return DescriptorLimit();  // For lack of a descriptor, as far as anybody knows.
  uint64_t entries = 0;
  while (readdir(dir) != nullptr) ++entries;
  closedir(dir);
  constexpr uint64_t kNotDescriptors = 3;  // ".", ".." and the folder's own.
  return entries - kNotDescriptors;
}

uint64_t DescriptorLimit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

DescriptorWatch::DescriptorWatch(DescriptorWatchOptions options) : options_(std::move(options)) {
  {
    std::lock_guard lock(mutex_);
    CountLocked();
  }
  thread_ = std::thread([this] { Run(); });
}

DescriptorWatch::~DescriptorWatch() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

uint64_t DescriptorWatch::MarkOf(DescriptorUse use) const {
  return use == DescriptorUse::kClient ? options_.limit / 4 * 3 : options_.limit / 8 * 7;
}

// Most of those that were admitted since the last count may be gone again, so a refusal asks for a new one.
bool DescriptorWatch::Admits(DescriptorUse use) {
  std::lock_guard lock(mutex_);
  const uint64_t mark = MarkOf(use);
  if (counted_ + admitted_ >= mark && Clock::now() - counted_at_ >= options_.recount_pause) CountLocked();
  if (counted_ + admitted_ >= mark) return false;
  ++admitted_;
  return true;
}

void DescriptorWatch::Run() {
  wal::NameThisThread("mom-descriptors");
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, options_.count_pause, [this] { return is_stopping_; })) CountLocked();
}

void DescriptorWatch::CountLocked() {
  counted_ = options_.count();
  admitted_ = 0;
  counted_at_ = Clock::now();
  WarnLocked();
}

DescriptorWatch::Level DescriptorWatch::LevelLocked() const {
  if (counted_ >= MarkOf(DescriptorUse::kPeer)) return Level::kPeersRefused;
  if (counted_ >= MarkOf(DescriptorUse::kClient)) return Level::kClientsRefused;
  return counted_ >= options_.limit / 2 ? Level::kMany : Level::kFine;
}

// What got worse is told at once.
void DescriptorWatch::WarnLocked() {
  const Level level = LevelLocked();
  const bool is_old = level <= warned_level_ && counted_at_ - warned_at_ < options_.warn_pause;
  if (!options_.warn || level == Level::kFine || is_old) return;
  warned_level_ = level;
  warned_at_ = counted_at_;
  std::string text =
      std::to_string(counted_) + " of " + std::to_string(options_.limit) + " file descriptors are open";
  if (level == Level::kClientsRefused) text += "; new connections of clients are refused";
  if (level == Level::kPeersRefused) text += "; new connections of clients and to other nodes are refused";
  options_.warn(text);
}

}  // namespace mom::infra
