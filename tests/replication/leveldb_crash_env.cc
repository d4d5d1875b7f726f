#include "tests/replication/leveldb_crash_env.h"

#include <unistd.h>

#include <memory>

namespace mom::replication {
namespace {

class TrackedFile final : public leveldb::WritableFile {
 public:
  TrackedFile(LevelDbCrashEnv* env, std::string name, leveldb::WritableFile* file, uint64_t size)
      : env_(env), name_(std::move(name)), file_(file), size_(size) {}
  leveldb::Status Append(const leveldb::Slice& data) override {
    leveldb::Status status = file_->Append(data);
    size_ += data.size();
    env_->Wrote(name_);
    return status;
  }
  leveldb::Status Close() override { return file_->Close(); }
  leveldb::Status Flush() override { return file_->Flush(); }
  leveldb::Status Sync() override {
    leveldb::Status status = file_->Flush();
    if (status.ok()) env_->Synced(name_, size_);
    return status;
  }

 private:
  LevelDbCrashEnv* env_;
  std::string name_;
  std::unique_ptr<leveldb::WritableFile> file_;
  uint64_t size_;
};

}  // namespace

leveldb::Status LevelDbCrashEnv::NewWritableFile(const std::string& name, leveldb::WritableFile** result) {
  leveldb::WritableFile* file = nullptr;
  leveldb::Status status = target()->NewWritableFile(name, &file);
  if (!status.ok()) return status;
  Wrote(name);
  *result = new TrackedFile(this, name, file, 0);
  return status;
}

leveldb::Status LevelDbCrashEnv::NewAppendableFile(const std::string& name, leveldb::WritableFile** result) {
  leveldb::WritableFile* file = nullptr;
  uint64_t size = 0;
  leveldb::Status status = target()->NewAppendableFile(name, &file);
  if (!status.ok()) return status;
  if (!target()->GetFileSize(name, &size).ok()) size = 0;
  *result = new TrackedFile(this, name, file, size);
  return status;
}

leveldb::Status LevelDbCrashEnv::RenameFile(const std::string& from, const std::string& to) {
  leveldb::Status status = target()->RenameFile(from, to);
  std::lock_guard lock(mutex_);
  if (status.ok() && files_.contains(from)) {
    files_[to] = files_[from];
    files_.erase(from);
  }
  return status;
}

leveldb::Status LevelDbCrashEnv::RemoveFile(const std::string& name) {
  std::lock_guard lock(mutex_);
  if (frozen_) return leveldb::Status::OK();  // A removal after the crash never happened.
  files_.erase(name);
  return target()->RemoveFile(name);
}

void LevelDbCrashEnv::Wrote(const std::string& name) {
  std::lock_guard lock(mutex_);
  files_.try_emplace(name, 0);
}

void LevelDbCrashEnv::Synced(const std::string& name, uint64_t size) {
  std::lock_guard lock(mutex_);
  if (!frozen_) files_[name] = size;
}

void LevelDbCrashEnv::Freeze() {
  std::lock_guard lock(mutex_);
  frozen_ = true;
}

void LevelDbCrashEnv::Crash() {
  std::lock_guard lock(mutex_);
  for (const auto& [name, synced] : files_) {
    if (synced == 0) {
      if (!target()->RemoveFile(name).ok()) continue;  // Renamed away meanwhile.
    } else if (truncate(name.c_str(), static_cast<off_t>(synced)) != 0) {
      continue;
    }
  }
  files_.clear();
  frozen_ = false;
}

}  // namespace mom::replication
