#include "replication/view/record_cache.h"

#include <atomic>
#include <utility>

namespace mom::replication {
namespace {

// Where the stamps of the next cache begin: a note that was worked out from one view must not be kept with a
// record of the view that took its place.
uint64_t FirstStamp() {
  static std::atomic<uint64_t> caches{0};
  return (caches.fetch_add(1, std::memory_order_relaxed) + 1) << 48;
}

}  // namespace

RecordCache::RecordCache(std::string_view tables) {
  for (char table : tables) covered_[static_cast<unsigned char>(table)] = true;
  const uint64_t first = FirstStamp();
  for (Shard& shard : shards_) shard.version = first;
}

RecordCache::Found RecordCache::Find(std::string_view key) {
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  const auto it = shard.records.find(key);
  if (it != shard.records.end() && !it->second.is_being_written) {
    const Record& record = it->second;
    return {true, record.value, record.stamp,
            record.note ? std::optional(record.note->number) : std::nullopt};
  }
  return {false, std::nullopt, shard.version, std::nullopt};
}

bool RecordCache::Fill(std::string_view key, const std::optional<std::string>& value, uint64_t version) {
  if (value && value->size() > kValueBytesMax) return false;
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  if (shard.version != version || shard.is_being_written) return false;
  if (shard.records.size() >= kShardRecordsMax) shard.records.clear();
  shard.records.insert_or_assign(std::string(key), Record{value, version, std::nullopt, false});
  return true;
}

void RecordCache::Keep(std::string_view key, uint64_t stamp, LatestView::Note note) {
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  const auto it = shard.records.find(key);
  if (it == shard.records.end() || it->second.is_being_written || it->second.stamp != stamp) return;
  it->second.note = std::move(note);
}

// One reader may see LevelDB before and another one behind the write: were both kept, in whatever order they
// come, the older value could follow the newer one.
void RecordCache::BeginWrite(const broker::ViewBatch& batch) {
  for (const auto& [key, value] : batch) {
    if (!Covers(key)) continue;
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    shard.is_being_written = true;
    const auto it = shard.records.find(key);
    if (it == shard.records.end()) continue;
    Record& record = it->second;
    record.is_being_written = true;
    if (record.note && record.note->is_ended_by(batch)) record.note.reset();
  }
}

// Its first key ends the write for the whole shard: what is read from then on is new.
void RecordCache::EndWrite(const broker::ViewBatch& batch) {
  for (const auto& [key, value] : batch) {
    if (!Covers(key)) continue;
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    ++shard.version;
    shard.is_being_written = false;
    auto it = shard.records.find(key);
    if (it == shard.records.end()) continue;
    if (value && value->size() > kValueBytesMax) {
      shard.records.erase(it);
    } else {
      it->second = Record{value, shard.version, std::move(it->second.note), false};
    }
  }
}

}  // namespace mom::replication
