// Identity: whose data a folder holds, written once when the node is formatted.
#pragma once

#include <string>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "wal/env.h"

namespace mom::wal {

// Format of the data folder as a whole; raised when an older program must not touch it.
inline constexpr uint32_t kDataFormat = 1;

struct Identity {
  Uuid cluster;
  NodeId node;
  Uuid disk;  // Drawn at random when formatted: a replaced disk is another disk.
  uint32_t format = kDataFormat;
  bool operator==(const Identity&) const = default;
};

// kNotFound when the folder was never formatted; kCorruption when damaged; kWrongOwner for a newer format.
Result<Identity> ReadIdentity(Env* env, const std::string& path);
// Durable when ok.
Status WriteIdentity(Env* env, const std::string& path, const Identity& identity);

}  // namespace mom::wal
