#include "wal/sealed_file.h"

#include <xxhash.h>

#include <cstring>

#include "wal/atomic_file.h"

namespace mom::wal {
namespace {

constexpr size_t kSealBytes = 24;

uint64_t SealChecksum(std::string_view bytes) {
  const uint64_t magic_hash = XXH3_64bits(bytes.data(), 8);
  return XXH3_64bits_withSeed(bytes.data() + 16, bytes.size() - 16, magic_hash);
}

}  // namespace

std::string Seal(const SealedKind& kind, std::string_view body) {
  std::string bytes(kSealBytes, '\0');
  const auto length = static_cast<uint32_t>(body.size());
  std::memcpy(bytes.data(), &kind.magic, 8);
  std::memcpy(bytes.data() + 16, &kind.format, 4);
  std::memcpy(bytes.data() + 20, &length, 4);
  bytes.append(body);
  const uint64_t checksum = SealChecksum(bytes);
  std::memcpy(bytes.data() + 8, &checksum, 8);
  return bytes;
}

Result<std::string> Unseal(const SealedKind& kind, std::string_view bytes) {
  const std::string name(kind.name);
  if (bytes.size() < kSealBytes) return Status(Status::kCorruption, name + " cut");
  uint64_t magic = 0;
  uint64_t checksum = 0;
  uint32_t format = 0;
  uint32_t length = 0;
  std::memcpy(&magic, bytes.data(), 8);
  std::memcpy(&checksum, bytes.data() + 8, 8);
  std::memcpy(&format, bytes.data() + 16, 4);
  std::memcpy(&length, bytes.data() + 20, 4);
  if (magic != kind.magic) return Status(Status::kCorruption, "no " + name + " at byte 0");
  if (length != bytes.size() - kSealBytes) {
    return Status(Status::kCorruption, name + " of wrong length at byte 20");
  }
  if (checksum != SealChecksum(bytes))
    return Status(Status::kCorruption, name + " has a bad checksum at byte 8");
  if (format != kind.format) {
    return Status(Status::kWrongOwner, name + " of format " + std::to_string(format) +
                                           "; this program reads " + std::to_string(kind.format) +
                                           " only, use the newer one");
  }
  return std::string(bytes.substr(kSealBytes));
}

Result<std::string> ReadSealed(Env* env, const std::string& path, const SealedKind& kind) {
  Result<std::string> bytes = ReadWholeFile(env, path);
  if (!bytes.ok()) return bytes.status();
  Result<std::string> body = Unseal(kind, *bytes);
  if (!body.ok()) return body.status().Annotate(path);
  // The process may have died between the rename and the sync of the folder. Whoever acts on what was read,
  // by a vote for instance, must not see the old content again after a power loss.
  MOM_RETURN_IF_ERROR(env->SyncDir(FolderOf(path)));
  return body;
}

Status WriteSealed(Env* env, const std::string& path, const SealedKind& kind, std::string_view body) {
  return ReplaceFile(env, path, Seal(kind, body)).Annotate("replace " + std::string(kind.name));
}

}  // namespace mom::wal
