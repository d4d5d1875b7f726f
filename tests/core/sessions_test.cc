// Sessions: connecting, ending, and what happens at the limit.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/broker/keys.h"
#include "core/broker/limits.h"
#include "core/broker/session_list.h"
#include "tests/core/broker_harness.h"

namespace mom::broker::test {
namespace {

v1::DeleteSessions EndOf(const std::string& user, uint64_t id = 0) {
  v1::DeleteSessions end;
  end.set_user(user);
  end.set_id(id);
  return end;
}

bool Lives(const Harness& h, const std::string& user, int n) {
  return h.view.Get(keys::Session(TokenHash(user, n))).has_value();
}

TEST(Sessions, ConnectNeedsTheRevisionThatWasChecked) {
  Harness h;
  h.AddUser("ann");
  v1::CreateSession connect;
  connect.set_name("ann");
  connect.set_token_hash(TokenHash("ann", 1));
  connect.set_password_revision(1);
  connect.set_ttl_ms(1000);
  EXPECT_EQ(h.Anonymously(connect).error(), v1::ERROR_CREDENTIALS_CHANGED);
  connect.set_name("nobody");
  EXPECT_EQ(h.Anonymously(connect).error(), v1::ERROR_CREDENTIALS_CHANGED);
  connect.set_name("ann");
  connect.set_password_revision(h.UserNamed("ann").password_revision());
  const v1::Reply reply = h.Anonymously(connect);
  EXPECT_EQ(reply.session().expires_at_ms(), h.now_ms + 1000);
  EXPECT_EQ(h.Anonymously(connect).error(), v1::ERROR_MALFORMED);  // The token is in use.
  connect.set_token_hash("short");
  EXPECT_EQ(h.Anonymously(connect).error(), v1::ERROR_MALFORMED);
  connect.set_token_hash(TokenHash("ann", 2));
  for (int64_t ttl_ms : {int64_t{0}, int64_t{-1}, INT64_MAX}) {
    connect.set_ttl_ms(ttl_ms);
    EXPECT_EQ(h.Anonymously(connect).error(), v1::ERROR_MALFORMED) << ttl_ms;
  }
}

TEST(Sessions, EndWithDisconnectAndWithTime) {
  Harness h;
  h.AddUser("ann");
  EXPECT_EQ(h.Connect("ann", 1, 1000).error(), v1::ERROR_NONE);
  v1::Command command;
  command.set_user("ann");
  command.set_session_hash(TokenHash("ann", 1));
  SetBody(&command, QueueNamed("q"));
  EXPECT_EQ(h.Do(command).error(), v1::ERROR_NONE);
  h.Pass(1000);  // At the end, before any clock entry.
  EXPECT_EQ(h.Do(command).error(), v1::ERROR_SESSION_INVALID);
  h.Clock();
  EXPECT_EQ(h.UserNamed("ann").sessions(), 1u);
  v1::DeleteSession disconnect;
  disconnect.set_token_hash(TokenHash("admin"));
  EXPECT_EQ(h.As("ann", disconnect).error(), v1::ERROR_SESSION_INVALID);  // Not one's own.
  disconnect.set_token_hash(TokenHash("ann"));
  EXPECT_EQ(h.As("ann", disconnect).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", disconnect).error(), v1::ERROR_SESSION_INVALID);
}

TEST(Sessions, BelongToTheirUser) {
  Harness h;
  h.AddUser("ann");
  v1::Command command;
  command.set_user("ann");
  command.set_session_hash(TokenHash("admin"));
  SetBody(&command, QueueNamed("q"));
  EXPECT_EQ(h.Do(command).error(), v1::ERROR_SESSION_INVALID);
  EXPECT_EQ(h.Anonymously(QueueNamed("q")).error(), v1::ERROR_SESSION_INVALID);
}

TEST(Sessions, RememberWhereTheClientIs) {
  Harness h;
  h.AddUser("ann");
  v1::CreateSession connect;
  connect.set_name("ann");
  connect.set_token_hash(TokenHash("ann", 1));
  connect.set_password_revision(h.UserNamed("ann").password_revision());
  connect.set_ttl_ms(1000);
  connect.set_address(std::string(kAddressBytesMax + 1, '1'));
  EXPECT_EQ(h.Anonymously(connect).error(), v1::ERROR_MALFORMED);
  connect.set_address("2001:db8::1");
  const v1::Reply reply = h.Anonymously(connect);
  EXPECT_EQ(reply.error(), v1::ERROR_NONE);
  v1::SessionRecord session;
  ASSERT_TRUE(session.ParseFromString(h.view.Get(keys::Session(TokenHash("ann", 1))).value_or("?")));
  EXPECT_EQ(session.address(), "2001:db8::1");
  EXPECT_EQ(session.id(), reply.session().id());
}

TEST(Sessions, OneOrAllAreEndedByTheirUserOrAnAdministrator) {
  Harness h;
  for (const char* name : {"ann", "bob"}) h.AddUser(name);
  for (int n : {1, 2, 3}) EXPECT_EQ(h.Connect("ann", n, 1'000'000).error(), v1::ERROR_NONE);
  const auto listed = ListSessions(h.view, "ann", 0, 10);
  ASSERT_EQ(listed.size(), 4u);
  EXPECT_EQ(listed[2].token_hash, TokenHash("ann", 2));
  EXPECT_EQ(h.As("bob", EndOf("ann")).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("bob", EndOf("bob", listed[2].id)).error(), v1::ERROR_SESSION_NOT_FOUND);
  EXPECT_EQ(h.As("admin", EndOf("nobody")).error(), v1::ERROR_USER_NOT_FOUND);
  EXPECT_EQ(h.As("ann", EndOf("ann", listed[2].id)).error(), v1::ERROR_NONE);
  EXPECT_FALSE(Lives(h, "ann", 2));
  EXPECT_EQ(h.As("ann", EndOf("ann", listed[2].id)).error(), v1::ERROR_SESSION_NOT_FOUND);
  v1::DeleteSessions others = EndOf("ann");
  others.set_keep_current(true);
  EXPECT_EQ(h.As("ann", others).count().count(), 2u);
  EXPECT_EQ(h.UserNamed("ann").sessions(), 1u);
  EXPECT_TRUE(Lives(h, "ann", 0));
  EXPECT_EQ(h.As("admin", EndOf("ann")).count().count(), 1u);
  EXPECT_EQ(h.As("ann", others).error(), v1::ERROR_SESSION_INVALID);
  EXPECT_TRUE(Lives(h, "bob", 0));
}

// A client that connects for each job and never disconnects shut its user out for a day: 429.
TEST(Sessions, AtTheLimitTheOldestGoesAndConnectingSucceeds) {
  Harness h;
  h.AddUser("ann");
  h.check_every = 500;
  for (uint32_t i = 1; i < kSessionsPerUserMax; ++i) {
    ASSERT_EQ(h.Connect("ann", static_cast<int>(i), i == 7 ? 1000 : 1'000'000).error(), v1::ERROR_NONE);
  }
  EXPECT_EQ(h.Connect("ann", 5000, 1'000'000).error(), v1::ERROR_NONE);
  EXPECT_FALSE(Lives(h, "ann", 0));
  EXPECT_TRUE(Lives(h, "ann", 1));
  EXPECT_EQ(h.UserNamed("ann").sessions(), kSessionsPerUserMax);
  h.Pass(2000);  // Session 7 is over, but no clock entry came by: that one goes, no living one.
  EXPECT_EQ(h.Connect("ann", 5001, 1'000'000).error(), v1::ERROR_NONE);
  EXPECT_FALSE(Lives(h, "ann", 7));
  EXPECT_TRUE(Lives(h, "ann", 1));
  EXPECT_EQ(h.Connect("ann", 5002, 1'000'000).error(), v1::ERROR_NONE);
  EXPECT_FALSE(Lives(h, "ann", 1));
  EXPECT_TRUE(Lives(h, "ann", 2));
  h.Clock();
  EXPECT_EQ(h.UserNamed("ann").sessions(), kSessionsPerUserMax);
}

// Goal: who goes at the limit is right whatever came before. Method: random connects, ends and times beside a
// plain list.
TEST(Sessions, WhoGoesAtTheLimitIsRightInAnyOrderOfThings) {
  struct Plain {
    int n;
    int64_t expires_ms;
  };
  std::mt19937_64 random(14);
  Harness h;
  h.AddUser("ann");
  h.check_every = 1000;
  EXPECT_EQ(h.As("admin", EndOf("ann")).error(), v1::ERROR_NONE);
  std::vector<Plain> plain;
  uint64_t gone = 0;
  for (int n = 0; n < 5000; ++n) {
    h.Pass(static_cast<int64_t>(random() % 10));
    if (random() % 8 == 0 && !plain.empty()) {
      const auto which = static_cast<ptrdiff_t>(random() % plain.size());
      const auto listed = ListSessions(h.view, "ann", 0, kSessionsPerUserMax);
      ASSERT_EQ(h.As("admin", EndOf("ann", listed[static_cast<size_t>(which)].id)).error(), v1::ERROR_NONE);
      plain.erase(plain.begin() + which);
    }
    if (random() % 64 == 0) {
      h.Clock();
      std::erase_if(plain, [&](const Plain& p) { return p.expires_ms <= h.now_ms; });
    }
    const auto ttl_ms = static_cast<int64_t>(1 + random() % (random() % 4 == 0 ? 2000 : 1'000'000));
    if (plain.size() == kSessionsPerUserMax) {
      ++gone;
      const auto over =
          std::find_if(plain.begin(), plain.end(), [&](const Plain& p) { return p.expires_ms <= h.now_ms; });
      plain.erase(over == plain.end() ? plain.begin() : over);
    }
    ASSERT_EQ(h.Connect("ann", n, ttl_ms).error(), v1::ERROR_NONE);
    plain.push_back({n, h.now_ms + ttl_ms});
    if (n % 16 != 0) continue;
    const auto listed = ListSessions(h.view, "ann", 0, kSessionsPerUserMax + 1);
    ASSERT_TRUE(std::equal(listed.begin(), listed.end(), plain.begin(), plain.end(),
                           [](const ListedSession& l, const Plain& p) {
                             return l.token_hash == TokenHash("ann", p.n) && l.expires_ms == p.expires_ms;
                           }))
        << n;
  }
  EXPECT_GT(gone, 100u);
}

}  // namespace
}  // namespace mom::broker::test
