// SegmentMaker: makes segment files ahead of time, full size and full of zeros.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "wal/env.h"

namespace mom::wal {

// "00000000000000000042.log"
std::string SegmentName(Offset first);
// False when `name` is not the name of a segment.
bool ParseSegmentName(std::string_view name, Offset* first);

// Overwriting zeros that are on the disk makes fdatasync about twice as fast as growing a file, because no
// metadata changes; and a file that always had its full size shows when it was cut. Thread-safe: a helper
// thread prepares while the WAL thread appends.
class SegmentMaker {
 public:
  SegmentMaker(Env* env, std::string dir, uint64_t segment_bytes);

  // Makes the next file unless it is there. kNoSpace leaves nothing behind.
  Status Prepare();
  bool ready() const { return ready_.load(); }
  // Gives the prepared file, or one made now, its header and its name, durably.
  Result<std::unique_ptr<File>> Take(std::string_view header_sector, Offset first);

 private:
  Status PrepareLocked();
  Status FillWithZeros(File* file);

  Env* const env_;
  const std::string dir_;
  const std::string temporary_;
  const uint64_t segment_bytes_;
  std::mutex mutex_;
  std::unique_ptr<File> file_;  // The prepared file; null when there is none. Guarded by mutex_.
  std::atomic<bool> ready_ = false;
};

}  // namespace mom::wal
