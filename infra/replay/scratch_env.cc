#include "infra/replay/scratch_env.h"

#include <algorithm>
#include <utility>

#include "wal/atomic_file.h"

namespace mom::replay {
namespace {

Status NotFound(const std::string& path) {
  return Status(Status::kNotFound, "open " + path + ": no such file");
}

}  // namespace

// A handle; several may share an inode. Reads go to the base file until somebody writes.
class ScratchFile final : public wal::File {
 public:
  ScratchFile(ScratchEnv* env, ScratchEnv::InodePtr inode, std::unique_ptr<wal::File> base)
      : env_(env), inode_(std::move(inode)), base_(std::move(base)) {}

  Result<std::string> ReadAt(uint64_t position, size_t size) override {
    {
      std::lock_guard lock(env_->mutex_);
      if (inode_->copied) {
        if (position >= inode_->bytes.size()) return std::string();
        return inode_->bytes.substr(position, size);
      }
    }
    return base_->ReadAt(position, size);
  }
  Status WriteAt(uint64_t position, std::string_view bytes) override {
    std::lock_guard lock(env_->mutex_);
    MOM_RETURN_IF_ERROR(env_->Copy(inode_.get()));
    if (inode_->bytes.size() < position + bytes.size()) inode_->bytes.resize(position + bytes.size(), '\0');
    inode_->bytes.replace(position, bytes.size(), bytes);
    return Status();
  }
  Status Sync() override { return Status(); }
  Status Allocate(uint64_t size) override {
    std::lock_guard lock(env_->mutex_);
    MOM_RETURN_IF_ERROR(env_->Copy(inode_.get()));
    if (inode_->bytes.size() < size) inode_->bytes.resize(size, '\0');
    return Status();
  }
  Status Truncate(uint64_t size) override {
    std::lock_guard lock(env_->mutex_);
    MOM_RETURN_IF_ERROR(env_->Copy(inode_.get()));
    inode_->bytes.resize(size, '\0');
    return Status();
  }

 private:
  ScratchEnv* const env_;
  const ScratchEnv::InodePtr inode_;
  const std::unique_ptr<wal::File> base_;  // Null when the inode was copied before this was opened.
};

class ScratchLock final : public wal::FileLock {
 public:
  ScratchLock(ScratchEnv* env, std::string path) : env_(env), path_(std::move(path)) {}
  ~ScratchLock() override {
    std::lock_guard lock(env_->mutex_);
    env_->locks_.erase(path_);
  }

 private:
  ScratchEnv* const env_;
  const std::string path_;
};

Result<std::unique_ptr<wal::File>> ScratchEnv::OpenFile(const std::string& path, wal::OpenMode mode) {
  std::lock_guard lock(mutex_);
  if (mode == wal::OpenMode::kCreate) {
    InodePtr& inode = names_[path];
    if (!inode) inode = std::make_shared<Inode>();
    inode->copied = true;
    inode->bytes.clear();
    return std::unique_ptr<wal::File>(std::make_unique<ScratchFile>(this, inode, nullptr));
  }
  Result<InodePtr> inode = Find(path);
  if (!inode.ok()) return inode.status();
  std::unique_ptr<wal::File> base;
  if (!(*inode)->copied) {
    auto opened = base_->OpenFile((*inode)->base_path, wal::OpenMode::kRead);
    if (!opened.ok()) return opened.status();
    base = *std::move(opened);
  }
  return std::unique_ptr<wal::File>(std::make_unique<ScratchFile>(this, *inode, std::move(base)));
}

Result<std::vector<std::string>> ScratchEnv::ListDir(const std::string& dir) {
  std::lock_guard lock(mutex_);
  std::set<std::string> found;
  auto base = base_->ListDir(dir);
  if (!base.ok() && (base.status().code() != Status::kNotFound || !dirs_.contains(dir))) return base.status();
  if (base.ok()) found.insert(base->begin(), base->end());
  for (const auto& [path, inode] : names_) {
    if (wal::FolderOf(path) != dir) continue;
    const std::string name = path.substr(dir.size() + 1);
    if (inode) found.insert(name);
    if (!inode) found.erase(name);
  }
  return std::vector<std::string>(found.begin(), found.end());
}

Result<uint64_t> ScratchEnv::FileSize(const std::string& path) {
  std::lock_guard lock(mutex_);
  Result<InodePtr> inode = Find(path);
  if (!inode.ok()) return inode.status();
  return SizeOf(**inode);
}

Status ScratchEnv::Rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  Result<InodePtr> inode = Find(from);
  if (!inode.ok()) return inode.status();
  names_[to] = *inode;
  names_[from] = nullptr;
  return Status();
}

Status ScratchEnv::Remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  Result<InodePtr> inode = Find(path);
  if (!inode.ok()) return inode.status();
  names_[path] = nullptr;
  return Status();
}

// Nothing to make durable: what is in memory dies with the process, what is in `base` did not change.
Status ScratchEnv::SyncDir(const std::string&) {
  return Status();
}

Status ScratchEnv::CreateDir(const std::string& dir) {
  std::lock_guard lock(mutex_);
  if (base_->ListDir(dir).status().code() == Status::kNotFound) dirs_.insert(dir);
  return Status();
}

Result<std::unique_ptr<wal::FileLock>> ScratchEnv::LockFile(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (!locks_.insert(path).second) return Status(Status::kBusy, "lock " + path + ": held already");
  return std::unique_ptr<wal::FileLock>(std::make_unique<ScratchLock>(this, path));
}

bool ScratchEnv::changed() const {
  std::lock_guard lock(mutex_);
  return std::any_of(names_.begin(), names_.end(),
                     [](const auto& item) { return !item.second || item.second->copied; });
}

// Readers and writers of one file must share its inode, so the first opening makes it.
Result<ScratchEnv::InodePtr> ScratchEnv::Find(const std::string& path) {
  if (const auto found = names_.find(path); found != names_.end()) {
    if (!found->second) return NotFound(path);
    return found->second;
  }
  auto size = base_->FileSize(path);
  if (!size.ok()) return size.status();
  auto inode = std::make_shared<Inode>();
  inode->base_path = path;
  names_[path] = inode;
  return inode;
}

Status ScratchEnv::Copy(Inode* inode) {
  if (inode->copied) return Status();
  auto bytes = wal::ReadWholeFile(base_, inode->base_path);
  if (!bytes.ok()) return bytes.status();
  inode->bytes = *std::move(bytes);
  inode->copied = true;
  return Status();
}

Result<uint64_t> ScratchEnv::SizeOf(const Inode& inode) {
  if (inode.copied) return static_cast<uint64_t>(inode.bytes.size());
  return base_->FileSize(inode.base_path);
}

}  // namespace mom::replay
