#include "replication/view/leveldb_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace mom::replication {
namespace {

constexpr size_t kBufferBytes = 64u << 10;

std::string Text(int error) {
  return std::system_category().message(error);
}

leveldb::Status Failed(const std::string& name, int error) {
  return leveldb::Status::IOError(name, Text(error));
}

// Behind the words for a full disk stands something, so that nobody takes it for one.
leveldb::Status SyncFailed(const std::string& name, int error) {
  return leveldb::Status::IOError(name, Text(error) + " while syncing");
}

std::string FolderOf(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? "." : name.substr(0, slash);
}

leveldb::Status SyncFolder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return SyncFailed(folder, errno);
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  return error == 0 ? leveldb::Status() : SyncFailed(folder, error);
}

class GrowingFile final : public leveldb::WritableFile {
 public:
  GrowingFile(std::string name, int descriptor) : name_(std::move(name)), descriptor_(descriptor) {}
  ~GrowingFile() override {
    if (descriptor_ >= 0) (void)GrowingFile::Close();
  }

  leveldb::Status Append(const leveldb::Slice& data) override {
    if (buffer_.size() >= kBufferBytes) {
      if (leveldb::Status status = WriteOut(); !status.ok()) return status;
    }
    buffer_.append(data.data(), data.size());
    return leveldb::Status();
  }
  leveldb::Status Close() override {
    leveldb::Status status = WriteOut();
    if (::close(descriptor_) != 0 && status.ok()) status = SyncFailed(name_, errno);
    descriptor_ = -1;
    return status;
  }
  leveldb::Status Flush() override { return WriteOut(); }
  leveldb::Status Sync() override {
    // A manifest names tables: their folder entries must be durable before it is.
    const std::string base = name_.substr(name_.rfind('/') + 1);
    if (base.starts_with("MANIFEST")) {
      if (leveldb::Status status = SyncFolder(FolderOf(name_)); !status.ok()) return status;
    }
    if (leveldb::Status status = WriteOut(); !status.ok()) return status;
    return ::fdatasync(descriptor_) == 0 ? leveldb::Status() : SyncFailed(name_, errno);
  }

 private:
  leveldb::Status WriteOut() {
    size_t done = 0;
    int error = 0;
    while (done < buffer_.size() && error == 0) {
      const ssize_t written = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
      if (written >= 0) done += static_cast<size_t>(written);
      if (written < 0 && errno != EINTR) error = errno;
    }
    buffer_.erase(0, done);
    return error == 0 ? leveldb::Status() : Failed(name_, error);
  }

  const std::string name_;
  int descriptor_;
  std::string buffer_;
};

class Files final : public leveldb::EnvWrapper {
 public:
  Files() : leveldb::EnvWrapper(leveldb::Env::Default()) {}

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override {
    const int descriptor = ::open(name.c_str(), O_TRUNC | O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    *result = nullptr;
    if (descriptor < 0) return Failed(name, errno);
    *result = new GrowingFile(name, descriptor);  // LevelDB takes it over.
    return leveldb::Status();
  }
};

}  // namespace

leveldb::Env* ViewFiles() {
  static leveldb::Env* const env = new Files;
  return env;
}

bool IsNoRoom(const leveldb::Status& status) {
  if (!status.IsIOError()) return false;
  const std::string text = status.ToString();
  return text.ends_with(Text(ENOSPC)) || text.ends_with(Text(EDQUOT));
}

}  // namespace mom::replication
