// A leveldb::Env over the real file system that forgets: Crash() cuts every file back to what was synced.
#pragma once

#include <leveldb/env.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace mom::replication {

// Thread-safe. Files that were never synced vanish in a crash, as their folder entry may.
class LevelDbCrashEnv final : public leveldb::EnvWrapper {
 public:
  LevelDbCrashEnv() : leveldb::EnvWrapper(leveldb::Env::Default()) {}

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** result) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status RemoveFile(const std::string& name) override;

  // From now on nothing more becomes durable: syncs answer ok but are not counted. Close the database, then
  // Crash().
  void Freeze();
  // Cuts all files. REQUIRES: nothing has them open.
  void Crash();

  void Wrote(const std::string& name);
  void Synced(const std::string& name, uint64_t size);

 private:
  std::mutex mutex_;
  std::map<std::string, uint64_t> files_;  // Bytes that were synced.
  bool frozen_ = false;
};

}  // namespace mom::replication
