#include "replication/view/value_checksum.h"

#include <xxhash.h>

#include <cstdint>
#include <cstring>

namespace mom::replication {
namespace {

uint32_t Checksum(std::string_view key, std::string_view value) {
  const uint64_t seed = XXH3_64bits(key.data(), key.size());
  return static_cast<uint32_t>(XXH3_64bits_withSeed(value.data(), value.size(), seed));
}
static_assert(sizeof(Checksum({}, {})) == kValueChecksumBytes);

}  // namespace

void StoreValue(std::string_view key, std::string_view value, std::string* stored) {
  stored->assign(value);
  const uint32_t checksum = Checksum(key, value);
  stored->append(reinterpret_cast<const char*>(&checksum), kValueChecksumBytes);
}

std::optional<std::string_view> StoredValue(std::string_view key, std::string_view stored) {
  if (stored.size() < kValueChecksumBytes) return std::nullopt;
  const std::string_view value = stored.substr(0, stored.size() - kValueChecksumBytes);
  uint32_t checksum = 0;
  std::memcpy(&checksum, stored.data() + value.size(), kValueChecksumBytes);
  if (checksum != Checksum(key, value)) return std::nullopt;
  return value;
}

}  // namespace mom::replication
