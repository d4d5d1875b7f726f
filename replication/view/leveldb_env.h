// ViewEnv: how LevelDB's files are written for a view. No log of its own, and tables that reach the disk in
// small steps.
#pragma once

#include <leveldb/env.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "wal/env.h"

namespace mom::replication {

// Begins to write `size` bytes at `begin` of a file to its disk and does not wait for that. A hint: nothing
// relies on it.
using BeginWriteOut = std::function<void(const std::string& file, uint64_t begin, uint64_t size)>;

// By sync_file_range(2); nothing happens when the file cannot be opened.
void BeginWriteOutBySystem(const std::string& file, uint64_t begin, uint64_t size);

// Where a view asks for room.
struct ViewRoom {
  wal::Env* env = nullptr;  // Not owned; null: nobody waits, and no room is kept free.
  bool waits = true;
  uint64_t keep_free_bytes = 0;  // So much tables leave to other files.
};

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
//
// A full disk. LevelDB takes no write any more once its own thread met an error, and forgets what it had only
// in memory. So on that thread whatever finds no room waits until there is some, and LevelDB never hears of
// it; meanwhile writes go into memory, as far as that reaches. On other threads, which open the database,
// lack of room is an error. What is written to files of `files` must be repeatable: see ViewFiles().
class ViewEnv final : public leveldb::EnvWrapper {
 public:
  explicit ViewEnv(leveldb::Env* files, BeginWriteOut begin_write_out = BeginWriteOutBySystem)
      : leveldb::EnvWrapper(files), begin_write_out_(std::move(begin_write_out)) {}

  // What is asked, and waited with, when there is no room; null: nobody waits. Tables leave so much of the
  // disk to others. Before the database is opened.
  void SetRoom(ViewRoom room) { room_ = room; }
  // From now on nobody waits any more.
  void GiveUp() { gave_up_ = true; }
  // Whether something that did not wait found no room.
  bool lacked_room() const { return lacked_room_.load(); }

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  void Schedule(void (*work)(void*), void* argument) override;

 private:
  friend class PatientFile;

  // `call` again and again while there is no room and this thread may wait. Of tables: not before the disk
  // has more free than they leave to others.
  leveldb::Status Patiently(const std::string& name, bool keeps_free,
                            const std::function<leveldb::Status()>& call);
  bool HasRoomToSpare(const std::string& name) const;

  const BeginWriteOut begin_write_out_;
  ViewRoom room_;
  std::atomic<bool> gave_up_{false};
  std::atomic<bool> lacked_room_{false};
};

}  // namespace mom::replication
