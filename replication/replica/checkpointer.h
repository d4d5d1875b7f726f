// Checkpointer: makes the view durable now and then, so that the log's prefix below may go; and gives back
// what it can of a disk that is nearly full.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "replication/view/leveldb_view.h"

namespace mom::replication {

// Thread-safe. `view` must outlive it.
class Checkpointer {
 public:
  // `drop(to)`: everything below `to` is durable in the view and beyond what is to be kept.
  Checkpointer(LevelDbView* view, uint64_t retain_bytes, std::function<void(Offset to)> drop,
               std::function<void(const Status&)> failed);
  ~Checkpointer();  // Stop().
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  void Start();
  void Stop();
  // The view holds everything below `applied_end`; `bytes` more of log are in it than at the last call.
  void Applied(Offset applied_end, uint64_t bytes);
  // Disk is scarce: drops all of the log that the view holds, whatever was to be kept, and shrinks the view.
  // Soon; not when nothing was applied since the last time, and never more than a fifth of the time.
  void GiveDiskBack();

 private:
  struct Mark {  // Everything below `end` is `bytes` of log, counted from the start of the process.
    Offset end;
    uint64_t bytes;
  };
  struct Task {
    Offset to;
    bool shrinks = false;
  };
  void Run();
  std::optional<Task> NextLocked();

  LevelDbView* const view_;
  const uint64_t retain_bytes_;
  const uint64_t step_bytes_;
  const std::function<void(Offset)> drop_;
  const std::function<void(const Status&)> failed_;

  std::mutex mutex_;
  std::condition_variable wake_;
  // All guarded by mutex_.
  std::deque<Mark> marks_;
  uint64_t bytes_ = 0;
  uint64_t bytes_marked_ = 0;
  bool due_ = false;
  Offset applied_end_;
  Offset given_back_;  // What was applied up to here has given back what it can.
  bool scarce_ = false;
  std::chrono::steady_clock::time_point may_give_back_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mom::replication
