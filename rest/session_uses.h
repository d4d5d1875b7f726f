// SessionUses: when this node last took a request of a session. In memory only, for writing it down would
// make every read a write: a node that was restarted, or took nothing of a session, does not know.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace mom::rest {

// Thread-safe and without locks, since every request passes here: a fixed table in which a session has one
// place, shared with few others. Who comes later takes the place; the other's last use is not known then.
// Exact to the second.
class SessionUses {
 public:
  SessionUses() : places_(kPlaces) {}

  // `token_hash` has 32 bytes that are as good as random.
  void Note(std::string_view token_hash, Timestamp now) {
    const uint64_t use = UseOf(token_hash, now);
    std::atomic<uint64_t>& place = places_[PlaceOf(token_hash)];
    if (place.load(std::memory_order_relaxed) != use) place.store(use, std::memory_order_relaxed);
  }

  std::optional<Timestamp> LastUse(std::string_view token_hash) const {
    const uint64_t use = places_[PlaceOf(token_hash)].load(std::memory_order_relaxed);
    if (use == 0 || use >> 32 != UseOf(token_hash, Timestamp{0}) >> 32) return std::nullopt;
    return Timestamp{static_cast<int64_t>(use & UINT32_MAX) * 1000};
  }

 private:
  static constexpr size_t kPlaces = 1u << 16;  // 512 KiB.

  static uint64_t Word(std::string_view token_hash, size_t at) {
    uint64_t word = 0;
    std::memcpy(&word, token_hash.data() + at, sizeof word);
    return word;
  }
  static size_t PlaceOf(std::string_view token_hash) { return Word(token_hash, 0) % kPlaces; }
  // 32 bits of the hash, then the seconds since 1970: one word, so that the two cannot be of different uses.
  static uint64_t UseOf(std::string_view token_hash, Timestamp now) {
    return (Word(token_hash, 8) << 32) | (static_cast<uint64_t>(now.ms / 1000) & UINT32_MAX);
  }

  std::vector<std::atomic<uint64_t>> places_;
};

}  // namespace mom::rest
