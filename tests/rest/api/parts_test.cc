// The parts that need no node: waiters, tokens, ids, pools.
#include "tests/rest/api/fixture.h"

#include <algorithm>

#include "rest/api_errors.h"
#include "rest/session_token.h"
#include "rest/wire_ids.h"
#include "rest/worker_pool.h"

namespace mom::rest {
namespace {

TEST(Waiters, WakesNoMoreThanCanBeServed) {
  Waiters waiters(WaitersOptions{});
  std::vector<int> woken;
  for (int i = 0; i < 3; ++i) {
    Waiters::Waiter waiter{
        "q", "alice", "s", 10, Instant{INT64_MAX}, nullptr, [&woken, i](Wake wake, uint64_t) {
          if (wake == Wake::kReady) woken.push_back(i);
        }};
    ASSERT_EQ(waiters.Add(std::move(waiter)), Waiters::Added::kYes);
  }
  waiters.Offer("other", 100);
  EXPECT_TRUE(woken.empty());
  waiters.Offer("q", 5);
  waiters.Offer("q", 5);
  EXPECT_EQ(woken, std::vector<int>{0});
  waiters.Done("q", 10);
  waiters.Offer("q", 11);
  EXPECT_EQ(woken, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(waiters.size(), 0u);
}

TEST(Waiters, APlaceIsKept) {
  Waiters waiters(WaitersOptions{});
  std::vector<int> woken;
  uint64_t place_of_first = 0;
  const auto make = [&](int i) {
    return Waiters::Waiter{
        "q", "alice", "s", 1, Instant{INT64_MAX}, nullptr, [&, i](Wake wake, uint64_t place) {
          if (wake != Wake::kReady) return;
          woken.push_back(i);
          if (i == 0) place_of_first = place;
        }};
  };
  ASSERT_EQ(waiters.Add(make(0)), Waiters::Added::kYes);
  ASSERT_EQ(waiters.Add(make(1)), Waiters::Added::kYes);
  waiters.Offer("q", 1);
  ASSERT_EQ(waiters.Add(make(2), place_of_first), Waiters::Added::kYes);
  waiters.Done("q", 1);
  waiters.Offer("q", 1);
  EXPECT_EQ(woken, (std::vector<int>{0, 2}));
}

TEST(Waiters, LookAgainWhoseQueueOrSessionIsGone) {
  Waiters waiters(WaitersOptions{});
  std::vector<std::string> looked;
  const auto add = [&](const std::string& queue, const std::string& user, const std::string& session) {
    Waiters::Waiter waiter{
        queue, user, session, 1, Instant{INT64_MAX}, nullptr, [&looked, user](Wake wake, uint64_t) {
          if (wake == Wake::kLookAgain) looked.push_back(user);
        }};
    ASSERT_EQ(waiters.Add(std::move(waiter)), Waiters::Added::kYes);
  };
  add("a", "ann", "s1");
  add("a", "bob", "s2");
  add("b", "cy", "s1");
  add("b", "dee", "s3");
  waiters.LookAgain("a", [](const Waiters::Waiter& waiter) { return waiter.user == "bob"; });
  EXPECT_EQ(looked, std::vector<std::string>{"bob"});
  waiters.LookAgainUnder("s1");
  EXPECT_EQ(looked, (std::vector<std::string>{"bob", "ann", "cy"}));
  waiters.LookAgainUnder("s1");
  waiters.LookAgainAll();
  EXPECT_EQ(looked, (std::vector<std::string>{"bob", "ann", "cy", "dee"}));
  EXPECT_EQ(waiters.size(), 0u);
}

TEST(WireIds, RoundTripAndRefuse) {
  EXPECT_EQ(FormatId(0xabcdef), "0000000000abcdef");
  EXPECT_EQ(ParseId("0000000000abcdef"), 0xabcdefu);
  for (const char* bad : {"", "0", "0000000000ABCDEF", "0000000000abcdeg", "0000000000abcdef0"})
    EXPECT_FALSE(ParseId(bad)) << bad;
  const auto receipt = ParseReceipt(FormatReceipt(1, 2));
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->id(), 1u);
  EXPECT_EQ(receipt->lease(), 2u);
  EXPECT_FALSE(ParseReceipt("0000000000000001.0000000000000002"));
  EXPECT_EQ(DecodeCursor(EncodeCursor("a\xff")), "a\xff");
  EXPECT_FALSE(DecodeCursor("abc"));
}

TEST(SessionToken, IsReadStrictly) {
  const std::string token = MakeToken();
  EXPECT_NE(token, MakeToken());
  EXPECT_EQ(HashOfAuthorization("Bearer " + token), HashToken(token));
  EXPECT_EQ(HashOfAuthorization("bearer " + token), HashToken(token));
  for (const std::string& bad :
       {std::string("Basic ") + token, token, "Bearer  " + token, "Bearer " + token + "x",
        "Bearer mom_" + std::string(43, '='), std::string("Bearer ")})
    EXPECT_FALSE(HashOfAuthorization(bad)) << bad;
}

// Goal: what is remembered of one token is never taken for another's. Method: more tokens than are
// remembered, several times each.
TEST(SessionToken, EveryTokenHasItsOwnHash) {
  std::vector<std::string> tokens(1000);
  for (std::string& token : tokens) token = MakeToken();
  for (int round = 0; round < 3; ++round) {
    for (const std::string& token : tokens) {
      ASSERT_EQ(HashOfAuthorization("Bearer " + token), HashToken(token));
      ASSERT_EQ(HashOfAuthorization("Bearer " + token), HashToken(token));
    }
  }
}

TEST(WorkerPool, RefusesBeyondItsQueueAndFinishesWhatRuns) {
  WorkerPool pool("test", 0, 1);
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_FALSE(pool.Submit([] {}));
  pool.Stop();
  EXPECT_FALSE(pool.Submit([] {}));
}

TEST(ApiErrors, EveryCodeHasAShape) {
  for (int code = 1; code < v1::ErrorCode_ARRAYSIZE; ++code) {
    const ErrorShape& shape = ShapeOf(static_cast<v1::ErrorCode>(code));
    EXPECT_NE(shape.status, 500) << code;
  }
}

}  // namespace
}  // namespace mom::rest
