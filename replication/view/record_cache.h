// RecordCache: newest values of small, often read records of the view, ahead of LevelDB.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/broker/view.h"
#include "replication/view/latest_view.h"

namespace mom::replication {

// Thread-safe. Holds keys of the given tables only (first letters of keys, see docs/view_format.md) and
// forgets a whole shard when it is full. Never stale, and never back at an older value: while a batch is
// being written, from BeginWrite() to EndWrite(), its keys are looked up in LevelDB, and of what was read
// before the end nothing is kept.
class RecordCache {
 public:
  struct Found {
    bool hit = false;
    std::optional<std::string> value;  // On a hit; empty: the view holds no such key.
    // On a miss: for Fill(). On a hit: the stamp of LatestView::Record, of no other cache in this process.
    uint64_t version = 0;
    std::optional<int64_t> note;  // On a hit.
  };

  explicit RecordCache(std::string_view tables);

  bool Covers(std::string_view key) const {
    return !key.empty() && covered_[static_cast<unsigned char>(key[0])];
  }
  // REQUIRES: Covers(key), here and below.
  Found Find(std::string_view key);
  // Keeps what LevelDB answered after a miss, unless a batch was written since; true when kept, with
  // `version` as its stamp.
  bool Fill(std::string_view key, const std::optional<std::string>& value, uint64_t version);
  // As LatestView::Keep().
  void Keep(std::string_view key, uint64_t stamp, LatestView::Note note);
  // LevelDB is about to be given `batch`, and has it. Called by the one writer. A batch that LevelDB refused
  // is never ended: its keys stay with LevelDB.
  void BeginWrite(const broker::ViewBatch& batch);
  void EndWrite(const broker::ViewBatch& batch);

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kShardRecordsMax = 1024;
  static constexpr size_t kValueBytesMax = 16u << 10;

  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  struct Record {
    std::optional<std::string> value;
    uint64_t stamp = 0;  // The shard's version when the value came.
    std::optional<LatestView::Note> note;
    bool is_being_written = false;  // And `value` may be the one before.
  };
  struct Shard {
    std::mutex mutex;
    uint64_t version = 0;  // Guarded by mutex, like the next two. Grows at the end of a write.
    bool is_being_written = false;
    std::unordered_map<std::string, Record, Hash, std::equal_to<>> records;
  };

  Shard& ShardOf(std::string_view key) { return shards_[Hash()(key) % kShards]; }

  std::array<bool, 256> covered_{};
  std::array<Shard, kShards> shards_;
};

}  // namespace mom::replication
