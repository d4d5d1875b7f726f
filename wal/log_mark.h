// LogMark: a small durable file that says which segments must exist, and what is being cut from the log.
// DurableHint: the cheap, never synced note of how far the log is durable.
#pragma once

#include <memory>
#include <string>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "wal/env.h"

namespace mom::wal {

inline constexpr char kLogMarkName[] = "log.mark";
inline constexpr char kDurableHintName[] = "durable.hint";

// Work that is durable as an intention and is finished, or done again, when the log is opened.
enum class PendingWork : uint32_t {
  kNone = 0,
  kTruncate = 1,  // Remove everything at and behind `durable_end`.
  kReset = 2,     // Remove everything and start at `first_segment`.
};

struct LogMark {
  Uuid log_id;
  uint64_t generation = 1;  // Grows when the log loses its end on purpose; older hints count no more.
  Offset first_segment;     // Name of the oldest segment; older files are left-overs of DropPrefix.
  Offset last_segment;      // Name of the newest segment when this was written; it must exist.
  Offset durable_end;       // Everything below was durable when this was written.
  PendingWork pending = PendingWork::kNone;
  Epoch reset_epoch;  // Of the entry before `first_segment`, while kReset is pending.
  Timestamp reset_timestamp;
};

// kNotFound when there is none, kCorruption when damaged, kWrongOwner for a newer format.
Result<LogMark> ReadLogMark(Env* env, const std::string& dir);
// Durable when ok.
Status WriteLogMark(Env* env, const std::string& dir, const LogMark& mark);

// One sector, overwritten in place after every sync of the log and left to the system to write back: it
// survives the death of the process, and most power losses. Only ever evidence that more was durable; a
// missing, torn or damaged hint says nothing.
class DurableHint {
 public:
  // What the hint of this log and generation says; Offset{0} when it says nothing.
  static Offset Read(Env* env, const std::string& dir, const LogMark& mark);

  // Opens the file for writing. Failures are forgotten: losing evidence loses no data.
  DurableHint(Env* env, const std::string& dir);
  void Write(const LogMark& mark, Offset durable_end);

 private:
  std::unique_ptr<File> file_;  // Null when the hint cannot be written.
};

}  // namespace mom::wal
