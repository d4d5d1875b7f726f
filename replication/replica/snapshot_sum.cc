#include "replication/replica/snapshot_sum.h"

#include <xxhash.h>

namespace mom::replication {

void SnapshotSum::Add(std::string_view key, std::string_view value) {
  ++pairs;
  bytes += key.size() + value.size();
  checksum = XXH3_64bits_withSeed(key.data(), key.size(), checksum);
  checksum = XXH3_64bits_withSeed(value.data(), value.size(), checksum);
}

uint64_t ChecksumOf(const SnapshotChunk& chunk) {
  uint64_t hash = chunk.pairs.size();
  for (const auto& [key, value] : chunk.pairs) {
    hash = XXH3_64bits_withSeed(key.data(), key.size(), hash);
    hash = XXH3_64bits_withSeed(value.data(), value.size(), hash);
  }
  return hash;
}

}  // namespace mom::replication
