// LoginGate: who may have a password checked now. Wrong ones lock the pair of user and address, and the
// address; the user as such is only slowed down, so that a stranger cannot lock anybody out from afar.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/base/time.h"
#include "rest/lockout.h"

namespace mom::rest {

struct LoginLimits {
  LockoutOptions pair;
  LockoutOptions address{.failures_free = 20};  // Many people may share one.
  LockoutOptions user{.failures_free = 10};     // Its delays are not used, but the next.
  int64_t user_delay_ms = 250;                  // How much later a suspected user's password is checked.
  size_t known_max = 10'000;                    // Pairs that have succeeded; the one longest unused goes.
  size_t waiting_of_pair_max = 32;              // Tries that wait for one of the same pair ...
  size_t waiting_max = 128;                     // ... and of all pairs.
};

// Of one user and address one password is checked at a time: the next one waits, in order, until it is known
// what came of it. A try counts as a failure from its start until it has succeeded, so that guesses made at
// once are not for free. A pair that has succeeded before waits for its own failures only. All of it is in
// memory and of this node.
//
// Thread-safe. Callbacks run on the threads of Enter and Leave, without a lock. `now` is a monotonic clock.
class LoginGate {
 public:
  enum class Refusal { kLocked, kBusy };
  struct Try {
    // Begins to check, not before `delay_ms` have passed; Leave() says what came of it. False: it could not
    // begin, has answered, and does not count.
    std::function<bool(int64_t delay_ms)> start;
    // Answers instead: after `wait_ms` there may be another try.
    std::function<void(Refusal why, int64_t wait_ms)> refuse;
  };

  explicit LoginGate(const LoginLimits& limits);

  // Starts or refuses, now or when those before are through. `address` is as LockedAddress() makes it.
  void Enter(const std::string& user, const std::string& address, Instant now, Try attempt);
  // The password of a started try was right, or not. Starts the next one.
  void Leave(const std::string& user, const std::string& address, Instant now, bool matched);
  // Drops those who wait. Nobody enters any more.
  void Stop();

 private:
  struct Pair {
    std::string user, address;
    std::string key;  // Both.
  };
  struct UnderWay {
    bool of_known = false;    // The try that is being checked; else it counts for address and user, too.
    std::deque<Try> waiting;  // For it.
  };
  static Pair PairOf(const std::string& user, const std::string& address);

  // Runs tries until one is under way or none is left.
  void Admit(const Pair& pair, Instant now);
  int64_t WaitMs(const Pair& pair, Instant now) const;
  void Count(const Pair& pair, bool of_known, Instant now);
  void TakeBack(const Pair& pair, bool of_known);
  void Remember(const Pair& pair);

  const LoginLimits limits_;
  std::mutex mutex_;  // Guards all that follows.
  Lockout pairs_, addresses_, users_;
  std::unordered_map<std::string, std::list<std::string>::iterator> known_;
  std::list<std::string> known_by_use_;                  // The longest unused first.
  std::unordered_map<std::string, UnderWay> under_way_;  // By pair.
  size_t waiting_ = 0;
  bool stopped_ = false;
};

}  // namespace mom::rest
