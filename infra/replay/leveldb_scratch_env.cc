#include "infra/replay/leveldb_scratch_env.h"

#include <utility>

namespace mom::replay {

LevelDbScratchEnv::LevelDbScratchEnv(std::string source_dir, std::string work_dir)
    : leveldb::EnvWrapper(leveldb::Env::Default()),
      source_dir_(std::move(source_dir)),
      work_dir_(std::move(work_dir)) {}

// A removed name resolves to its place in the work folder, where it is not.
std::string LevelDbScratchEnv::Resolve(const std::string& name) {
  std::lock_guard lock(mutex_);
  if (!name.starts_with(work_dir_ + "/") || written_.contains(name) || removed_.contains(name)) return name;
  return source_dir_ + name.substr(work_dir_.size());
}

void LevelDbScratchEnv::Written(const std::string& name) {
  std::lock_guard lock(mutex_);
  written_.insert(name);
  removed_.erase(name);
}

leveldb::Status LevelDbScratchEnv::NewSequentialFile(const std::string& name,
                                                     leveldb::SequentialFile** result) {
  return target()->NewSequentialFile(Resolve(name), result);
}

leveldb::Status LevelDbScratchEnv::NewRandomAccessFile(const std::string& name,
                                                       leveldb::RandomAccessFile** result) {
  return target()->NewRandomAccessFile(Resolve(name), result);
}

leveldb::Status LevelDbScratchEnv::NewWritableFile(const std::string& name, leveldb::WritableFile** result) {
  leveldb::Status status = target()->NewWritableFile(name, result);
  if (status.ok()) Written(name);
  return status;
}

leveldb::Status LevelDbScratchEnv::NewAppendableFile(const std::string& name, leveldb::WritableFile**) {
  return leveldb::Status::NotSupported(name, "the source is not written");
}

bool LevelDbScratchEnv::FileExists(const std::string& name) {
  return target()->FileExists(Resolve(name));
}

leveldb::Status LevelDbScratchEnv::GetChildren(const std::string& dir, std::vector<std::string>* result) {
  if (dir != work_dir_) return target()->GetChildren(dir, result);
  std::vector<std::string> source;
  if (leveldb::Status status = target()->GetChildren(source_dir_, &source); !status.ok()) return status;
  std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const auto& name : source) {
    if (!removed_.contains(work_dir_ + "/" + name)) names.insert(name);
  }
  for (const auto& path : written_) names.insert(path.substr(work_dir_.size() + 1));
  result->assign(names.begin(), names.end());
  return leveldb::Status::OK();
}

leveldb::Status LevelDbScratchEnv::RemoveFile(const std::string& name) {
  bool was_written = false;
  {
    std::lock_guard lock(mutex_);
    was_written = written_.erase(name) > 0;
    removed_.insert(name);
  }
  return was_written ? target()->RemoveFile(name) : leveldb::Status::OK();
}

leveldb::Status LevelDbScratchEnv::GetFileSize(const std::string& name, uint64_t* size) {
  return target()->GetFileSize(Resolve(name), size);
}

// LevelDB renames its information log, which is the source's at first, and new CURRENT files.
leveldb::Status LevelDbScratchEnv::RenameFile(const std::string& from, const std::string& to) {
  {
    std::lock_guard lock(mutex_);
    if (!written_.contains(from)) {
      removed_.insert(from);
      return leveldb::Status::OK();
    }
  }
  if (leveldb::Status status = target()->RenameFile(from, to); !status.ok()) return status;
  Written(to);
  std::lock_guard lock(mutex_);
  written_.erase(from);
  removed_.insert(from);
  return leveldb::Status::OK();
}

}  // namespace mom::replay
