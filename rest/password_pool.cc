#include "rest/password_pool.h"

#include <sodium.h>

#include <array>
#include <utility>

#include "core/base/check.h"

namespace mom::rest {
namespace {

std::string RandomPassword() {
  MOM_CHECK(sodium_init() >= 0);
  std::array<char, 32> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  return std::string(bytes.data(), bytes.size());
}

// Overwrites a password that is not needed any more.
void Wipe(std::string* password) {
  sodium_memzero(password->data(), password->size());
}

}  // namespace

PasswordPool::PasswordPool(int threads, size_t waiting_max, PasswordCost cost)
    : cost_(cost), dummy_hash_(HashNow(RandomPassword())), workers_("mom-passwords", threads, waiting_max) {
  MOM_CHECK(!dummy_hash_.empty());
}

bool PasswordPool::Hash(std::string password, std::function<void(std::string)> done) {
  return workers_.Submit([this, password = std::move(password), done = std::move(done)]() mutable {
    std::string hash = HashNow(password);
    Wipe(&password);
    done(std::move(hash));
  });
}

bool PasswordPool::Verify(std::string password, std::string hash, int64_t delay_ms,
                          std::function<void(bool)> done) {
  return workers_.Submit(
      [this, password = std::move(password), hash = std::move(hash), done = std::move(done)]() mutable {
        const bool matches = VerifyNow(password, hash);
        Wipe(&password);
        done(matches);
      },
      delay_ms);
}

bool PasswordPool::Replace(std::string password, std::string hash, std::string next, int64_t delay_ms,
                           std::function<void(bool, std::string)> done) {
  return workers_.Submit(
      [this, password = std::move(password), hash = std::move(hash), next = std::move(next),
       done = std::move(done)]() mutable {
        const bool matches = VerifyNow(password, hash);
        std::string next_hash = matches ? HashNow(next) : std::string();
        Wipe(&password);
        Wipe(&next);
        done(matches, std::move(next_hash));
      },
      delay_ms);
}

std::string PasswordPool::HashNow(const std::string& password) const {
  std::array<char, crypto_pwhash_STRBYTES> hash;
  const int failed =
      crypto_pwhash_str(hash.data(), password.data(), password.size(), cost_.operations, cost_.memory_bytes);
  return failed ? std::string() : std::string(hash.data());
}

bool PasswordPool::VerifyNow(const std::string& password, const std::string& hash) const {
  const std::string& against = hash.empty() ? dummy_hash_ : hash;
  const bool matches = crypto_pwhash_str_verify(against.c_str(), password.data(), password.size()) == 0;
  return matches && !hash.empty();
}

}  // namespace mom::rest
