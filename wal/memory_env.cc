#include "wal/memory_env.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "wal/atomic_file.h"

namespace mom::wal {

class MemoryFile final : public File {
 public:
  MemoryFile(MemoryEnv* env, std::string path, MemoryEnv::InodePtr inode, bool writable)
      : env_(env),
        path_(std::move(path)),
        inode_(std::move(inode)),
        writable_(writable),
        generation_(env->generation_) {}

  Result<std::string> ReadAt(uint64_t position, size_t size) override {
    std::lock_guard lock(env_->mutex_);
    Status status = Begin("read").status;
    if (!status.ok()) return status;
    const std::string& bytes = inode_->bytes;
    if (position >= bytes.size()) return std::string();
    return bytes.substr(position, size);
  }

  Status WriteAt(uint64_t position, std::string_view bytes) override {
    std::lock_guard lock(env_->mutex_);
    MOM_CHECK(writable_, path_);
    const MemoryEnv::Verdict verdict = Begin("write");
    size_t written = bytes.size();
    if (verdict.fault == MemoryEnv::Fault::kFails) {
      const size_t end = (position + bytes.size() / 2) / kMemorySectorBytes * kMemorySectorBytes;
      written = end > position ? end - position : 0;
    }
    if (verdict.fault == MemoryEnv::Fault::kFails || verdict.fault == MemoryEnv::Fault::kStopsHere) {
      env_->Write(inode_.get(), position, bytes.substr(0, written));
    }
    if (!verdict.status.ok()) return verdict.status;
    MOM_RETURN_IF_ERROR(env_->CheckCapacity(*inode_, position + bytes.size()));
    env_->Write(inode_.get(), position, bytes);
    return Status();
  }

  Status Sync() override {
    std::lock_guard lock(env_->mutex_);
    const MemoryEnv::Verdict verdict = Begin("sync");
    if (verdict.fault == MemoryEnv::Fault::kNone) MemoryEnv::MarkSynced(inode_.get());
    if (verdict.fault == MemoryEnv::Fault::kFails) MemoryEnv::LoseUnsynced(inode_.get());
    return verdict.status;
  }

  Status Allocate(uint64_t size) override {
    std::lock_guard lock(env_->mutex_);
    MOM_CHECK(writable_, path_);
    MOM_RETURN_IF_ERROR(Begin("allocate").status);
    if (size <= inode_->bytes.size()) return Status();
    MOM_RETURN_IF_ERROR(env_->CheckCapacity(*inode_, size));
    env_->Resize(inode_.get(), size);
    return Status();
  }

  Status Truncate(uint64_t size) override {
    std::lock_guard lock(env_->mutex_);
    MOM_CHECK(writable_, path_);
    MOM_RETURN_IF_ERROR(Begin("truncate").status);
    env_->Resize(inode_.get(), size);
    return Status();
  }

 private:
  MemoryEnv::Verdict Begin(std::string_view action) {
    if (generation_ != env_->generation_) {
      return {Status(Status::kIoError, std::string(action) + " " + path_ + ": opened before the crash"),
              MemoryEnv::Fault::kStopped};
    }
    MemoryEnv::Verdict verdict = env_->Count();
    verdict.status = verdict.status.Annotate(std::string(action) + " " + path_);
    return verdict;
  }

  MemoryEnv* const env_;
  const std::string path_;
  const MemoryEnv::InodePtr inode_;
  const bool writable_;
  const uint64_t generation_;
};

class MemoryLock final : public FileLock {
 public:
  MemoryLock(MemoryEnv* env, std::string path)
      : env_(env), path_(std::move(path)), generation_(env->generation_) {}
  ~MemoryLock() override {
    std::lock_guard lock(env_->mutex_);
    if (generation_ == env_->generation_) env_->locks_.erase(path_);
  }

 private:
  MemoryEnv* const env_;
  const std::string path_;
  const uint64_t generation_;
};

Result<std::unique_ptr<File>> MemoryEnv::OpenFile(const std::string& path, OpenMode mode) {
  std::lock_guard lock(mutex_);
  if (Status status = Count().status; !status.ok()) return status.Annotate("open " + path);
  if (!dirs_.contains(FolderOf(path))) return Status(Status::kNotFound, "no folder for " + path);
  Result<InodePtr> inode = Find(path);
  if (mode == OpenMode::kCreate) {
    if (!inode.ok()) {
      inode = std::make_shared<Inode>();
      names_[path] = *inode;
      name_changes_.push_back({"", path, *inode});
    }
    Resize(inode->get(), 0);
  }
  if (!inode.ok()) return inode.status();
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(this, path, *inode, mode != OpenMode::kRead));
}

Result<std::vector<std::string>> MemoryEnv::ListDir(const std::string& dir) {
  std::lock_guard lock(mutex_);
  if (Status status = Count().status; !status.ok()) return status.Annotate("list " + dir);
  if (!dirs_.contains(dir)) return Status(Status::kNotFound, "no folder " + dir);
  std::vector<std::string> names;
  for (const auto& [path, inode] : names_) {
    if (FolderOf(path) == dir) names.push_back(path.substr(dir.size() + 1));
  }
  return names;
}

Result<uint64_t> MemoryEnv::FileSize(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (Status status = Count().status; !status.ok()) return status.Annotate("stat " + path);
  Result<InodePtr> inode = Find(path);
  if (!inode.ok()) return inode.status();
  return static_cast<uint64_t>((*inode)->bytes.size());
}

