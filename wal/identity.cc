#include "wal/identity.h"

#include <cstring>

#include "wal/sealed_file.h"

namespace mom::wal {
namespace {

constexpr SealedKind kIdentityKind{"identity", 0x5954444e'494d4f4dull, 1};  // "MOMINDTY"

struct IdentityBytes {
  uint64_t cluster_high;
  uint64_t cluster_low;
  uint64_t disk_high;
  uint64_t disk_low;
  uint32_t node;
  uint32_t format;
};
static_assert(sizeof(IdentityBytes) == 40);

}  // namespace

Result<Identity> ReadIdentity(Env* env, const std::string& path) {
  Result<std::string> body = ReadSealed(env, path, kIdentityKind);
  if (!body.ok()) return body.status();
  if (body->size() != sizeof(IdentityBytes))
    return Status(Status::kCorruption, path + ": identity of wrong size");
  IdentityBytes raw;
  std::memcpy(&raw, body->data(), sizeof(raw));
  if (raw.format > kDataFormat) {
    return Status(Status::kWrongOwner, path + ": data of format " + std::to_string(raw.format) +
                                           "; this program knows " + std::to_string(kDataFormat) +
                                           " at most, use the newer one");
  }
  return Identity{Uuid{raw.cluster_high, raw.cluster_low}, NodeId{raw.node},
                  Uuid{raw.disk_high, raw.disk_low}, raw.format};
}

Status WriteIdentity(Env* env, const std::string& path, const Identity& identity) {
  const IdentityBytes raw{identity.cluster.high, identity.cluster.low, identity.disk.high,
                          identity.disk.low,     identity.node.value,  identity.format};
  return WriteSealed(env, path, kIdentityKind, {reinterpret_cast<const char*>(&raw), sizeof(raw)});
}

}  // namespace mom::wal
