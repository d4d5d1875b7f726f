#include "infra/replay/work_dir.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace mom::replay {

namespace fs = std::filesystem;

Result<std::unique_ptr<WorkDir>> WorkDir::Make(const std::string& parent, const std::string& forbidden) {
  std::error_code error;
  const fs::path base = parent.empty() ? fs::temp_directory_path(error) : fs::path(parent);
  if (error || !fs::is_directory(base, error)) {
    return Status(Status::kInvalidArgument, "--work-dir " + base.string() + ": no such folder");
  }
  if (LiesIn(base.string(), forbidden)) {
    return Status(
        Status::kInvalidArgument,
        "--work-dir " + base.string() + " lies in the data folder, which is never written; choose another");
  }
  std::string path = (base / "mom-replay-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) {
    return Status(Status::kIoError,
                  "create a folder in " + base.string() + ": " + std::system_category().message(errno));
  }
  return std::unique_ptr<WorkDir>(new WorkDir(path));
}

WorkDir::~WorkDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Result<std::string> WorkDir::MakeFolder(const std::string& name) {
  const std::string path = path_ + "/" + name;
  if (::mkdir(path.c_str(), 0700) != 0) {
    return Status(Status::kIoError, "create folder " + path + ": " + std::system_category().message(errno));
  }
  return path;
}

bool LiesIn(const std::string& path, const std::string& dir) {
  const fs::path inner = fs::weakly_canonical(fs::absolute(path));
  const fs::path outer = fs::weakly_canonical(fs::absolute(dir));
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace mom::replay
