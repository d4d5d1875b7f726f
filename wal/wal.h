// Wal: the durable log of one node as files in one folder. See docs/log_format.md.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "wal/env.h"

namespace mom::wal {

struct WalOptions {
  size_t segment_bytes = 64u << 20;  // Preallocated size of a segment file.
  size_t reserve_bytes = 64u << 20;  // Space held in a file of its own, given back when the disk is full.
};

// What opening found and did, for the log line of the start and for tests.
struct RecoveryReport {
  uint64_t segments = 0;
  uint64_t entries = 0;
  uint64_t torn_bytes_cut = 0;
  std::string note;  // One sentence when something was cut; else empty.
};

// Not thread-safe: used by one thread (the WAL thread once started). `env` must outlive it. After the first
// failed write or sync every later mutating call returns that status: a failed fsync is never retried.
class Wal {
 public:
  // Opens or creates the log in `dir` (which must exist). Scans every record of every segment.
  // kCorruption names file and byte when records are damaged and valid ones follow, or when damage lies below
  // what was known durable; a torn tail is cut, synced and reported.
  static Result<std::unique_ptr<Wal>> Open(Env* env, const std::string& dir, const WalOptions& options,
                                           RecoveryReport* report);
  virtual ~Wal() = default;

  virtual Offset log_start() const = 0;    // First offset still held.
  virtual Offset log_end() const = 0;      // Behind the last one written.
  virtual Offset durable_end() const = 0;  // Behind the last one fsynced; <= log_end().
  virtual Epoch last_epoch() const = 0;    // Epoch of the entry before log_end(); 0 when the log never had one.
  virtual Timestamp last_timestamp() const = 0;  // Timestamp of that entry; 0 when none.

  // Writes entries behind log_end(), without syncing. REQUIRES: offsets contiguous from log_end(), epochs and
  // timestamps not falling, payloads <= kEntryPayloadBytesMax.
  virtual Status Append(std::span<const Entry> entries) = 0;
  // Makes everything appended durable: on ok durable_end() == log_end().
  virtual Status Sync() = 0;
  // Reads entries of [from, end), stopping after `max_bytes`, but always at least one. Verifies checksums.
  // REQUIRES: log_start() <= from < log_end().
  virtual Result<std::vector<Entry>> Read(Offset from, size_t max_bytes) = 0;
  // Removes entries at and behind `to`, durably. REQUIRES: log_start() <= to < log_end(), nothing unsynced.
  virtual Status TruncateSuffix(Offset to) = 0;
  // Removes whole segments below `to`; log_start() moves at most to `to`. Caller proves the view holds them.
  virtual Status DropPrefix(Offset to) = 0;
  // Empties the log and starts it at `start` whose entry before has `epoch` (after a snapshot install).
  virtual Status Reset(Offset start, Epoch epoch, Timestamp timestamp) = 0;
  // Bytes of all segment files.
  virtual uint64_t bytes() const = 0;
  // Number of fsyncs of log data since opening.
  virtual uint64_t sync_count() const = 0;
};

}  // namespace mom::wal