Status MemoryEnv::Rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  MOM_RETURN_IF_ERROR(Count().status.Annotate("rename " + from));
  if (dirs_.contains(from)) return RenameDir(from, to);
  Result<InodePtr> inode = Find(from);
  if (!inode.ok()) return inode.status();
  name_changes_.push_back({from, to, *inode});
  Apply(name_changes_.back(), &names_);
  return Status();
}

// With all that is in it, and durable at once like everything about folders.
Status MemoryEnv::RenameDir(const std::string& from, const std::string& to) {
  const auto move = [&](Names* names) {
    Names moved;
    for (auto& [path, inode] : *names) {
      const bool inside = FolderOf(path) == from;
      moved[inside ? to + path.substr(from.size()) : path] = inode;
    }
    names->swap(moved);
  };
  move(&names_);
  move(&durable_names_);
  std::erase_if(name_changes_, [&](const NameChange& change) {
    return FolderOf(change.from) == from || FolderOf(change.to) == from;
  });
  dirs_.erase(from);
  dirs_.insert(to);
  return Status();
}

Status MemoryEnv::Remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  MOM_RETURN_IF_ERROR(Count().status.Annotate("remove " + path));
  Result<InodePtr> inode = Find(path);
  if (!inode.ok()) return inode.status();
  name_changes_.push_back({path, "", *inode});
  Apply(name_changes_.back(), &names_);
  return Status();
}

Status MemoryEnv::SyncDir(const std::string& dir) {
  std::lock_guard lock(mutex_);
  MOM_RETURN_IF_ERROR(Count().status.Annotate("sync folder " + dir));
  std::deque<NameChange> others;
  for (const NameChange& change : name_changes_) {
    const bool here = FolderOf(change.to.empty() ? change.from : change.to) == dir;
    if (here) Apply(change, &durable_names_);
    if (!here) others.push_back(change);
  }
  name_changes_ = std::move(others);
  return Status();
}

Status MemoryEnv::CreateDir(const std::string& dir) {
  std::lock_guard lock(mutex_);
  MOM_RETURN_IF_ERROR(Count().status.Annotate("create folder " + dir));
  dirs_.insert(dir);
  return Status();
}

Result<std::unique_ptr<FileLock>> MemoryEnv::LockFile(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (Status status = Count().status; !status.ok()) return status.Annotate("lock " + path);
  if (!locks_.insert(path).second) return Status(Status::kBusy, "lock " + path + ": held already");
  return std::unique_ptr<FileLock>(std::make_unique<MemoryLock>(this, path));
}

Result<uint64_t> MemoryEnv::FreeBytes(const std::string& dir) {
  std::lock_guard lock(mutex_);
  if (Status status = Count().status; !status.ok()) return status.Annotate("statvfs " + dir);
  uint64_t used = 0;
  for (const auto& [path, inode] : names_) used += inode->bytes.size();
  const uint64_t capacity = capacity_.value_or(uint64_t{1} << 40);
  return capacity > used ? capacity - used : 0;
}

MemoryEnv::Verdict MemoryEnv::Count() {
  ++calls_;
  if (stop_at_ != 0 && calls_ >= stop_at_) {
    const Fault fault = calls_ == stop_at_ ? Fault::kStopsHere : Fault::kStopped;
    return {Status(Status::kIoError, "the machine stopped"), fault};
  }
  if (calls_ == fail_at_) return {fail_status_, Fault::kFails};
  return {};
}

Result<MemoryEnv::InodePtr> MemoryEnv::Find(const std::string& path) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return Status(Status::kNotFound, "no file " + path);
  return found->second;
}

Status MemoryEnv::CheckCapacity(const Inode& inode, size_t new_size) const {
  if (!capacity_ || new_size <= inode.bytes.size()) return Status();
  uint64_t used = new_size - inode.bytes.size();
  for (const auto& [path, other] : names_) used += other->bytes.size();
  return used <= *capacity_ ? Status() : Status(Status::kNoSpace, "the memory disk is full");
}

void MemoryEnv::Write(Inode* inode, size_t position, std::string_view bytes) {
  if (bytes.empty()) return;
  KeepOldSectors(inode, position, position + bytes.size());
  if (inode->bytes.size() < position + bytes.size()) inode->bytes.resize(position + bytes.size());
  std::copy(bytes.begin(), bytes.end(), inode->bytes.begin() + static_cast<ptrdiff_t>(position));
}

void MemoryEnv::Resize(Inode* inode, size_t size) {
  if (size < inode->bytes.size()) KeepOldSectors(inode, size, inode->bytes.size());
  inode->bytes.resize(size);
}

// Remembers the durable content of the sectors of [begin, end) that is about to change; what lies behind the
// synced size reads as zero after a crash and need not be kept.
void MemoryEnv::KeepOldSectors(Inode* inode, size_t begin, size_t end) {
  for (size_t sector = begin / kMemorySectorBytes; sector * kMemorySectorBytes < end; ++sector) {
    if (inode->old_sectors.contains(sector)) continue;
    if (auto lost = inode->lost_sectors.extract(sector)) {
      inode->old_sectors.insert(std::move(lost));
      continue;
    }
    std::string old(kMemorySectorBytes, '\0');
    const size_t from = sector * kMemorySectorBytes;
    const size_t to = std::min({from + kMemorySectorBytes, inode->bytes.size(), inode->synced_size});
    if (from < to) old.replace(0, to - from, inode->bytes, from, to - from);
    inode->old_sectors.emplace(sector, std::move(old));
  }
}

}  // namespace mom::wal
