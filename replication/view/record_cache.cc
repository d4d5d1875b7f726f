#include "replication/view/record_cache.h"

namespace mom::replication {

RecordCache::RecordCache(std::string_view tables) {
  for (char table : tables) covered_[static_cast<unsigned char>(table)] = true;
}

RecordCache::Found RecordCache::Find(std::string_view key) {
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  const auto it = shard.records.find(key);
  if (it != shard.records.end() && !it->second.is_being_written) {
    return {true, it->second.value, shard.version};
  }
  return {false, std::nullopt, shard.version};
}

void RecordCache::Fill(std::string_view key, const std::optional<std::string>& value, uint64_t version) {
  if (value && value->size() > kValueBytesMax) return;
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  if (shard.version != version || shard.is_being_written) return;
  if (shard.records.size() >= kShardRecordsMax) shard.records.clear();
  shard.records.insert_or_assign(std::string(key), Record{value});
}

// One reader may see LevelDB before and another one behind the write: were both kept, in whatever order they
// come, the older value could follow the newer one.
void RecordCache::BeginWrite(const broker::ViewBatch& batch) {
  for (const auto& [key, value] : batch) {
    if (!Covers(key)) continue;
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    shard.is_being_written = true;
    if (auto it = shard.records.find(key); it != shard.records.end()) it->second.is_being_written = true;
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
      it->second = Record{value};
    }
  }
}

}  // namespace mom::replication
