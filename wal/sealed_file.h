// Small files with a checksum, a kind and a format number: log mark, hard state, identity.
#pragma once

#include <string>
#include <string_view>

#include "wal/env.h"

namespace mom::wal {

struct SealedKind {
  std::string_view name;  // For messages: "hard state".
  uint64_t magic;
  uint32_t format;
};

// Bytes: magic(8) checksum(8) format(4) body length(4) body. The checksum, XXH3-64, covers all but itself.
std::string Seal(const SealedKind& kind, std::string_view body);

// The body. kCorruption for damage; kWrongOwner when undamaged but of a newer format.
Result<std::string> Unseal(const SealedKind& kind, std::string_view bytes);

// What was read is durable. kNotFound when there is no such file; messages name it.
Result<std::string> ReadSealed(Env* env, const std::string& path, const SealedKind& kind);
// Replaces the file in one step; durable when ok.
Status WriteSealed(Env* env, const std::string& path, const SealedKind& kind, std::string_view body);

}  // namespace mom::wal
