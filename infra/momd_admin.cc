#include "infra/momd_admin.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <thread>

#include "core/base/result.h"
#include "core/broker/keys.h"

namespace mom::infra {
namespace {

constexpr size_t kRandomBytes = 24;

Result<std::string> ReadPasswordFile(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return Status(Status::kInvalidArgument, path + ": " + std::strerror(errno));
  }
  if ((info.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0) {
    return Status(Status::kInvalidArgument, path + " can be read or written by others; chmod 600 it");
  }
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string RandomPassword() {
  unsigned char bytes[kRandomBytes];
  randombytes_buf(bytes, sizeof bytes);
  char text[sodium_base64_ENCODED_LEN(kRandomBytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
  sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return text;
}

Status WriteSecret(const std::string& path, const std::string& secret) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Status(Status::kIoError, path + ": " + std::strerror(errno));
  const std::string line = secret + "\n";
  const bool ok = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  return ok ? Status() : Status(Status::kIoError, path + ": " + std::strerror(error));
}

Result<std::string> ChoosePassword(const std::string& data_dir, const std::string& password_file) {
  if (const char* given = std::getenv("MOM_ADMIN_PASSWORD"); given && *given) return std::string(given);
  if (!password_file.empty()) return ReadPasswordFile(password_file);
  std::string password = RandomPassword();
  if (Status status = WriteSecret(data_dir + "/admin-password", password); !status.ok()) return status;
  return password;
}

bool AnyUser(const replication::Replica& replica) {
  const auto snapshot = replica.Snapshot();
  const std::string table(1, broker::keys::kUser);
  auto it = snapshot->reader().NewIterator();
  it->Seek(table);
  return it->Valid() && it->key().starts_with(table);
}

Status CreateAdmin(replication::Replica* replica, const std::string& data_dir,
                   const std::string& password_file) {
  auto password = ChoosePassword(data_dir, password_file);
  if (!password.ok()) return password.status();
  if (password->size() < 8 || password->size() > 128) {
    return Status(Status::kInvalidArgument, "the admin password must have 8 to 128 characters");
  }
  char hash[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str(hash, password->data(), password->size(), 2, 19u << 20) != 0) {
    return Status(Status::kOverloaded, "not enough memory to hash the admin password");
  }
  v1::Command command;
  command.mutable_create_user()->set_name("admin");
  command.mutable_create_user()->set_password_hash(hash);
  command.mutable_create_user()->set_admin(true);
  std::promise<replication::Outcome> promise;
  replica->Propose(std::move(command),
                   [&](replication::Outcome outcome) { promise.set_value(std::move(outcome)); });
  const replication::Outcome outcome = promise.get_future().get();
  if (!outcome.status.ok()) return outcome.status.Annotate("creating the admin");
  if (outcome.reply.error() && !AnyUser(*replica)) {
    return Status(Status::kInvalidArgument, outcome.reply.detail());
  }
  return Status();
}

}  // namespace

// The leader makes the user; the others wait until they see it. Whoever lost the leadership in between looks
// again.
Status EnsureAdmin(replication::Replica* replica, const std::string& data_dir,
                   const std::string& password_file, const std::function<bool()>& keep_waiting) {
  while (!AnyUser(*replica)) {
    if (!keep_waiting()) return Status(Status::kStopping, "stopped before there was a user");
    if (replica->Role() != "leader") {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      continue;
    }
    const Status status = CreateAdmin(replica, data_dir, password_file);
    if (!status.ok() && status.code() != Status::kUncertain && status.code() != Status::kNotLeader)
      return status;
  }
  return Status();
}

}  // namespace mom::infra
