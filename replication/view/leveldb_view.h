// LevelDbView: the view on disk. See docs/view_format.md for the keys.
#pragma once

#include <leveldb/db.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/broker/view.h"
#include "replication/view/latest_view.h"
#include "replication/view/leveldb_env.h"
#include "replication/view/record_cache.h"
#include "replication/view/view_pairs.h"

namespace leveldb {
class Cache;
class Env;
class FilterPolicy;
}  // namespace leveldb

namespace mom::replication {

struct LevelDbViewOptions {
  leveldb::Env* env = nullptr;  // Not owned; null: ViewFiles(). Tests put a faulty one here.
  ViewRoom room;                // What to do on a full disk.
  size_t write_buffer_bytes =
      64u << 20;                  // What is taken soon after it came never leaves it for a table file.
  size_t table_bytes = 8u << 20;  // Of tables that others were merged into.
  size_t block_cache_bytes = 64u << 20;
  int open_files_max = 1000;
  std::string cached_tables;  // First letters of the keys whose newest values are kept in memory.
};

// Thread-safe for reading; Write is called by one thread, MakeDurable and Shrink by another. Every value
// carries a checksum of its own next to LevelDB's block checksums, because a damaged cached block can
// otherwise give a wrong value with an OK status. A read that finds damage stops the process: a wrong state
// must never be shown or applied.
//
// What was written is in memory until LevelDB's table for it is full, or MakeDurable() is called: closed or
// crashed before that, the view opens at an earlier batch, as a whole, and its owner applies the log from
// there.
class LevelDbView {
 public:
  // kNoSpace: the disk is full, try again later. kCorruption: damaged, the caller decides whether it can be
  // rebuilt from the log. kBusy: open elsewhere.
  static Result<std::unique_ptr<LevelDbView>> Open(const std::string& dir, const LevelDbViewOptions& options);
  // Removes the folder, which nobody has open; ok when there is none.
  static Status Remove(const std::string& dir);
  ~LevelDbView();

  // Applies `batch` atomically, in memory: the log is the truth. Waits while LevelDB's memory is full and the
  // disk, too. kNoSpace: of a view that does not wait; close it.
  Status Write(const broker::ViewBatch& batch);

  // On ok everything that Write() returned ok for *before this call* survives a power loss, whatever comes
  // later: the memory table is forced into a table file, which LevelDB syncs with its manifest. Takes up to
  // seconds; writes go on meanwhile.
  Status MakeDurable();

  // Gives the disk back what was deleted since the last call, as far as there is room to work in. Takes up to
  // minutes; writes go on meanwhile, and GiveUp() ends it early.
  void Shrink();
  // Nobody waits for room any more: what cannot be written is lost here, and applied again by the next start.
  // Any thread.
  void GiveUp();

  // A frozen state. Must not outlive the view.
  std::unique_ptr<broker::ViewReader> Snapshot() const;
  // Single records of the tables in `cached_tables` come from memory, and only they have stamps and notes.
  // Must not outlive the view.
  std::unique_ptr<LatestView> Latest() const;

  // Newest record and frozen state for who must not end with the process when the disk gives wrong bytes.
  // kCorruption, kIoError. What they give must not outlive the view.
  Result<std::optional<std::string>> GetChecked(std::string_view key) const;
  std::unique_ptr<ViewPairs> FrozenPairs() const;

  uint64_t ApproximateBytes() const;

 private:
  struct Range {
    std::string first, last;
  };
  LevelDbView(const std::string& dir, const LevelDbViewOptions& options);
  void NoteDeleted(const broker::ViewBatch& batch);
  bool HasRoomToShrink() const;
  Status Translate(const leveldb::Status& status) const;

  const std::string dir_;
  const ViewRoom room_;
  const uint64_t table_bytes_;
  std::atomic<bool> gave_up_{false};
  std::mutex mutex_;
  std::map<char, Range> deleted_;  // By table letter, since Shrink(). Guarded by mutex_.
  mutable RecordCache records_;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<ViewEnv> env_;
  std::unique_ptr<leveldb::DB> db_;  // Last: goes first.
};

}  // namespace mom::replication
