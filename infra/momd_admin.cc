#include "infra/momd_admin.h"

#include <fcntl.h>
#include <sodium.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <thread>
#include <utility>

#include "core/base/result.h"
#include "core/broker/keys.h"

namespace mom::infra {
namespace {

constexpr size_t kRandomBytes = 24;
constexpr auto kRetryPause = std::chrono::milliseconds(500);

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

Result<std::string> ChoosePassword(const AdminPassword& source) {
  const auto given = source.given();
  if (!given.ok()) return given.status();
  if (*given) return **given;
  std::string password = RandomPassword();
  MOM_RETURN_IF_ERROR(WriteSecret(source.data_dir + "/admin-password", password));
  return password;
}

bool AnyUser(const replication::Replica& replica) {
  const auto snapshot = replica.Snapshot();
  const std::string table(1, broker::keys::kUser);
  auto it = snapshot->reader().NewIterator();
  it->Seek(table);
  return it->Valid() && it->key().starts_with(table);
}

Status CreateAdmin(replication::Replica* replica, const std::string& password) {
  char hash[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str(hash, password.data(), password.size(), 2, 19u << 20) != 0) {
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
Status EnsureAdmin(replication::Replica* replica, const AdminPassword& source,
                   const std::function<bool()>& keep_waiting,
                   const std::function<void(const std::string& waits_for)>& tell) {
  std::string told;
  while (!AnyUser(*replica)) {
    if (!keep_waiting()) return Status(Status::kStopping, "stopped before there was a user");
    if (replica->Role() != "leader") {
      tell("waiting until the leader has made the first administrator");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      continue;
    }
    const auto password = ChoosePassword(source);
    if (password.status().code() == Status::kIoError) return password.status();
    const Status status = password.ok() ? CreateAdmin(replica, *password) : password.status();
    if (status.ok() || status.code() == Status::kUncertain || status.code() == Status::kNotLeader) continue;
    if (status.code() == Status::kStopping) return status;
    tell("there is no user yet, and the first administrator cannot be made: " + status.message());
    if (std::exchange(told, status.message()) != status.message())
      spdlog::error("the first administrator cannot be made; this node tries again: {}", status.message());
    std::this_thread::sleep_for(kRetryPause);
  }
  return Status();
}

}  // namespace mom::infra
