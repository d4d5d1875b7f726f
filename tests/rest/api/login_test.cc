// Wrong passwords: who is locked, who is not, and that guesses made at once are counted.
#include "tests/rest/api/fixture.h"

#include <algorithm>

#include "rest/client_address.h"
#include "rest/lockout.h"
#include "rest/login_gate.h"
#include "rest/worker_pool.h"

namespace mom::rest {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(Lockout, DelaysDoubleFromTheFifthFailureUpToTheCap) {
  Lockout lockout(LockoutOptions{});
  const Instant now{0};
  for (int i = 0; i < 4; ++i) lockout.Count("a", now);
  EXPECT_EQ(lockout.WaitMs("a", now), 0);
  int64_t expected = 1000;
  for (int i = 0; i < 14; ++i) {
    lockout.Count("a", now);
    EXPECT_EQ(lockout.WaitMs("a", now), std::min<int64_t>(expected, 900'000));
    expected *= 2;
  }
  EXPECT_EQ(lockout.WaitMs("a", Instant{900 * kSecond}), 0);
  EXPECT_EQ(lockout.WaitMs("b", now), 0);
  lockout.Forget("a");
  EXPECT_EQ(lockout.WaitMs("a", now), 0);
}

TEST(Lockout, StartsOverAfterAQuietTime) {
  Lockout lockout(LockoutOptions{.failures_free = 0});
  lockout.Count("a", Instant{0});
  lockout.Count("a", Instant{2000 * kSecond});
  EXPECT_EQ(lockout.WaitMs("a", Instant{2000 * kSecond}), 1000);
}

TEST(Lockout, WhatIsTakenBackDoesNotCount) {
  Lockout lockout(LockoutOptions{.failures_free = 1});
  lockout.Count("a", Instant{0});
  lockout.Count("a", Instant{0});
  EXPECT_GT(lockout.WaitMs("a", Instant{0}), 0);
  lockout.TakeBack("a");
  EXPECT_EQ(lockout.WaitMs("a", Instant{0}), 0);
  lockout.TakeBack("a");
  EXPECT_EQ(lockout.size(), 0u);
}

// The longest unused was forgotten first: a thousand tries under other names freed a name that was locked.
TEST(Lockout, ALongDelayIsNotForgottenForManyShortOnes) {
  Lockout lockout(LockoutOptions{.keys_max = 100});
  for (int i = 0; i < 20; ++i) lockout.Count("locked", Instant{0});
  const Instant later{60 * kSecond};
  for (int i = 0; i < 1000; ++i) lockout.Count("other" + std::to_string(i), later);
  EXPECT_EQ(lockout.size(), 100u);
  EXPECT_GT(lockout.WaitMs("locked", later), 0);
}

// A gate whose tries go on when the test says so.
class Gate : public ::testing::Test {
 protected:
  enum class Answer { kWaits, kStarted, kLocked, kBusy };

  // The number of the try.
  size_t Enter(const std::string& user, const std::string& address) {
    const size_t n = answers_.size();
    answers_.push_back(Answer::kWaits);
    delays_.push_back(0);
    gate_.Enter(user, address, now_,
                {[this, n](int64_t delay_ms) {
                   if (!pool_has_room_) return false;
                   answers_[n] = Answer::kStarted;
                   delays_[n] = delay_ms;
                   return true;
                 },
                 [this, n](LoginGate::Refusal why, int64_t) {
                   answers_[n] = why == LoginGate::Refusal::kBusy ? Answer::kBusy : Answer::kLocked;
                 }});
    return n;
  }
  // One whole try with a wrong, or right, password.
  Answer Try(const std::string& user, const std::string& address, bool matches) {
    const size_t n = Enter(user, address);
    if (answers_[n] == Answer::kStarted) gate_.Leave(user, address, now_, matches);
    return answers_[n];
  }
  ptrdiff_t CountOf(Answer answer) const { return std::count(answers_.begin(), answers_.end(), answer); }

  LoginLimits limits_;
  LoginGate gate_{limits_};
  Instant now_{0};
  bool pool_has_room_ = true;
  std::vector<Answer> answers_;
  std::vector<int64_t> delays_;
};

TEST_F(Gate, AStrangerFromAfarSlowsAUserDownAndLocksNobodyElse) {
  for (int address = 0; address < 100; ++address)
    for (int i = 0; i < 50; ++i) Try("admin", "far" + std::to_string(address), false);
  EXPECT_EQ(Try("admin", "far0", true), Answer::kLocked);
  const size_t n = Enter("admin", "home");
  EXPECT_EQ(answers_[n], Answer::kStarted);
  EXPECT_EQ(delays_[n], limits_.user_delay_ms);
  gate_.Leave("admin", "home", now_, true);
  EXPECT_EQ(delays_[Enter("admin", "home")], 0);  // Known by now.
}

TEST_F(Gate, WhoeverSucceededBeforeIsNotLockedByOthersAtTheAddress) {
  EXPECT_EQ(Try("ann", "office", true), Answer::kStarted);
  int started = 0;
  for (int i = 0; i < 40; ++i) started += Try("u" + std::to_string(i), "office", false) == Answer::kStarted;
  EXPECT_EQ(started, 21);
  EXPECT_EQ(Try("bob", "office", true), Answer::kLocked);
  EXPECT_EQ(Try("ann", "office", true), Answer::kStarted);
  for (int i = 0; i < 5; ++i) Try("ann", "office", false);  // The own failures count all the same.
  EXPECT_EQ(Try("ann", "office", true), Answer::kLocked);
}

TEST_F(Gate, GuessesMadeAtOnceWaitForEachOtherAndCount) {
  for (int i = 0; i < 30; ++i) Enter("admin", "far");
  EXPECT_EQ(CountOf(Answer::kStarted), 1);
  for (int i = 0; i < 30; ++i) gate_.Leave("admin", "far", now_, false);
  EXPECT_EQ(CountOf(Answer::kStarted), 5);
  EXPECT_EQ(CountOf(Answer::kLocked), 25);
}

TEST_F(Gate, GuessesMadeAtOnceUnderManyNamesCountForTheAddress) {
  for (int i = 0; i < 60; ++i) Enter("u" + std::to_string(i), "far");
  EXPECT_EQ(CountOf(Answer::kStarted), 21);
  EXPECT_EQ(CountOf(Answer::kLocked), 39);
}

TEST_F(Gate, RightPasswordsAtOnceAllGetTheirTurn) {
  for (int i = 0; i < 30; ++i) Enter("fleet", "home");
  for (int i = 0; i < 30; ++i) gate_.Leave("fleet", "home", now_, true);
  EXPECT_EQ(CountOf(Answer::kStarted), 30);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Try("u" + std::to_string(i), "home", true), Answer::kStarted);
}

TEST_F(Gate, WaitingIsBoundedAndAPoolWithoutRoomIsNobodysFault) {
  for (size_t i = 0; i < limits_.waiting_of_pair_max + 2; ++i) Enter("fleet", "home");
  EXPECT_EQ(CountOf(Answer::kBusy), 1);
  gate_.Leave("fleet", "home", now_, true);
  pool_has_room_ = false;
  gate_.Leave("fleet", "home", now_, true);
  for (int i = 0; i < 50; ++i) Enter("ann", "home");
  pool_has_room_ = true;
  EXPECT_EQ(Try("ann", "home", true), Answer::kStarted);
}

TEST(ClientAddresses, OnlyTrustedPeersNameOthers) {
  const auto trusted = AddressSet::Parse("127.0.0.1, 10.1.0.0/16,::1").value();
  EXPECT_EQ(ClientAddress("127.0.0.1", "", trusted), "127.0.0.1");
  EXPECT_EQ(ClientAddress("::ffff:127.0.0.1", "9.9.9.9", trusted), "9.9.9.9");
  EXPECT_EQ(ClientAddress("127.0.0.2", "9.9.9.9", trusted), "127.0.0.2");
  EXPECT_EQ(ClientAddress("127.0.0.1", "1.1.1.1, 9.9.9.9", trusted), "9.9.9.9");  // The first is a claim.
  EXPECT_EQ(ClientAddress("127.0.0.1", "9.9.9.9,10.1.2.3", trusted), "9.9.9.9");  // Two proxies.
  EXPECT_EQ(ClientAddress("127.0.0.1", "[2001:DB8::1]:99", trusted), "2001:db8::1");
  EXPECT_EQ(ClientAddress("127.0.0.1", "9.9.9.9:1234", trusted), "9.9.9.9");
  for (const char* odd : {"unknown", "\xff\xfe", ",", "1.2.3", "9.9.9.9, ", "["})
    EXPECT_EQ(ClientAddress("127.0.0.1", odd, trusted), "127.0.0.1") << odd;
}

TEST(ClientAddresses, NetworksAreReadStrictly) {
  for (const char* odd :
       {"x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "1.2.3.4,,::1", "10.0.0.0/8x"})
    EXPECT_FALSE(AddressSet::Parse(odd).ok()) << odd;
  EXPECT_FALSE(AddressSet::Parse("").value().Contains("127.0.0.1"));
  EXPECT_TRUE(AddressSet::Parse("0.0.0.0/0").value().Contains("9.9.9.9"));
  EXPECT_FALSE(AddressSet::Parse("0.0.0.0/0").value().Contains("2001:db8::1"));
  EXPECT_TRUE(AddressSet::Parse("2001:db8::/33").value().Contains("2001:db8:7fff::1"));
  EXPECT_FALSE(AddressSet::Parse("2001:db8::/33").value().Contains("2001:db8:8000::1"));
}

TEST(ClientAddresses, AnIpv6ClientIsItsNetwork) {
  EXPECT_EQ(LockedAddress("2001:db8:1:2:3::4"), LockedAddress("2001:db8:1:2:ffff::1"));
  EXPECT_NE(LockedAddress("2001:db8:1:2:3::4"), LockedAddress("2001:db8:1:3:3::4"));
  EXPECT_EQ(LockedAddress("10.0.0.1"), "10.0.0.1");
}

TEST(WorkerPool, ADelayedTaskTakesNoPlaceOfOthersAndRunsLater) {
  WorkerPool pool("test", 1, 1);
  std::mutex mutex;
  std::condition_variable done;
  std::vector<int> ran;
  const auto run = [&](int n) {
    return [&, n] {
      std::lock_guard lock(mutex);
      ran.push_back(n);
      done.notify_all();
    };
  };
  ASSERT_TRUE(pool.Submit(run(1), 200));
  EXPECT_FALSE(pool.Submit(run(2), 200));  // One may be delayed.
  ASSERT_TRUE(pool.Submit(run(3)));
  std::unique_lock lock(mutex);
  EXPECT_TRUE(done.wait_for(lock, std::chrono::seconds(30), [&] { return ran.size() == 2; }));
  EXPECT_EQ(ran, (std::vector<int>{3, 1}));
}

class LoginTest : public ApiTest {
 protected:
  LoginTest() { Restart(LongLocks()); }

  // So long that none ends while a slow machine runs a test.
  static ApiOptions LongLocks() {
    ApiOptions options = CheapOptions();
    options.login.pair.delay_ms = options.login.address.delay_ms = 600'000;
    return options;
  }
  Answer Login(const std::string& name, const std::string& from, bool right) {
    peer_ = from;
    const char* password = right ? "correct horse" : "wrong horse";
    return Ask("", "POST", "/v1/sessions", R"({"name":")" + name + R"(","password":")" + password + "\"}");
  }
};

// Five wrong passwords from anywhere locked the account everywhere, for up to 15 minutes.
TEST_F(LoginTest, AStrangersWrongPasswordsLockTheStrangerAndNotTheAdministrator) {
  peer_ = "10.0.0.1";
  MakeAdmin();
  for (int i = 0; i < 12; ++i) EXPECT_EQ(Login("admin", "10.9.9.9", false).status, i < 5 ? 401 : 429);
  const Answer locked = Login("admin", "10.9.9.9", true);
  EXPECT_EQ(locked.status, 429);
  EXPECT_EQ(locked.Code(), "locked-out");
  EXPECT_EQ(Login("admin", "10.0.0.1", true).status, 201);  // Where it succeeded before.
  EXPECT_EQ(Login("admin", "10.0.0.2", true).status, 201);  // And elsewhere.
}

TEST_F(LoginTest, AUserUnderAttackFromManyAddressesIsOnlySlowedDown) {
  peer_ = "10.0.0.1";
  MakeAdmin();
  for (int i = 0; i < 30; ++i) EXPECT_EQ(Login("admin", "10.9.9." + std::to_string(i), false).status, 401);
  EXPECT_EQ(Login("admin", "10.0.0.1", true).status, 201);
  EXPECT_EQ(Login("admin", "10.0.0.2", true).status, 201);
}

// All were let in before the first one was counted.
TEST_F(LoginTest, GuessesSentAtOnceAreCountedOneByOne) {
  ApiOptions options = LongLocks();
  options.password_cost = PasswordCost{1, 4u << 20};
  Restart(options);
  MakeAdmin();
  peer_ = "10.9.9.9";
  std::vector<std::shared_ptr<PendingAnswer>> guesses;
  for (int i = 0; i < 30; ++i)
    guesses.push_back(Start("", "POST", "/v1/sessions", R"({"name":"admin","password":"wrong horse"})"));
  int checked = 0;
  for (const auto& guess : guesses) checked += guess->Wait().status == 401;
  EXPECT_EQ(checked, 5);
}

TEST_F(LoginTest, WorkersThatConnectAtOnceAllSucceed) {
  MakeUser("fleet");
  std::vector<std::shared_ptr<PendingAnswer>> workers;
  for (int i = 0; i < 30; ++i)
    workers.push_back(Start("", "POST", "/v1/sessions", R"({"name":"fleet","password":"correct horse"})"));
  for (const auto& worker : workers) EXPECT_EQ(worker->Wait().status, 201);
}

TEST_F(LoginTest, ACurrentPasswordIsGuessedAtTheSamePrice) {
  const std::string alice = MakeUser("alice");
  peer_ = "10.9.9.9";
  const std::string guess = R"({"password":"new password","current_password":"nonsense"})";
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(Ask(alice, "PATCH", "/v1/users/alice", guess).status, i < 5 ? 403 : 429);
  EXPECT_EQ(Login("alice", "127.0.0.1", true).status, 201);
}

TEST_F(LoginTest, BehindAProxyTheClientCountsAndNotItsClaims) {
  MakeAdmin();
  const std::string wrong = R"({"name":"admin","password":"wrong horse"})";
  for (int i = 0; i < 8; ++i) {
    // The client claims to be somebody else each time, also in a line of its own.
    const Headers headers = {{"x-forwarded-for", "1.1.1." + std::to_string(i)},
                             {"x-forwarded-for", "10.9.9.9"}};
    EXPECT_EQ(Ask("", "POST", "/v1/sessions", wrong, headers).status, i < 5 ? 401 : 429);
  }
  const std::string right = R"({"name":"admin","password":"correct horse"})";
  EXPECT_EQ(Ask("", "POST", "/v1/sessions", right, {{"x-forwarded-for", "10.9.9.8"}}).status, 201);
}

}  // namespace
}  // namespace mom::rest
