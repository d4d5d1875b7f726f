#include "wal/log_mark.h"

#include <cstring>

#include "wal/atomic_file.h"
#include "wal/log_format.h"
#include "wal/sealed_file.h"

namespace mom::wal {
namespace {

constexpr SealedKind kMarkKind{"log mark", 0x4b52414d'474f4c4dull, kLogFormat};      // "MLOGMARK"
constexpr SealedKind kHintKind{"durable hint", 0x544e4948'474f4c4dull, kLogFormat};  // "MLOGHINT"

struct MarkBytes {
  uint64_t log_id_high;
  uint64_t log_id_low;
  uint64_t generation;
  uint64_t first_segment;
  uint64_t last_segment;
  uint64_t durable_end;
  int64_t reset_timestamp_ms;
  uint32_t reset_epoch;
  uint32_t pending;
};
static_assert(sizeof(MarkBytes) == 64);

struct HintBytes {
  uint64_t log_id_high;
  uint64_t log_id_low;
  uint64_t generation;
  uint64_t durable_end;
};
static_assert(sizeof(HintBytes) == 32);

template <typename Raw>
std::string_view AsBytes(const Raw& raw) {
  return std::string_view(reinterpret_cast<const char*>(&raw), sizeof(raw));
}

}  // namespace

Result<LogMark> ReadLogMark(Env* env, const std::string& dir) {
  const std::string path = dir + "/" + kLogMarkName;
  Result<std::string> body = ReadSealed(env, path, kMarkKind);
  if (!body.ok()) return body.status();
  MarkBytes raw;
  if (body->size() != sizeof(raw)) return Status(Status::kCorruption, path + ": log mark of wrong size");
  std::memcpy(&raw, body->data(), sizeof(raw));
  LogMark mark;
  mark.log_id = Uuid{raw.log_id_high, raw.log_id_low};
  mark.generation = raw.generation;
  mark.first_segment = Offset{raw.first_segment};
  mark.last_segment = Offset{raw.last_segment};
  mark.durable_end = Offset{raw.durable_end};
  mark.pending = static_cast<PendingWork>(raw.pending);
  mark.reset_epoch = Epoch{raw.reset_epoch};
  mark.reset_timestamp = Timestamp{raw.reset_timestamp_ms};
  if (raw.pending > static_cast<uint32_t>(PendingWork::kReset)) {
    return Status(Status::kCorruption, path + ": unknown pending work");
  }
  return mark;
}

Status WriteLogMark(Env* env, const std::string& dir, const LogMark& mark) {
  const MarkBytes raw{mark.log_id.high,         mark.log_id.low,         mark.generation,
                      mark.first_segment.value, mark.last_segment.value, mark.durable_end.value,
                      mark.reset_timestamp.ms,  mark.reset_epoch.value,  static_cast<uint32_t>(mark.pending)};
  return WriteSealed(env, dir + "/" + kLogMarkName, kMarkKind, AsBytes(raw));
}

Offset DurableHint::Read(Env* env, const std::string& dir, const LogMark& mark) {
  Result<std::string> body = ReadSealed(env, dir + "/" + kDurableHintName, kHintKind);
  HintBytes raw;
  if (!body.ok() || body->size() != sizeof(raw)) return Offset{0};
  std::memcpy(&raw, body->data(), sizeof(raw));
  const bool ours = Uuid{raw.log_id_high, raw.log_id_low} == mark.log_id && raw.generation == mark.generation;
  return ours ? Offset{raw.durable_end} : Offset{0};
}

DurableHint::DurableHint(Env* env, const std::string& dir) {
  const std::string path = dir + "/" + kDurableHintName;
  // An old hint stays readable until it is overwritten.
  Result<std::unique_ptr<File>> file = env->OpenFile(path, OpenMode::kReadWrite);
  if (!file.ok()) file = env->OpenFile(path, OpenMode::kCreate);
  if (file.ok()) file_ = std::move(*file);
}

void DurableHint::Write(const LogMark& mark, Offset durable_end) {
  if (!file_) return;
  const HintBytes raw{mark.log_id.high, mark.log_id.low, mark.generation, durable_end.value};
  const std::string bytes = Seal(kHintKind, AsBytes(raw));
  static_assert(sizeof(HintBytes) < kSectorBytes / 2, "one sector, so that it is never torn");
  if (!file_->WriteAt(0, bytes).ok()) file_.reset();
}

}  // namespace mom::wal
