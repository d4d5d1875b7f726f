// UnloggedEnv: LevelDB without a log of its own.
#pragma once

#include <leveldb/env.h>

#include <string>

namespace mom::replication {

// Files are those of another Env, which must outlive this one; but what LevelDB writes to its own log is
// thrown away. The broker's log holds all of it already, synced, and a view is applied on from wherever it
// stands: with this one, from its newest table file. A log that an earlier version left is read and turned
// into a table when the database is opened. Thread-safe, as the other one is.
class UnloggedEnv final : public leveldb::EnvWrapper {
 public:
  explicit UnloggedEnv(leveldb::Env* files) : leveldb::EnvWrapper(files) {}

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override;
};

}  // namespace mom::replication
