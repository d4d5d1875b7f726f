#include "wal/posix_env.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

namespace mom::wal {
namespace {

// std::system_category() instead of strerror(): the latter shares a buffer between threads.
Status ErrnoStatus(int error, std::string_view action, const std::string& path) {
  Status::Code code = Status::kIoError;
  if (error == ENOSPC || error == EDQUOT) code = Status::kNoSpace;
  if (error == ENOENT) code = Status::kNotFound;
  if (error == EWOULDBLOCK) code = Status::kBusy;
  return Status(code, std::string(action) + " " + path + ": " + std::system_category().message(error));
}

// Nothing that failed to be synced may be tried again, not even for lack of room: the system calls the pages
// clean.
Status SyncStatus(int error, std::string_view action, const std::string& path) {
  Status status = ErrnoStatus(error, action, path);
  return status.code() == Status::kNoSpace ? Status(Status::kIoError, status.message()) : status;
}

template <typename Call>
auto RetryInterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    // EINTR is not retried: on Linux the descriptor is gone either way.
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Descriptor OpenDescriptor(const std::string& path, int flags) {
  return Descriptor(RetryInterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0640); }));
}

// "process 1234", from the system's table of locks; "another process" where that does not say, as for one of
// another container.
std::string LockHolder(int fd) {
  struct stat info {};
  std::ifstream table("/proc/locks");
  if (::fstat(fd, &info) != 0) return "another process";
  char file[64];
  std::snprintf(file, sizeof file, "%02x:%02x:%llu", major(info.st_dev), minor(info.st_dev),
                static_cast<unsigned long long>(info.st_ino));
  // 1: FLOCK  ADVISORY  WRITE 1234 08:01:131 0 EOF
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string number, kind, sort, mode, where;
    long pid = 0;
    words >> number >> kind >> sort >> mode >> pid >> where;
    if (words && kind == "FLOCK" && where == file && pid > 0) return "process " + std::to_string(pid);
  }
  return "another process";
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  Result<std::string> ReadAt(uint64_t position, size_t size) override {
    std::string bytes(size, '\0');
    size_t done = 0;
    while (done < size) {
      const ssize_t n = RetryInterrupted([&] {
        return ::pread(descriptor_.get(), bytes.data() + done, size - done,
                       static_cast<off_t>(position + done));
      });
      if (n < 0) return ErrnoStatus(errno, "read", path_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    bytes.resize(done);
    return bytes;
  }

  Status WriteAt(uint64_t position, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = RetryInterrupted([&] {
        return ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(position));
      });
      if (n < 0) return ErrnoStatus(errno, "write", path_);
      bytes.remove_prefix(static_cast<size_t>(n));
      position += static_cast<uint64_t>(n);
    }
    return Status();
  }

  Status Sync() override {
    if (RetryInterrupted([&] { return ::fdatasync(descriptor_.get()); }) != 0) {
      return SyncStatus(errno, "fdatasync", path_);
    }
    return Status();
  }

  Status Allocate(uint64_t size) override {
    int error = EINTR;
    while (error == EINTR) error = ::posix_fallocate(descriptor_.get(), 0, static_cast<off_t>(size));
    if (error != 0) return ErrnoStatus(error, "allocate", path_);
    return Status();
  }

  Status Truncate(uint64_t size) override {
    if (RetryInterrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size)); }) != 0) {
      return ErrnoStatus(errno, "truncate", path_);
    }
    return Status();
  }

 private:
  const std::string path_;
  Descriptor descriptor_;
};

// flock() belongs to the open file, so it also keeps a second Wal of the same process out.
class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

class PosixEnvImpl final : public Env {
 public:
  Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    int flags = O_RDONLY;
    if (mode == OpenMode::kReadWrite) flags = O_RDWR;
    if (mode == OpenMode::kCreate) flags = O_RDWR | O_CREAT | O_TRUNC;
    Descriptor descriptor = OpenDescriptor(path, flags);
    if (!descriptor.valid()) return ErrnoStatus(errno, "open", path);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(path, std::move(descriptor)));
  }

  Result<std::vector<std::string>> ListDir(const std::string& dir) override {
    std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(dir.c_str()), &::closedir);
    if (!stream) return ErrnoStatus(errno, "open folder", dir);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* item = ::readdir(stream.get())) {
      struct stat info {};
      const std::string name = item->d_name;
      if (::stat((dir + "/" + name).c_str(), &info) == 0 && S_ISREG(info.st_mode)) names.push_back(name);
      errno = 0;
    }
    if (errno != 0) return ErrnoStatus(errno, "list", dir);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<uint64_t> FileSize(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "stat", path);
    return static_cast<uint64_t>(info.st_size);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, "rename", from);
    return Status();
  }

  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return ErrnoStatus(errno, "remove", path);
    return Status();
  }

  Status SyncDir(const std::string& dir) override {
    const Descriptor descriptor = OpenDescriptor(dir, O_RDONLY | O_DIRECTORY);
    if (!descriptor.valid()) return ErrnoStatus(errno, "open folder", dir);
    if (RetryInterrupted([&] { return ::fsync(descriptor.get()); }) != 0) {
      return SyncStatus(errno, "fsync folder", dir);
    }
    return Status();
  }

  Status CreateDir(const std::string& dir) override {
    if (::mkdir(dir.c_str(), 0750) != 0 && errno != EEXIST) return ErrnoStatus(errno, "create folder", dir);
    return Status();
  }

  Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    Descriptor descriptor = OpenDescriptor(path, O_RDWR | O_CREAT);
    if (!descriptor.valid()) return ErrnoStatus(errno, "open", path);
    if (RetryInterrupted([&] { return ::flock(descriptor.get(), LOCK_EX | LOCK_NB); }) != 0) {
      const int error = errno;
      if (error == EWOULDBLOCK) {
        return Status(Status::kBusy, "lock " + path + ": held by " + LockHolder(descriptor.get()));
      }
      return ErrnoStatus(error, "lock", path);
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(descriptor)));
  }

  Result<uint64_t> FreeBytes(const std::string& dir) override {
    struct statvfs info {};
    if (RetryInterrupted([&] { return ::statvfs(dir.c_str(), &info); }) != 0) {
      return ErrnoStatus(errno, "statvfs", dir);
    }
    return static_cast<uint64_t>(info.f_bavail) * static_cast<uint64_t>(info.f_frsize);
  }
};

}  // namespace

Env* PosixEnv() {
  static Env* const env = new PosixEnvImpl;
  return env;
}

}  // namespace mom::wal
