// LevelDbScratchEnv: opens a LevelDB folder without touching it; what LevelDB writes goes to another folder.
#pragma once

#include <leveldb/env.h>

#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace mom::replay {

// The database is opened as `work_dir`, an empty folder; files that were not written there are read from
// `source_dir`. So nothing is copied, and no file of the source is opened for writing, whatever names LevelDB
// gives to its new ones. Thread-safe.
class LevelDbScratchEnv final : public leveldb::EnvWrapper {
 public:
  LevelDbScratchEnv(std::string source_dir, std::string work_dir);

  leveldb::Status NewSequentialFile(const std::string& name, leveldb::SequentialFile** result) override;
  leveldb::Status NewRandomAccessFile(const std::string& name, leveldb::RandomAccessFile** result) override;
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override;
  // Never asked for: LevelDB appends to old files only with Options::reuse_logs.
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** result) override;
  bool FileExists(const std::string& name) override;
  leveldb::Status GetChildren(const std::string& dir, std::vector<std::string>* result) override;
  leveldb::Status RemoveFile(const std::string& name) override;
  leveldb::Status GetFileSize(const std::string& name, uint64_t* size) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;

 private:
  std::string Resolve(const std::string& name);  // Where `name` is to be read.
  void Written(const std::string& name);

  const std::string source_dir_;
  const std::string work_dir_;
  std::mutex mutex_;
  std::set<std::string> written_;  // In work_dir_; guarded by mutex_, like the next.
  std::set<std::string> removed_;
};

}  // namespace mom::replay
