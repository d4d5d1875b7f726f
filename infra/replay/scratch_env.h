// ScratchEnv: an Env whose writes go to memory, over files that are never touched.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "wal/env.h"

namespace mom::replay {

// Everything that is written, renamed or removed is seen by later reads and is gone with the Env. A file is
// copied into memory as a whole when it is first written. Locks keep out users of this Env only. Thread-safe.
// `base` must outlive it, and its files must not change meanwhile.
class ScratchEnv final : public wal::Env {
 public:
  explicit ScratchEnv(wal::Env* base) : base_(base) {}

  Result<std::unique_ptr<wal::File>> OpenFile(const std::string& path, wal::OpenMode mode) override;
  Result<std::vector<std::string>> ListDir(const std::string& dir) override;
  Result<uint64_t> FileSize(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status SyncDir(const std::string& dir) override;
  Status CreateDir(const std::string& dir) override;
  Result<std::unique_ptr<wal::FileLock>> LockFile(const std::string& path) override;
  Result<uint64_t> FreeBytes(const std::string& dir) override { return base_->FreeBytes(dir); }

  // Whether anything differs from `base`, for tests.
  bool changed() const;

 private:
  friend class ScratchFile;
  friend class ScratchLock;

  struct Inode {
    std::string base_path;  // Where the content is while it is not copied.
    bool copied = false;
    std::string bytes;  // The content once copied.
  };
  using InodePtr = std::shared_ptr<Inode>;

  Result<InodePtr> Find(const std::string& path);  // REQUIRES: mutex_ held, like all below.
  Status Copy(Inode* inode);
  Result<uint64_t> SizeOf(const Inode& inode);

  wal::Env* const base_;
  mutable std::mutex mutex_;
  std::map<std::string, InodePtr> names_;  // Only what was changed or opened for writing; null: removed.
  std::set<std::string> dirs_;             // Created here.
  std::set<std::string> locks_;
};

}  // namespace mom::replay
