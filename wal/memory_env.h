// MemoryEnv: files in memory on a disk that loses what was not synced, tears writes and fails on demand.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "wal/env.h"

namespace mom::wal {

inline constexpr size_t kMemorySectorBytes = 512;

// What a crash leaves of the bytes and names that were not synced.
struct CrashMode {
  enum Kind {
    kDropUnsynced,  // Power loss that loses everything not synced.
    kKeepAll,       // The process died, the system did not.
    kKeepSome,      // Power loss; every unsynced sector, size and name change survives or not, by `seed`.
  };
  Kind kind = kDropUnsynced;
  uint64_t seed = 0;
};

// The model: a 512-byte sector is old or new, never a mixture; a rename is one step; creations, renames and
// removals are not durable before SyncDir; folders themselves are. Handles opened before a crash stay dead.
// Thread-safe, so that WalThread can be tested on it.
class MemoryEnv final : public Env {
 public:
  MemoryEnv() = default;
  MemoryEnv(const MemoryEnv&) = delete;
  MemoryEnv& operator=(const MemoryEnv&) = delete;

  Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> ListDir(const std::string& dir) override;
  Result<uint64_t> FileSize(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status SyncDir(const std::string& dir) override;
  Status CreateDir(const std::string& dir) override;
  Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) override;
  Result<uint64_t> FreeBytes(const std::string& dir) override;

  // Applies `mode` to everything unsynced, kills open handles and locks, clears the faults ordered below.
  void Crash(CrashMode mode);

  // The n-th call from now (1 is the next) fails once with `status`. A failing write leaves about its first
  // half, in whole sectors. A failing sync does as Linux does: what it should have saved stays readable and
  // is never saved by a later sync, unless it is written again.
  void FailCall(uint64_t n, Status status);
  // The n-th call from now and all later ones fail, as if the machine stopped in the middle of it: a write
  // is left unsynced, everything else has no effect. Then call Crash().
  void StopAtCall(uint64_t n);
  // Total size of all files that Allocate and WriteAt may reach; above it they say kNoSpace.
  void SetCapacity(uint64_t bytes);
  uint64_t calls() const;

  // Direct access for damage: no counting, no faults, durable at once. The file must exist.
  std::string Contents(const std::string& path) const;
  void Overwrite(const std::string& path, size_t position, std::string_view bytes);
  void Cut(const std::string& path, size_t size);
  void Erase(const std::string& path);
  std::set<std::string> Paths() const;
  // A copy of everything that is on the disk, synced or not, without handles, locks and faults.
  std::unique_ptr<MemoryEnv> Clone() const;

 private:
  friend class MemoryFile;
  friend class MemoryLock;

  struct Inode {
    std::string bytes;
    size_t synced_size = 0;
    std::map<size_t, std::string> old_sectors;   // Sector number -> durable content; only changed ones.
    std::map<size_t, std::string> lost_sectors;  // The same, where a failed sync calls the new content clean.
  };
  using InodePtr = std::shared_ptr<Inode>;
  struct NameChange {  // Not yet durable. Creation: `to`; removal: `from`; rename: both.
    std::string from;
    std::string to;
    InodePtr inode;
  };
  using Names = std::map<std::string, InodePtr>;

  enum class Fault { kNone, kFails, kStopsHere, kStopped };
  struct Verdict {
    Status status;  // Ok exactly when there is no fault.
    Fault fault = Fault::kNone;
  };

  Verdict Count();  // REQUIRES: mutex_ held, like all below.
  Result<InodePtr> Find(const std::string& path) const;
  Status CheckCapacity(const Inode& inode, size_t new_size) const;
  void Write(Inode* inode, size_t position, std::string_view bytes);
  void Resize(Inode* inode, size_t size);
  Status RenameDir(const std::string& from, const std::string& to);
  static void KeepOldSectors(Inode* inode, size_t begin, size_t end);
  static void MarkSynced(Inode* inode);
  static void DropUnsynced(Inode* inode);
  static void LoseUnsynced(Inode* inode);
  static void KeepSome(Inode* inode, SplitMix64* random);
  static void Apply(const NameChange& change, Names* names);
  void CrashNames(CrashMode mode, SplitMix64* random);

  mutable std::mutex mutex_;
  std::set<std::string> dirs_;
  Names names_;          // What the process sees.
  Names durable_names_;  // What a crash cannot take.
  std::deque<NameChange> name_changes_;
  std::set<std::string> locks_;
  uint64_t calls_ = 0;
  uint64_t fail_at_ = 0;  // 0: never.
  Status fail_status_;
  uint64_t stop_at_ = 0;
  std::optional<uint64_t> capacity_;
  uint64_t generation_ = 0;  // Of handles and locks; grows at each crash.
};

}  // namespace mom::wal
