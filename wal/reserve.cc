#include "wal/reserve.h"

#include <utility>

namespace mom::wal {

Reserve::Reserve(Env* env, std::string dir, uint64_t bytes)
    : env_(env), dir_(std::move(dir)), path_(dir_ + "/" + std::string(kReserveName)), bytes_(bytes) {}

Status Reserve::Release() {
  std::lock_guard lock(mutex_);
  if (!held_) return Status();
  MOM_RETURN_IF_ERROR(env_->Remove(path_));
  held_ = false;
  // Journaling file systems free the blocks of a removed file when the removal is committed.
  return env_->SyncDir(dir_);
}

Status Reserve::Restore() {
  std::lock_guard lock(mutex_);
  if (held_ || bytes_ == 0) return Status();
  Result<std::unique_ptr<File>> file = env_->OpenFile(path_, OpenMode::kReadWrite);
  if (!file.ok()) file = env_->OpenFile(path_, OpenMode::kCreate);
  if (!file.ok()) return file.status();
  Status status = (*file)->Allocate(bytes_);
  if (status.ok()) status = (*file)->Truncate(bytes_);  // It may have been larger under other options.
  if (status.ok()) {
    held_ = true;
    return Status();
  }
  file->reset();
  (void)env_->Remove(path_);  // Half a reserve helps nobody.
  return status;
}

}  // namespace mom::wal
