// WorkDir: a private temporary folder that goes with the object.
#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"

namespace mom::replay {

// Not thread-safe. Only the owner of the process may read the folder: it may hold message bodies.
class WorkDir {
 public:
  // Below `parent`, or below the system's folder for temporary files when that is empty. kInvalidArgument
  // when it would lie inside `forbidden`, the data folder.
  static Result<std::unique_ptr<WorkDir>> Make(const std::string& parent, const std::string& forbidden);
  ~WorkDir();
  WorkDir(const WorkDir&) = delete;
  WorkDir& operator=(const WorkDir&) = delete;

  // A new empty folder in it. REQUIRES: `name` was not asked for before.
  Result<std::string> MakeFolder(const std::string& name);

 private:
  explicit WorkDir(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

// Whether `path`, which need not exist, is `dir` or lies in it, through symbolic links too.
bool LiesIn(const std::string& path, const std::string& dir);

}  // namespace mom::replay
