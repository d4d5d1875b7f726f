// Env: files and folders as the log needs them; the port behind which tests put a disk that loses and lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/status.h"

namespace mom::wal {

// An open file. Not thread-safe; different files may be used by different threads. Positions are bytes.
// Destroying closes without syncing. Statuses carry the file's name.
class File {
 public:
  virtual ~File() = default;

  // Reads up to `size` bytes at `position`; fewer only at the end of the file.
  virtual Result<std::string> ReadAt(uint64_t position, size_t size) = 0;
  // Writes all of `bytes` at `position`, growing the file when needed. Not durable before Sync().
  virtual Status WriteAt(uint64_t position, std::string_view bytes) = 0;
  // Makes content and size durable. After a failure the content on disk is unknown: never call it again.
  virtual Status Sync() = 0;
  // Reserves space so that the file has at least `size` bytes; new bytes read as zero. kNoSpace when full.
  virtual Status Allocate(uint64_t size) = 0;
  virtual Status Truncate(uint64_t size) = 0;
};

// Holds an exclusive lock until destroyed. The system lets go of it when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  kRead,       // Must exist.
  kReadWrite,  // Must exist.
  kCreate,     // Created, or emptied when it exists; readable and writable.
};

// Thread-safe. kNotFound for what is missing, kNoSpace for a full disk or quota, kIoError for the rest. Syncs
// never say kNoSpace: what it is said for may be tried again, and a failed sync may not.
class Env {
 public:
  virtual ~Env() = default;

  virtual Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) = 0;
  // Names of regular files in `dir`, sorted, without the folder.
  virtual Result<std::vector<std::string>> ListDir(const std::string& dir) = 0;
  virtual Result<uint64_t> FileSize(const std::string& path) = 0;
  // Replaces `to` when it exists. Durable after SyncDir, like Remove and the creation of a file.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;
  virtual Status SyncDir(const std::string& dir) = 0;
  // Ok when the folder exists already. The parent must exist.
  virtual Status CreateDir(const std::string& dir) = 0;
  // kBusy when another process, or this one, holds it.
  virtual Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) = 0;
  // Bytes that an ordinary user can still write to the file system of `dir`.
  virtual Result<uint64_t> FreeBytes(const std::string& dir) = 0;

  // For who found no room for `path` and can try again: waits a moment. False: do not try again, say
  // kNoSpace. Who waits long must be able to afford it.
  virtual bool AwaitRoom(const std::string& /*path*/) { return false; }
};

}  // namespace mom::wal
