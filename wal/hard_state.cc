#include "wal/hard_state.h"

#include <cstring>

#include "wal/sealed_file.h"

namespace mom::wal {
namespace {

constexpr SealedKind kHardStateKind{"hard state", 0x54535244'484d4f4dull, 1};  // "MOMHDRST"

struct HardStateBytes {
  uint32_t epoch;
  uint32_t voted_for;
  uint64_t voted_for_disk_high;
  uint64_t voted_for_disk_low;
  uint32_t leader;
  uint32_t reserved;
};
static_assert(sizeof(HardStateBytes) == 32);

}  // namespace

Result<HardState> ReadHardState(Env* env, const std::string& path) {
  Result<std::string> body = ReadSealed(env, path, kHardStateKind);
  if (!body.ok()) return body.status();
  if (body->size() != sizeof(HardStateBytes))
    return Status(Status::kCorruption, path + ": hard state of wrong size");
  HardStateBytes raw;
  std::memcpy(&raw, body->data(), sizeof(raw));
  return HardState{Epoch{raw.epoch}, NodeId{raw.voted_for},
                   Uuid{raw.voted_for_disk_high, raw.voted_for_disk_low}, NodeId{raw.leader}};
}

Status WriteHardState(Env* env, const std::string& path, const HardState& state) {
  const HardStateBytes raw{state.epoch.value,        state.voted_for.value, state.voted_for_disk.high,
                           state.voted_for_disk.low, state.leader.value,    0};
  return WriteSealed(env, path, kHardStateKind, {reinterpret_cast<const char*>(&raw), sizeof(raw)});
}

}  // namespace mom::wal
