// The part of MemoryEnv that ordinary code never calls: crashes, ordered faults and direct damage.
#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "wal/memory_env.h"

namespace mom::wal {
namespace {

bool Coin(SplitMix64* random) {
  return (random->Next() & 1) != 0;
}

}  // namespace

void MemoryEnv::Crash(CrashMode mode) {
  std::lock_guard lock(mutex_);
  SplitMix64 random(mode.seed);
  CrashNames(mode, &random);
  for (auto& [path, inode] : names_) {
    if (mode.kind == CrashMode::kDropUnsynced) DropUnsynced(inode.get());
    if (mode.kind == CrashMode::kKeepSome) KeepSome(inode.get(), &random);
  }
  ++generation_;
  locks_.clear();
  fail_at_ = 0;
  stop_at_ = 0;
}

void MemoryEnv::CrashNames(CrashMode mode, SplitMix64* random) {
  // A dead process takes nothing with it: its name changes stay as undurable as they were.
  if (mode.kind == CrashMode::kKeepAll) return;
  for (const NameChange& change : name_changes_) {
    if (mode.kind == CrashMode::kKeepSome && Coin(random)) Apply(change, &durable_names_);
  }
  name_changes_.clear();
  names_ = durable_names_;
}

void MemoryEnv::FailCall(uint64_t n, Status status) {
  std::lock_guard lock(mutex_);
  MOM_CHECK(n > 0 && !status.ok(), n, status);
  fail_at_ = calls_ + n;
  fail_status_ = std::move(status);
}

void MemoryEnv::StopAtCall(uint64_t n) {
  std::lock_guard lock(mutex_);
  MOM_CHECK(n > 0);
  stop_at_ = calls_ + n;
}

void MemoryEnv::SetCapacity(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

uint64_t MemoryEnv::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

std::string MemoryEnv::Contents(const std::string& path) const {
  std::lock_guard lock(mutex_);
  return Find(path).value()->bytes;
}

void MemoryEnv::Overwrite(const std::string& path, size_t position, std::string_view bytes) {
  std::lock_guard lock(mutex_);
  Inode* const inode = Find(path).value().get();
  Write(inode, position, bytes);
  MarkSynced(inode);
}

void MemoryEnv::Cut(const std::string& path, size_t size) {
  std::lock_guard lock(mutex_);
  Inode* const inode = Find(path).value().get();
  Resize(inode, size);
  MarkSynced(inode);
}

void MemoryEnv::Erase(const std::string& path) {
  std::lock_guard lock(mutex_);
  names_.erase(path);
  durable_names_.erase(path);
}

std::set<std::string> MemoryEnv::Paths() const {
  std::lock_guard lock(mutex_);
  std::set<std::string> paths;
  for (const auto& [path, inode] : names_) paths.insert(path);
  return paths;
}

std::unique_ptr<MemoryEnv> MemoryEnv::Clone() const {
  std::lock_guard lock(mutex_);
  auto clone = std::make_unique<MemoryEnv>();
  std::map<const Inode*, InodePtr> copies;
  const auto copy = [&copies](const InodePtr& inode) {
    InodePtr& target = copies[inode.get()];
    if (!target) target = std::make_shared<Inode>(*inode);
    return target;
  };
  clone->dirs_ = dirs_;
  for (const auto& [path, inode] : names_) clone->names_[path] = copy(inode);
  for (const auto& [path, inode] : durable_names_) clone->durable_names_[path] = copy(inode);
  for (const NameChange& change : name_changes_) {
    clone->name_changes_.push_back({change.from, change.to, copy(change.inode)});
  }
  clone->capacity_ = capacity_;
  return clone;
}

void MemoryEnv::MarkSynced(Inode* inode) {
  inode->synced_size = inode->bytes.size();
  inode->old_sectors.clear();
}

void MemoryEnv::LoseUnsynced(Inode* inode) {
  inode->lost_sectors.merge(std::exchange(inode->old_sectors, {}));
}

void MemoryEnv::DropUnsynced(Inode* inode) {
  inode->bytes.resize(inode->synced_size);
  inode->old_sectors.merge(std::exchange(inode->lost_sectors, {}));
  for (const auto& [sector, old] : inode->old_sectors) {
    const size_t from = sector * kMemorySectorBytes;
    if (from >= inode->bytes.size()) continue;
    const size_t size = std::min(kMemorySectorBytes, inode->bytes.size() - from);
    inode->bytes.replace(from, size, old, 0, size);
  }
  MarkSynced(inode);
}

void MemoryEnv::KeepSome(Inode* inode, SplitMix64* random) {
  for (auto sector = inode->old_sectors.begin(); sector != inode->old_sectors.end();) {
    sector = Coin(random) ? inode->old_sectors.erase(sector) : std::next(sector);
  }
  if (inode->bytes.size() != inode->synced_size && Coin(random)) inode->synced_size = inode->bytes.size();
  DropUnsynced(inode);
}

void MemoryEnv::Apply(const NameChange& change, Names* names) {
  if (!change.from.empty()) names->erase(change.from);
  if (!change.to.empty()) (*names)[change.to] = change.inode;
}

}  // namespace mom::wal
