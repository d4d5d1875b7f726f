#include "replication/view/leveldb_env.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "replication/view/leveldb_files.h"
#include "wal/this_thread.h"

namespace mom::replication {
namespace {

constexpr uint64_t kStepBytes = 256u << 10;
// Files gather a little more than that before they write: what lies further back is with the system.
constexpr uint64_t kGatheredBytes = 128u << 10;

// Only LevelDB's own thread can wait for room: the others hold its lock, or open the database.
thread_local bool may_wait = false;

class Discarded final : public leveldb::WritableFile {
 public:
  leveldb::Status Append(const leveldb::Slice&) override { return leveldb::Status(); }
  leveldb::Status Close() override { return leveldb::Status(); }
  leveldb::Status Flush() override { return leveldb::Status(); }
  leveldb::Status Sync() override { return leveldb::Status(); }
};

struct ScheduledWork {
  void (*work)(void*);
  void* argument;
};

bool IsTable(const std::string& name) {
  return std::string_view(name).ends_with(".ldb");
}

}  // namespace

// A file of the view; see ViewEnv. Used by one thread.
class PatientFile final : public leveldb::WritableFile {
 public:
  PatientFile(std::string name, leveldb::WritableFile* file, ViewEnv* env)
      : name_(std::move(name)), is_table_(IsTable(name_)), file_(file), env_(env) {}

  leveldb::Status Append(const leveldb::Slice& data) override {
    const bool looks = is_table_ && written_ >= looked_;  // Once in a step is enough.
    if (looks) looked_ = written_ + kStepBytes;
    const leveldb::Status status = env_->Patiently(name_, looks, [&] { return file_->Append(data); });
    written_ += data.size();
    if (!is_table_) return status;
    for (; begun_ + kStepBytes + kGatheredBytes < written_; begun_ += kStepBytes)
      env_->begin_write_out_(name_, begun_, kStepBytes);
    return status;
  }
  leveldb::Status Close() override {
    const leveldb::Status status = env_->Patiently(name_, false, [&] { return file_->Flush(); });
    const leveldb::Status closed = file_->Close();
    return status.ok() ? closed : status;
  }
  leveldb::Status Flush() override {
    if (is_table_) return leveldb::Status();
    return env_->Patiently(name_, false, [&] { return file_->Flush(); });
  }
  leveldb::Status Sync() override {
    return env_->Patiently(name_, false, [&] { return file_->Sync(); });
  }

 private:
  const std::string name_;
  const bool is_table_;
  const std::unique_ptr<leveldb::WritableFile> file_;
  ViewEnv* const env_;
  uint64_t written_ = 0;
  uint64_t looked_ = 0;  // The disk is looked at when so many bytes are written.
  uint64_t begun_ = 0;   // So many bytes were given to begin_write_out_.
};

bool ViewEnv::HasRoomToSpare(const std::string& name) const {
  if (room_.env == nullptr || room_.keep_free_bytes == 0) return true;
  const auto free_bytes = room_.env->FreeBytes(name.substr(0, name.rfind('/') + 1));
  return !free_bytes.ok() || *free_bytes >= room_.keep_free_bytes + kStepBytes;
}

leveldb::Status ViewEnv::Patiently(const std::string& name, bool keeps_free,
                                   const std::function<leveldb::Status()>& call) {
  for (;;) {
    const bool spare = !keeps_free || HasRoomToSpare(name);
    leveldb::Status status =
        spare ? call() : leveldb::Status::IOError(name, std::system_category().message(ENOSPC));
    if (!IsNoRoom(status)) return status;
    const bool waits = may_wait && room_.env != nullptr && room_.waits && !gave_up_;
    if (!waits || !room_.env->AwaitRoom(name)) {
      lacked_room_ = true;
      return status;
    }
  }
}

leveldb::Status ViewEnv::RenameFile(const std::string& from, const std::string& to) {
  return Patiently(to, false, [&] { return target()->RenameFile(from, to); });
}

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
  const leveldb::Status status =
      Patiently(name, IsTable(name), [&] { return target()->NewWritableFile(name, &file); });
  if (status.ok()) *result = new PatientFile(name, file, this);
  return status;
}

void ViewEnv::Schedule(void (*work)(void*), void* argument) {
  const auto named = [](void* scheduled) {
    const std::unique_ptr<ScheduledWork> call(static_cast<ScheduledWork*>(scheduled));
    wal::NameThisThread("mom-compact");
    may_wait = true;
    call->work(call->argument);
  };
  target()->Schedule(named, new ScheduledWork{work, argument});
}

}  // namespace mom::replication
