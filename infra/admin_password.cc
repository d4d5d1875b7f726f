#include "infra/admin_password.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "rest/names.h"

namespace mom::infra {
namespace {

constexpr size_t kFileBytesMax = 4096;  // More is no password.

Status Unusable(const std::string& source, const std::string& why) {
  return Status(Status::kInvalidArgument, "the administrator's password (" + source + "): " + why);
}

// Closes when it goes.
class OpenedFile {
 public:
  explicit OpenedFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenedFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenedFile(const OpenedFile&) = delete;
  OpenedFile& operator=(const OpenedFile&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

Result<std::string> ReadPasswordFile(const std::string& path,
                                     const std::function<void(const std::string&)>& warn) {
  const OpenedFile file(path);
  struct stat info {};
  if (file.fd() < 0 || fstat(file.fd(), &info) != 0) return Unusable(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Unusable(path, "this is not a file");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Unusable(path, "others may write this file, and so choose the password; chmod go-w it");
  }
  if ((info.st_mode & (S_IRGRP | S_IROTH)) != 0 && warn) {
    warn("others may read the administrator's password in " + path + "; outside of a container chmod 600 it");
  }
  std::string text(kFileBytesMax + 1, '\0');
  const ssize_t count = read(file.fd(), text.data(), text.size());
  if (count < 0) return Unusable(path, std::strerror(errno));
  text.resize(static_cast<size_t>(count));
  return CleanPassword(text, path);
}

}  // namespace

Result<std::string> CleanPassword(std::string_view given, const std::string& source) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (given.starts_with(kByteOrderMark)) given.remove_prefix(kByteOrderMark.size());
  if (given.ends_with('\n')) {
    given.remove_suffix(1);
    if (given.ends_with('\r')) given.remove_suffix(1);
  }
  if (given.empty()) return Unusable(source, "it is empty");
  if (!rest::IsUtf8(given)) return Unusable(source, "it is not UTF-8 text");
  if (rest::HasControlCharacter(given)) {
    return Unusable(source,
                    "it holds control characters, as a second line or a tab; only one line end "
                    "behind it is taken off");
  }
  if (!rest::HasPasswordLength(given)) {
    return Unusable(source, "it has " + std::to_string(rest::CountCharacters(given)) +
                                " characters and must have 8 to 128");
  }
  return std::string(given);
}

Result<std::optional<std::string>> GivenPassword(const char* variable, const std::string& path,
                                                 const std::function<void(const std::string&)>& warn) {
  if (path.empty() && (variable == nullptr || *variable == '\0')) return std::optional<std::string>();
  auto password = variable != nullptr && *variable != '\0' ? CleanPassword(variable, "MOM_ADMIN_PASSWORD")
                                                           : ReadPasswordFile(path, warn);
  if (!password.ok()) return password.status();
  return std::optional<std::string>(*std::move(password));
}

}  // namespace mom::infra
