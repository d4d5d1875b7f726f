// Argon2id on threads of its own: hashing costs tens of milliseconds and 19 MiB, so few run at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "rest/worker_pool.h"

namespace mom::rest {

struct PasswordCost {
  uint64_t operations = 2;
  size_t memory_bytes = 19u << 20;  // OWASP's first choice; at least 8 KiB.
};

// Thread-safe. Callbacks run on the pool's threads; they are dropped when the pool stops. Every function
// returns false, without effect, when too many wait already.
class PasswordPool {
 public:
  PasswordPool(int threads, size_t waiting_max, PasswordCost cost);

  // `done(hash)`: the textual Argon2id hash; empty when memory ran out.
  bool Hash(std::string password, std::function<void(std::string hash)> done);
  // `done(matches)`. An empty `hash` stands for an unknown user: it costs the same work and never matches.
  // Not before `delay_ms` have passed.
  bool Verify(std::string password, std::string hash, int64_t delay_ms,
              std::function<void(bool matches)> done);
  // Verifies, and hashes `next` if that matched. `next_hash` is empty otherwise.
  bool Replace(std::string password, std::string hash, std::string next, int64_t delay_ms,
               std::function<void(bool matches, std::string next_hash)> done);
  void Stop() { workers_.Stop(); }

 private:
  std::string HashNow(const std::string& password) const;
  bool VerifyNow(const std::string& password, const std::string& hash) const;

  const PasswordCost cost_;
  const std::string dummy_hash_;
  WorkerPool workers_;
};

}  // namespace mom::rest
