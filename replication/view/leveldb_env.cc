#include "replication/view/leveldb_env.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string_view>
#include <utility>

#include "wal/this_thread.h"

namespace mom::replication {
namespace {

// LevelDB's files gather 64 KiB before they write: of these a step is a multiple, so that all of it is with
// the system once there is more.
constexpr uint64_t kStepBytes = 256u << 10;

class Discarded final : public leveldb::WritableFile {
 public:
  leveldb::Status Append(const leveldb::Slice&) override { return leveldb::Status(); }
  leveldb::Status Close() override { return leveldb::Status(); }
  leveldb::Status Flush() override { return leveldb::Status(); }
  leveldb::Status Sync() override { return leveldb::Status(); }
};

class GrowingTable final : public leveldb::WritableFile {
 public:
  GrowingTable(std::string name, leveldb::WritableFile* file, const BeginWriteOut* begin_write_out)
      : name_(std::move(name)), file_(file), begin_write_out_(begin_write_out) {}

  leveldb::Status Append(const leveldb::Slice& data) override {
    const leveldb::Status status = file_->Append(data);
    written_ += data.size();
    for (; begun_ + kStepBytes < written_; begun_ += kStepBytes)
      (*begin_write_out_)(name_, begun_, kStepBytes);
    return status;
  }
  leveldb::Status Close() override { return file_->Close(); }
  leveldb::Status Flush() override { return leveldb::Status(); }
  leveldb::Status Sync() override { return file_->Sync(); }

 private:
  const std::string name_;
  const std::unique_ptr<leveldb::WritableFile> file_;
  const BeginWriteOut* const begin_write_out_;
  uint64_t written_ = 0;
  uint64_t begun_ = 0;  // So many bytes were given to begin_write_out_.
};

struct ScheduledWork {
  void (*work)(void*);
  void* argument;
};

}  // namespace

// Opened each time: LevelDB does not say under which descriptor it writes, and this is once in 256 KiB.
void BeginWriteOutBySystem(const std::string& file, uint64_t begin, uint64_t size) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  (void)::sync_file_range(descriptor, static_cast<off_t>(begin), static_cast<off_t>(size),
                          SYNC_FILE_RANGE_WRITE);
  ::close(descriptor);
}

leveldb::Status ViewEnv::NewWritableFile(const std::string& name, leveldb::WritableFile** result) {
  if (std::string_view(name).ends_with(".log")) {
    *result = new Discarded;  // LevelDB takes it over, as below.
    return leveldb::Status();
  }
  leveldb::WritableFile* file = nullptr;
  const leveldb::Status status = target()->NewWritableFile(name, &file);
  if (!status.ok()) return status;
  *result = std::string_view(name).ends_with(".ldb") ? new GrowingTable(name, file, &begin_write_out_) : file;
  return status;
}

void ViewEnv::Schedule(void (*work)(void*), void* argument) {
  const auto named = [](void* scheduled) {
    const std::unique_ptr<ScheduledWork> call(static_cast<ScheduledWork*>(scheduled));
    wal::NameThisThread("mom-compact");
    call->work(call->argument);
  };
  target()->Schedule(named, new ScheduledWork{work, argument});
}

}  // namespace mom::replication
