// What both ends of a snapshot transfer sum up.
#pragma once

#include <cstdint>
#include <string_view>

#include "replication/transport/transport.h"

namespace mom::replication {

// Over all pairs of a snapshot in the order of their keys, however they are cut into pieces. Plain value.
struct SnapshotSum {
  uint64_t pairs = 0;
  uint64_t bytes = 0;     // Of keys and values.
  uint64_t checksum = 0;  // XXH3 of each key and each value, each with the one before as its seed.
  void Add(std::string_view key, std::string_view value);
};

// XXH3 over the keys and values of a piece, in order.
uint64_t ChecksumOf(const SnapshotChunk& chunk);

}  // namespace mom::replication
