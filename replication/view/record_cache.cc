#include "replication/view/record_cache.h"

namespace mom::replication {

RecordCache::RecordCache(std::string_view tables) {
  for (char table : tables) covered_[static_cast<unsigned char>(table)] = true;
}

RecordCache::Found RecordCache::Find(std::string_view key) {
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  if (auto it = shard.records.find(key); it != shard.records.end()) return {true, it->second, shard.version};
  return {false, std::nullopt, shard.version};
}

void RecordCache::Fill(std::string_view key, const std::optional<std::string>& value, uint64_t version) {
  if (value && value->size() > kValueBytesMax) return;
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  if (shard.version != version) return;
  if (shard.records.size() >= kShardRecordsMax) shard.records.clear();
  shard.records.insert_or_assign(std::string(key), value);
}

void RecordCache::Update(const broker::ViewBatch& batch) {
  for (const auto& [key, value] : batch) {
    if (!Covers(key)) continue;
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    ++shard.version;
    auto it = shard.records.find(key);
    if (it == shard.records.end()) continue;
    if (value && value->size() > kValueBytesMax) {
      shard.records.erase(it);
    } else {
      it->second = value;
    }
  }
}

}  // namespace mom::replication
