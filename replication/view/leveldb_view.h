// LevelDbView: the view on disk. See docs/view_format.md for the keys.
#pragma once

#include <leveldb/db.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/broker/view.h"
#include "replication/view/latest_view.h"
#include "replication/view/record_cache.h"
#include "replication/view/view_pairs.h"

namespace leveldb {
class Cache;
class Env;
class FilterPolicy;
}  // namespace leveldb

namespace mom::replication {

struct LevelDbViewOptions {
  leveldb::Env* env = nullptr;  // Not owned; null: the default one. Tests put a faulty one here.
  size_t write_buffer_bytes =
      64u << 20;  // What is taken soon after it came never leaves it for a table file.
  size_t block_cache_bytes = 64u << 20;
  int open_files_max = 1000;
  std::string cached_tables;  // First letters of the keys whose newest values are kept in memory.
};

// Thread-safe for reading; Write and MakeDurable are called by one thread each. Every value carries a
// checksum of its own next to LevelDB's block checksums, because a damaged cached block can otherwise give a
// wrong value with an OK status. A read that finds damage stops the process: a wrong state must never be
// shown or applied.
//
// What was written is in memory until LevelDB's table for it is full, or MakeDurable() is called: closed or
// crashed before that, the view opens at an earlier batch, as a whole, and its owner applies the log from
// there.
class LevelDbView {
 public:
  // kCorruption: damaged, the caller decides whether it can be rebuilt from the log. kBusy: open elsewhere.
  static Result<std::unique_ptr<LevelDbView>> Open(const std::string& dir, const LevelDbViewOptions& options);
  // Removes the folder, which nobody has open; ok when there is none.
  static Status Remove(const std::string& dir);
  ~LevelDbView();

  // Applies `batch` atomically, in memory: the log is the truth.
  Status Write(const broker::ViewBatch& batch);

  // On ok everything that Write() returned ok for *before this call* survives a power loss, whatever comes
  // later: the memory table is forced into a table file, which LevelDB syncs with its manifest. Takes up to
  // seconds; writes go on meanwhile.
  Status MakeDurable();

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
  explicit LevelDbView(std::string_view cached_tables);

  mutable RecordCache records_;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::Env> env_;
  std::unique_ptr<leveldb::DB> db_;  // Last: goes first.
};

}  // namespace mom::replication
