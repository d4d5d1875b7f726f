// RoomEnv: an Env whose users wait for room on a full disk instead of failing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "wal/env.h"

namespace mom::wal {

// What is to be left on the disk for small files (marks, the hard state, manifests) by everything that writes
// large ones: they are written as long as there is any room at all.
inline constexpr uint64_t kSmallFilesBytes = 1u << 20;

// Files are those of `base`, which must outlive it. Until BePatient() nobody waits. Thread-safe.
class RoomEnv final : public Env {
 public:
  explicit RoomEnv(Env* base) : base_(base) {}

  // From now on who lacks room waits. `lacking(path)` is called on their threads whenever they found none,
  // some twenty times a second; it may make room and must not wait itself.
  void BePatient(std::function<void(const std::string& path)> lacking);
  // From now on nobody waits, nor is `lacking` called once this has returned. For the end.
  void GiveUp();

  bool AwaitRoom(const std::string& path) override;

  Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    return base_->OpenFile(path, mode);
  }
  Result<std::vector<std::string>> ListDir(const std::string& dir) override { return base_->ListDir(dir); }
  Result<uint64_t> FileSize(const std::string& path) override { return base_->FileSize(path); }
  Status Rename(const std::string& from, const std::string& to) override { return base_->Rename(from, to); }
  Status Remove(const std::string& path) override { return base_->Remove(path); }
  Status SyncDir(const std::string& dir) override { return base_->SyncDir(dir); }
  Status CreateDir(const std::string& dir) override { return base_->CreateDir(dir); }
  Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    return base_->LockFile(path);
  }
  Result<uint64_t> FreeBytes(const std::string& dir) override { return base_->FreeBytes(dir); }

 private:
  Env* const base_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool patient_ = false;  // Guarded by mutex_, like the next.
  std::function<void(const std::string&)> lacking_;
};

}  // namespace mom::wal
