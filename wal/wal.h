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
  size_t reserve_bytes =
      64u << 20;           // Space held in a file of its own, given back when the disk is full; may be 0.
  Uuid log_id;             // Whose log it is (the disk id); empty: whatever the files say.
  bool may_create = true;  // False where a log must exist: its absence is then corruption.
};

// An epoch and the offset of its first entry that is still held.
struct EpochBegin {
  Epoch epoch;
  Offset begin;
};

// What opening found and did, for the log line of the start and for tests.
struct RecoveryReport {
  uint64_t segments = 0;
  uint64_t entries = 0;
  uint64_t torn_bytes_cut = 0;
  std::string note;  // One sentence when something was cut; else empty.
  // What the scan saw of epochs and voters, for the protocol; nothing else derives them.
  Epoch start_epoch;                  // Of the entry before log_start(); 0 when there never was one.
  std::vector<EpochBegin> epochs;     // Ascending; the first begins at log_start(), unless the log is empty.
  std::vector<Entry> voters_entries;  // Entries of kind kVoters, ascending.
  // With kCorruption: what to put aside, and the first offset that is not certain.
  std::string damaged_file;
  uint64_t damaged_byte = 0;
  Offset damaged_offset;
};

// Not thread-safe: used by one thread (the WAL thread once started). `env` must outlive it. After the first
// failed write or sync every later mutating call returns that status: a failed fsync is never retried.
class Wal {
 public:
  // Opens or creates the log in `dir` (which must exist). Scans every record of every segment.
  // kCorruption names file and byte for damage that a crash cannot cause, or that lies below what was known
  // durable; a torn tail is cut, synced and reported. kBusy when the log is open already, kWrongOwner when it
  // is another's or of a newer format. `report` may be null.
  static Result<std::unique_ptr<Wal>> Open(Env* env, const std::string& dir, const WalOptions& options,
                                           RecoveryReport* report);
  virtual ~Wal() = default;

  virtual Offset log_start() const = 0;    // First offset still held.
  virtual Offset log_end() const = 0;      // Behind the last one written.
  virtual Offset durable_end() const = 0;  // Behind the last one fsynced; <= log_end().
  virtual Epoch last_epoch() const = 0;  // Epoch of the entry before log_end(); 0 when the log never had one.
  virtual Timestamp last_timestamp() const = 0;  // Timestamp of that entry; 0 when none.

  // Writes entries behind log_end(), without syncing. REQUIRES: offsets contiguous from log_end(), epochs and
  // timestamps not falling. kInvalidArgument for a payload above kEntryPayloadBytesMax or larger than a
  // segment leaves the log as it was; so does kNoSpace, when the disk is full although the reserve was given
  // back, unless the entries span several segments: those below log_end() are written. After kNoSpace the
  // rest can be appended again.
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

  // Syncs, notes durably that everything is durable, and lets go of the folder; only reading works
  // afterwards. A log that is destroyed without it is found as after a crash.
  virtual Status Close() { return Status(); }

  // Whether the next segment should be made now, ahead of time.
  virtual bool WantsNextSegment() const { return false; }
  // Makes it. The one call that another thread may make, at any time. kNoSpace is no disaster: Append tries
  // again.
  virtual Status PrepareNextSegment() { return Status(); }

  // Append gives the reserve back by itself before it says kNoSpace; a node whose reserve is gone refuses to
  // publish. A log made with reserve_bytes 0 misses none. ReleaseReserve() gives it back earlier,
  // RestoreReserve() takes it again (kNoSpace: not yet). Any thread.
  virtual bool reserve_held() const { return true; }
  virtual Status ReleaseReserve() { return Status(); }
  virtual Status RestoreReserve() { return Status(); }
};

}  // namespace mom::wal
