#include "replication/replica/view_folders.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "replication/view/leveldb_view.h"

namespace mom::replication {
namespace {

constexpr std::string_view kPrefix = "view-";

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsViewFolder(std::string_view name) {
  if (name == kFirstViewFolder) return true;
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  const size_t dash = name.find('-');
  return dash != std::string_view::npos && IsNumber(name.substr(0, dash)) && IsNumber(name.substr(dash + 1));
}

Result<std::vector<std::string>> ListFolders(const std::string& dir) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    const bool is_folder = it->symlink_status(unknown).type() == std::filesystem::file_type::directory;
    if (is_folder) names.push_back(it->path().filename().string());
  }
  if (error) return Status(Status::kIoError, "listing " + dir + ": " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string ViewFolderOf(const quorum::SnapshotId& snapshot) {
  return std::string(kPrefix) + std::to_string(snapshot.end.value) + "-" +
         std::to_string(snapshot.epoch.value);
}

Result<std::vector<std::string>> RemoveLeftoverViews(const std::string& dir,
                                                     const std::vector<std::string>& kept) {
  auto names = ListFolders(dir);
  if (!names.ok()) return names;
  std::erase_if(*names, [&](const std::string& name) {
    return !IsViewFolder(name) || std::find(kept.begin(), kept.end(), name) != kept.end();
  });
  for (const std::string& name : *names) MOM_RETURN_IF_ERROR(LevelDbView::Remove(dir + "/" + name));
  return names;
}

}  // namespace mom::replication
