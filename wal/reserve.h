// Reserve: disk space held in a file of its own, given back when the disk is full.
#pragma once

#include <mutex>
#include <string>

#include "wal/env.h"

namespace mom::wal {

inline constexpr char kReserveName[] = "reserve";

// Thread-safe. With zero bytes it never holds anything.
class Reserve {
 public:
  Reserve(Env* env, std::string dir, uint64_t bytes);

  bool held() const {
    std::lock_guard lock(mutex_);
    return held_;
  }
  bool wanted() const { return bytes_ > 0; }
  // Gives the space back to the file system; ok when it is not held.
  Status Release();
  // Takes the space again; kNoSpace when there is not enough.
  Status Restore();

 private:
  Env* const env_;
  const std::string dir_;
  const std::string path_;
  const uint64_t bytes_;
  mutable std::mutex mutex_;
  bool held_ = false;  // Guarded by mutex_.
};

}  // namespace mom::wal
