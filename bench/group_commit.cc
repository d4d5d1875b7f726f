#include "bench/group_commit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "bench/pace.h"

namespace mom::bench {
namespace {

constexpr uint64_t kFileBytes = uint64_t{64} << 20;
using Clock = std::chrono::steady_clock;

Status Failed(const std::string& what) {
  return Status(Status::kIoError, what + ": " + std::strerror(errno));
}

// A file without a name: gone when closed, whatever happens.
class ScratchFile {
 public:
  ~ScratchFile() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

  // Writes zeros over the whole length, so that measured writes only overwrite.
  Status Open(const std::string& directory) {
    std::string name = directory + "/mom-bench-XXXXXX";
    fd_ = mkstemp(name.data());
    if (fd_ < 0) return Failed("making a file in " + directory);
    unlink(name.c_str());
    const std::vector<char> zeros(1 << 20);
    for (uint64_t at = 0; at < kFileBytes; at += zeros.size()) {
      MOM_RETURN_IF_ERROR(WriteAll(zeros.data(), zeros.size(), at));
    }
    if (fsync(fd_) != 0) return Failed("fsync");
    return {};
  }

  Status WriteAll(const char* data, size_t bytes, uint64_t at) {
    while (bytes > 0) {
      const ssize_t written = pwrite(fd_, data, bytes, static_cast<off_t>(at));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Failed("pwrite");
      data += written;
      at += static_cast<uint64_t>(written);
      bytes -= static_cast<size_t>(written);
    }
    return {};
  }

 private:
  int fd_ = -1;
};

}  // namespace

Result<GroupCommitResult> RunGroupCommit(const GroupCommitOptions& options) {
  const size_t batch_bytes = options.record_bytes * options.records_per_sync;
  if (batch_bytes == 0 || batch_bytes > kFileBytes) {
    return Status(Status::kInvalidArgument, "a batch of records must have 1 byte to 64 MiB");
  }
  ScratchFile file;
  MOM_RETURN_IF_ERROR(file.Open(options.directory));
  std::vector<char> batch(batch_bytes);
  GroupCommitResult result;
  uint64_t at = 0;
  const auto begin = Clock::now();
  const auto interval = IntervalOf(options.rate);
  for (auto start = begin; result.seconds < options.seconds; start += interval) {
    std::this_thread::sleep_until(start);
    for (size_t i = 0; i < batch.size(); i += options.record_bytes)
      batch[i] = static_cast<char>(result.records + i);
    if (at + batch_bytes > kFileBytes) at = 0;
    MOM_RETURN_IF_ERROR(file.WriteAll(batch.data(), batch.size(), at));
    const auto before_sync = Clock::now();
    if (fdatasync(file.fd()) != 0) return Failed("fdatasync");
    const auto after_sync = Clock::now();
    result.sync_ns.Record(static_cast<uint64_t>(std::chrono::nanoseconds(after_sync - before_sync).count()));
    at += batch_bytes;
    result.records += options.records_per_sync;
    result.seconds = std::chrono::duration<double>(after_sync - begin).count();
  }
  return result;
}

}  // namespace mom::bench
