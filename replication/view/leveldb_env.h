// ViewEnv: how LevelDB's files are written for a view. No log of its own, and tables that reach the disk in
// small steps.
#pragma once

#include <leveldb/env.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace mom::replication {

// Begins to write `size` bytes at `begin` of a file to its disk and does not wait for that. A hint: nothing
// relies on it.
using BeginWriteOut = std::function<void(const std::string& file, uint64_t begin, uint64_t size)>;

// By sync_file_range(2); nothing happens when the file cannot be opened.
void BeginWriteOutBySystem(const std::string& file, uint64_t begin, uint64_t size);

// Files are those of another Env, which must outlive this one. Thread-safe, as the other one is. Different
// are:
//
// LevelDB's log. What it writes there is thrown away. The broker's log holds all of it already, synced, and a
// view is applied on from wherever it stands: with this one, from its newest table file. A log that an
// earlier version left is read and turned into a table when the database is opened.
//
// Tables. LevelDB syncs each when it is whole, up to 64 MiB at once, and a sync of our log on the same disk
// waits until they are through. So the disk is given them while they grow. LevelDB also wants every block to
// reach the system at once, a call for 4 KiB; it is enough that they are there for the sync.
//
// The thread that writes tables and merges them. It gets a name of its own.
class ViewEnv final : public leveldb::EnvWrapper {
 public:
  explicit ViewEnv(leveldb::Env* files, BeginWriteOut begin_write_out = BeginWriteOutBySystem)
      : leveldb::EnvWrapper(files), begin_write_out_(std::move(begin_write_out)) {}

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override;
  void Schedule(void (*work)(void*), void* argument) override;

 private:
  const BeginWriteOut begin_write_out_;
};

}  // namespace mom::replication
