#include "wal/segment_maker.h"

#include <algorithm>
#include <utility>

#include "wal/atomic_file.h"
#include "wal/log_format.h"
#include "wal/room_env.h"

namespace mom::wal {
namespace {

constexpr uint64_t kZeroChunkBytes = 1u << 20;

}  // namespace

std::string SegmentName(Offset first) {
  std::string digits = std::to_string(first.value);
  return std::string(kSegmentNameDigits - digits.size(), '0') + digits + std::string(kSegmentSuffix);
}

bool ParseSegmentName(std::string_view name, Offset* first) {
  if (name.size() != kSegmentNameDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix))
    return false;
  uint64_t value = 0;
  for (const char digit : name.substr(0, kSegmentNameDigits)) {
    if (digit < '0' || digit > '9') return false;
    value = value * 10 + static_cast<uint64_t>(digit - '0');
  }
  *first = Offset{value};
  return SegmentName(*first) == name;  // Not so when the number overflowed.
}

SegmentMaker::SegmentMaker(Env* env, std::string dir, uint64_t segment_bytes)
    : env_(env),
      dir_(std::move(dir)),
      temporary_(dir_ + "/next-segment" + std::string(kTemporarySuffix)),
      segment_bytes_(segment_bytes) {}

Status SegmentMaker::Prepare() {
  std::lock_guard lock(mutex_);
  return PrepareLocked();
}

Result<std::unique_ptr<File>> SegmentMaker::Take(std::string_view header_sector, Offset first) {
  std::lock_guard lock(mutex_);
  MOM_RETURN_IF_ERROR(PrepareLocked());
  ready_ = false;
  std::unique_ptr<File> file = std::move(file_);
  // Under its final name the file is whole from the first moment: the header is durable before the rename.
  MOM_RETURN_IF_ERROR(file->WriteAt(0, header_sector));
  MOM_RETURN_IF_ERROR(file->Sync());
  MOM_RETURN_IF_ERROR(env_->Rename(temporary_, dir_ + "/" + SegmentName(first)));
  MOM_RETURN_IF_ERROR(env_->SyncDir(dir_));
  return file;
}

Status SegmentMaker::PrepareLocked() {
  if (file_) return Status();
  // A disk that cannot be asked shows below whether it has room.
  const auto free_bytes = env_->FreeBytes(dir_);
  if (free_bytes.ok() && *free_bytes < segment_bytes_ + std::min(kSmallFilesBytes, segment_bytes_ / 8))
    return Status(Status::kNoSpace, temporary_ + ": " + std::to_string(*free_bytes) + " bytes are free");
  Result<std::unique_ptr<File>> file = env_->OpenFile(temporary_, OpenMode::kCreate);
  if (!file.ok()) return file.status();
  Status status = FillWithZeros(file->get());
  if (!status.ok()) {
    file->reset();
    (void)env_->Remove(temporary_);  // Best effort; opening the log removes it too.
    return status;
  }
  file_ = std::move(*file);
  ready_ = true;
  return Status();
}

Status SegmentMaker::FillWithZeros(File* file) {
  // Reserve first: a full disk shows before anything is written, and the file lies in one piece.
  MOM_RETURN_IF_ERROR(file->Allocate(segment_bytes_));
  const std::string zeros(std::min(kZeroChunkBytes, segment_bytes_), '\0');
  for (uint64_t at = 0; at < segment_bytes_; at += zeros.size()) {
    const uint64_t size = std::min<uint64_t>(zeros.size(), segment_bytes_ - at);
    MOM_RETURN_IF_ERROR(file->WriteAt(at, std::string_view(zeros).substr(0, size)));
    // In steps, so that a sync of the log never waits for a whole segment of zeros.
    MOM_RETURN_IF_ERROR(file->Sync());
  }
  return Status();
}

}  // namespace mom::wal
