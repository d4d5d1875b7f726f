// OfflineNode: the data folder of a stopped node, opened for reading only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "infra/replay/commands.h"
#include "infra/replay/scratch_env.h"
#include "wal/hard_state.h"
#include "wal/identity.h"
#include "wal/wal.h"

namespace mom::replay {

// The lock of a running node, shared: other readers may come, a node may not start. Taken only on an existing
// file, which it does not change.
class SharedLock {
 public:
  // kBusy when a node runs on the folder. Without a lock file nothing is held.
  static Result<std::unique_ptr<SharedLock>> Take(const std::string& path);
  ~SharedLock();
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

 private:
  explicit SharedLock(int fd) : fd_(fd) {}
  const int fd_;  // -1: none.
};

struct SegmentFile {
  std::string path;
  Offset first;
  uint64_t bytes = 0;
};

// Not thread-safe. What is damaged is a Status of its own, so that the rest can still be looked at.
class OfflineNode {
 public:
  // kInvalidArgument when `dir` is no data folder, kBusy when a node runs on it.
  static Result<std::unique_ptr<OfflineNode>> Open(const std::string& dir);

  const std::string& dir() const { return dir_; }
  // The folder with the view in use, which changes when a snapshot is installed.
  std::string view_dir();
  const Result<wal::Identity>& identity() const { return identity_; }
  // Zeros on a node that never voted.
  const Result<wal::HardState>& hard_state() const { return hard_state_; }

  // Checks every record, and the chain through all segments, as a starting node does; whatever that would
  // repair is repaired in memory. Call once.
  Status OpenLog();
  // After OpenLog() said kCorruption and named a file: cuts the log there, in memory, and opens what lies
  // before.
  Status OpenLogBeforeDamage();
  wal::Wal* log() const { return log_.get(); }  // Null before OpenLog() was ok.
  const wal::RecoveryReport& report() const { return report_; }
  // Files that belong to the log, in order; best effort when the log is damaged.
  std::vector<SegmentFile> Segments();

 private:
  explicit OfflineNode(wal::Env* base) : env_(base) {}

  std::string dir_;
  std::unique_ptr<SharedLock> lock_;
  ScratchEnv env_;
  Result<wal::Identity> identity_ = wal::Identity();
  Result<wal::HardState> hard_state_ = wal::HardState();
  wal::RecoveryReport report_;
  std::unique_ptr<wal::Wal> log_;  // Last: goes before env_.
};

// Opens the log, or what lies before damage in it, which it tells on `err`. The exit code; without a log()
// nothing could be opened.
int OpenLogOrBefore(OfflineNode* node, const Console& console);

// File, byte and offset of the damage that opening the log has found, and why.
std::string DescribeDamage(const Status& status, const wal::RecoveryReport& report);
// One sentence about what a crash left behind the last good record; empty when nothing.
std::string DescribeTornTail(const OfflineNode& node);

}  // namespace mom::replay
