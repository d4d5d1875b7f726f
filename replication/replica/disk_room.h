// DiskRoom: whether there is room for what puts more onto the disk. Looks at the disk now and then, and in
// between counts what was let in.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "mom/v1/commands.pb.h"

namespace mom::replication {

// Thread-safe.
class DiskRoom {
 public:
  // `free_bytes` asks the disk: cheap, any thread; 0 when it cannot be asked. Below `free_min_bytes` nothing
  // more is let in.
  DiskRoom(uint64_t free_min_bytes, std::function<uint64_t()> free_bytes);

  // Whether a command of so many bytes may come. Those that came must be told of when they are applied.
  bool Admit(const v1::Command& command, uint64_t bytes, uint64_t pending_bytes);
  // Looks now. `has_reserve`: that of the log is there.
  void Look(bool has_reserve);
  // Somebody found no room.
  void OnLack();

  bool nearly_full() const { return nearly_full_.load(); }
  // Less than twice what must be free: time to give back what can be.
  bool is_scarce() const { return scarce_.load(); }
  bool has_minimum() const { return free_.load() >= free_min_bytes_; }

  // Commands that put more onto the disk and can wait until there is room again.
  static bool IsNeededBy(const v1::Command& command);

 private:
  const uint64_t free_min_bytes_;
  const std::function<uint64_t()> ask_;
  std::atomic<uint64_t> free_{UINT64_MAX};  // When looked at last.
  std::atomic<uint64_t> since_{0};          // Bytes of commands let in since.
  std::atomic<uint64_t> lacks_{0};
  std::atomic<bool> nearly_full_{false};
  std::atomic<bool> scarce_{false};
};

}  // namespace mom::replication
