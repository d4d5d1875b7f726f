#include "wal/atomic_file.h"

namespace mom::wal {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::string> ReadWholeFile(Env* env, const std::string& path) {
  Result<std::unique_ptr<File>> file = env->OpenFile(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  Result<uint64_t> size = env->FileSize(path);
  if (!size.ok()) return size.status();
  return (*file)->ReadAt(0, *size);
}

namespace {

// kNoSpace: nothing has changed, and it can be tried again.
Status TryReplaceFile(Env* env, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + std::string(kTemporarySuffix);
  {
    Result<std::unique_ptr<File>> file = env->OpenFile(temporary, OpenMode::kCreate);
    if (!file.ok()) return file.status();
    MOM_RETURN_IF_ERROR((*file)->WriteAt(0, bytes));
    MOM_RETURN_IF_ERROR((*file)->Sync());
  }
  MOM_RETURN_IF_ERROR(env->Rename(temporary, path));
  return env->SyncDir(FolderOf(path));
}

}  // namespace

Status ReplaceFile(Env* env, const std::string& path, std::string_view bytes) {
  for (;;) {
    Status status = TryReplaceFile(env, path, bytes);
    if (status.code() != Status::kNoSpace || !env->AwaitRoom(path)) return status;
  }
}

}  // namespace mom::wal
