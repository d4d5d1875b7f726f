// Sessions of a user, what administrators may do with users, lists that say that they go on.
#include "tests/rest/api/fixture.h"

#include <algorithm>
#include <set>

#include "rest/session_token.h"
#include "rest/session_uses.h"

namespace mom::rest {
namespace {

class AccountsTest : public ApiTest {
 protected:
  std::string ConnectFrom(const std::string& name, const std::string& address) {
    peer_ = address;
    const std::string token = Connect(name);
    peer_ = "127.0.0.1";
    return token;
  }
  // `field` of all items, over pages of `limit`.
  std::vector<std::string> AllPages(const std::string& token, const std::string& target, size_t limit,
                                    const std::string& field) {
    std::vector<std::string> all;
    std::string after;
    do {
      const Answer page =
          Ask(token, "GET",
              target + "?limit=" + std::to_string(limit) + (after.empty() ? "" : "&after=" + after));
      EXPECT_EQ(page.status, 200) << page.body;
      const auto items = page.Fields(field);
      EXPECT_LE(items.size(), limit);
      all.insert(all.end(), items.begin(), items.end());
      after = page.Field("next");
    } while (after != "null" && !after.empty());
    return all;
  }
};

TEST_F(AccountsTest, MySessionsAreListedWithoutTheirTokens) {
  const std::string alice = MakeUser("alice");
  MakeUser("bob");
  replica_.Advance(5000);
  const std::string there = ConnectFrom("alice", "2001:db8::7");
  const Answer list = Ask(alice, "GET", "/v1/sessions");
  EXPECT_EQ(list.status, 200);
  ASSERT_EQ(list.Fields("id").size(), 2u);
  EXPECT_EQ(list.Fields("address"), (std::vector<std::string>{"127.0.0.1", "2001:db8::7"}));
  EXPECT_EQ(list.Fields("current"), (std::vector<std::string>{"true", "false"}));
  EXPECT_EQ(list.Fields("created_at")[1], "2023-11-14T22:13:25.000Z");
  EXPECT_EQ(list.Fields("expires_at")[1], "2023-11-15T22:13:25.000Z");
  EXPECT_EQ(list.Fields("last_used_at"), (std::vector<std::string>{"2023-11-14T22:13:25.000Z", "null"}));
  EXPECT_EQ(list.body.find(alice.substr(4)), std::string::npos);
  EXPECT_EQ(list.body.find("hash"), std::string::npos);
  const std::string id = list.Fields("id")[1];
  EXPECT_EQ(Ask(id, "GET", "/v1/sessions").status, 401);  // No token.
  EXPECT_EQ(Ask(there, "GET", "/v1/sessions/current").Field("id"), id);
  EXPECT_EQ(AllPages(alice, "/v1/sessions", 1, "id"), list.Fields("id"));
}

TEST_F(AccountsTest, ASessionThatIsOverIsNotListed) {
  const std::string alice = MakeUser("alice");
  Ask("", "POST", "/v1/sessions", R"({"name":"alice","password":"correct horse","ttl_ms":1000})");
  EXPECT_EQ(Ask(alice, "GET", "/v1/sessions").Fields("id").size(), 2u);
  replica_.Advance(1000);
  EXPECT_EQ(Ask(alice, "GET", "/v1/sessions").Fields("id").size(), 1u);
}

TEST_F(AccountsTest, MySessionsAreEndedOneByOneOrAllButThisOne) {
  const std::string here = MakeUser("alice");
  const std::string second = Connect("alice"), third = Connect("alice");
  const std::string id = Ask(second, "GET", "/v1/sessions/current").Field("id");
  EXPECT_EQ(Ask(here, "DELETE", "/v1/sessions/" + id).status, 204);
  EXPECT_EQ(Ask(second, "GET", "/v1/sessions/current").status, 401);
  EXPECT_EQ(Ask(third, "GET", "/v1/sessions/current").status, 200);
  EXPECT_EQ(Ask(here, "DELETE", "/v1/sessions/" + id).Code(), "session-not-found");
  EXPECT_EQ(Ask(here, "DELETE", "/v1/sessions/xyz").status, 404);
  EXPECT_EQ(Ask(here, "DELETE", "/v1/sessions?except=this").Code(), "invalid-query");
  EXPECT_EQ(Ask(here, "DELETE", "/v1/sessions?except=current").status, 204);
  EXPECT_EQ(Ask(third, "GET", "/v1/sessions/current").status, 401);
  EXPECT_EQ(Ask(here, "GET", "/v1/sessions/current").status, 200);
  EXPECT_EQ(Ask(here, "DELETE", "/v1/sessions").status, 204);
  EXPECT_EQ(Ask(here, "GET", "/v1/sessions/current").status, 401);
}

TEST_F(AccountsTest, AdministratorsSeeAndEndSessionsOfOthers) {
  const std::string admin = MakeAdmin();
  const std::string alice = MakeUser("alice"), bob = MakeUser("bob");
  EXPECT_EQ(Ask(bob, "GET", "/v1/sessions?user=alice").status, 403);
  EXPECT_EQ(Ask(bob, "DELETE", "/v1/sessions?user=alice").status, 403);
  EXPECT_EQ(Ask(admin, "GET", "/v1/sessions?user=nobody").Code(), "user-not-found");
  EXPECT_EQ(Ask(admin, "DELETE", "/v1/sessions?user=nobody").Code(), "user-not-found");
  const Answer list = Ask(admin, "GET", "/v1/sessions?user=alice");
  ASSERT_EQ(list.Fields("id").size(), 1u);
  EXPECT_EQ(Ask(bob, "DELETE", "/v1/sessions/" + list.Field("id")).Code(), "session-not-found");
  EXPECT_EQ(Ask(admin, "DELETE", "/v1/sessions/" + list.Field("id") + "?user=alice").status, 204);
  EXPECT_EQ(Ask(alice, "GET", "/v1/sessions/current").status, 401);
  EXPECT_EQ(Ask(admin, "DELETE", "/v1/sessions?user=bob").status, 204);
  EXPECT_EQ(Ask(bob, "GET", "/v1/sessions/current").status, 401);
  EXPECT_EQ(Ask(admin, "GET", "/v1/sessions/current").status, 200);
}

// 429 for a day, with no way back.
TEST_F(AccountsTest, ConnectingGoesOnAtTheLimitOfSessions) {
  const std::string oldest = MakeUser("alice");
  const std::string second = Connect("alice");
  for (int i = 0; i < 999; ++i) ASSERT_FALSE(Connect("alice").empty()) << i;
  EXPECT_EQ(Ask(oldest, "GET", "/v1/sessions/current").status, 401);
  EXPECT_EQ(Ask(second, "GET", "/v1/sessions/current").status, 200);
  EXPECT_EQ(AllPages(second, "/v1/sessions", 300, "id").size(), 1000u);
}

TEST_F(AccountsTest, AnAdministratorGivesANewPassword) {
  const std::string admin = MakeAdmin();
  const std::string alice = MakeUser("alice"), bob = MakeUser("bob");
  const std::string given = R"({"password":"given password"})";
  EXPECT_EQ(Ask(bob, "PATCH", "/v1/users/alice", given).Code(), "not-allowed");
  EXPECT_EQ(Ask(alice, "PATCH", "/v1/users/alice", given).Code(), "invalid-field");
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/nobody", given).Code(), "user-not-found");
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/alice", R"({"password":"short"})").Code(), "invalid-field");
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/alice", "{}").Code(), "invalid-field");
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/alice", given).status, 204);
  EXPECT_EQ(Ask(alice, "GET", "/v1/sessions/current").status, 401);
  EXPECT_EQ(Ask("", "POST", "/v1/sessions", R"({"name":"alice","password":"correct horse"})").status, 401);
  EXPECT_EQ(Ask("", "POST", "/v1/sessions", R"({"name":"alice","password":"given password"})").status, 201);
  // The own one needs the current one, whoever asks.
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/admin", given).Code(), "invalid-field");
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/admin",
                R"({"password":"given password","current_password":"correct horse"})")
                .status,
            204);
}

TEST_F(AccountsTest, AdministratorsAreMadeAndUnmadeButTheLastOne) {
  const std::string admin = MakeAdmin();
  const std::string alice = MakeUser("alice");
  EXPECT_EQ(Ask(alice, "PATCH", "/v1/users/alice", R"({"admin":true})").Code(), "not-allowed");
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/admin", R"({"admin":false})").Code(), "last-admin");
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/alice", R"({"admin":true})").status, 204);
  const std::string again = Connect("alice");
  EXPECT_EQ(Ask(again, "GET", "/v1/sessions/current").Field("admin"), "true");
  EXPECT_EQ(Ask(admin, "PATCH", "/v1/users/admin", R"({"admin":false})").status, 204);
  EXPECT_EQ(Ask(admin, "GET", "/v1/sessions/current").Field("admin"), "false");
  EXPECT_EQ(Ask(again, "PATCH", "/v1/users/alice", R"({"admin":false})").Code(), "last-admin");
}

// Stopped at 1,000 and did not say so.
TEST_F(AccountsTest, WhatAUserOwnsIsListedToTheEnd) {
  const std::string alice = MakeUser("alice");
  EXPECT_EQ(Ask(alice, "POST", "/v1/topics", R"({"name":"news"})").status, 201);
  std::vector<std::string> names;
  for (int i = 1000; i < 2005; ++i) {
    names.push_back("q" + std::to_string(i));
    ASSERT_EQ(Ask(alice, "POST", "/v1/queues", R"({"name":")" + names.back() + "\"}").status, 201);
    if (i >= 1003) continue;
    ASSERT_EQ(Ask(alice, "POST", "/v1/subscriptions",
                  R"({"pattern":"a)" + std::to_string(i) + R"(","queue":")" + names.back() + "\"}")
                  .status,
              201);
  }
  const Answer shown = Ask(alice, "GET", "/v1/users/alice");
  EXPECT_NE(shown.body.find("\"q1999\""), std::string::npos);
  EXPECT_EQ(shown.body.find("\"q2000\""), std::string::npos);
  const size_t next = shown.body.find("\"next\":{\"queues\":\"");
  ASSERT_NE(next, std::string::npos) << shown.body.substr(shown.body.size() - 200);
  const std::string cursor = shown.body.substr(next + 18, shown.body.find('"', next + 18) - next - 18);
  const Answer rest = Ask(alice, "GET", "/v1/users/alice/queues?after=" + cursor);
  EXPECT_EQ(rest.body, R"({"items":["q2000","q2001","q2002","q2003","q2004"],"next":null})");
  EXPECT_EQ(Ask(alice, "GET", "/v1/users/alice/topics").body, R"({"items":["news"],"next":null})");
  EXPECT_EQ(AllPages(alice, "/v1/users/alice/subscriptions", 2, "queue"),
            std::vector<std::string>(names.begin(), names.begin() + 3));
  EXPECT_EQ(Ask(alice, "GET", "/v1/users/alice/secrets").status, 404);
}

TEST_F(AccountsTest, APageOfLongItemsEndsEarlyAndSaysSo) {
  const std::string owner = MakeUser("owner");
  std::string senders;
  for (int i = 0; i < 200; ++i) {
    const std::string name = std::string(100, 'u') + std::to_string(i);
    EXPECT_EQ(Ask("", "POST", "/v1/users", R"({"name":")" + name + R"(","password":"correct horse"})").status,
              201);
    senders += (senders.empty() ? "\"" : ",\"") + name + "\"";
  }
  for (int i = 0; i < 150; ++i) MakeQueue(owner, "q" + std::to_string(i), "\"senders\":[" + senders + "]");
  const Answer page = Ask(owner, "GET", "/v1/queues?limit=1000");
  EXPECT_LT(page.body.size(), (2u << 20) + 65536);
  EXPECT_NE(page.Field("next"), "null");
  EXPECT_EQ(AllPages(owner, "/v1/queues", 1000, "owner").size(), 150u);
}

TEST_F(AccountsTest, DeclaringAQueueOfMineOtherwiseSaysWhatDiffers) {
  const std::string alice = MakeUser("alice"), bob = MakeUser("bob");
  MakeQueue(alice, "work", R"("lease_ms":5000,"senders":["bob"])");
  const Answer refused = Ask(alice, "POST", "/v1/queues", R"({"name":"work","lease_ms":7000,"senders":"*"})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.Code(), "queue-exists");
  EXPECT_EQ(refused.Field("yours"), "true");
  EXPECT_NE(refused.body.find(R"("differences":[{"setting":"lease_ms","is":5000,"asked":7000},)"
                              R"({"setting":"senders","is":["bob"],"asked":"*"}])"),
            std::string::npos)
      << refused.body;
  EXPECT_NE(refused.Field("detail").find("lease_ms is 5000, not 7000"), std::string::npos) << refused.body;
  const Answer stranger = Ask(bob, "POST", "/v1/queues", R"({"name":"work"})");
  EXPECT_EQ(stranger.Code(), "queue-exists");
  EXPECT_EQ(stranger.Field("yours"), "");
  EXPECT_EQ(Ask(alice, "POST", "/v1/topics", R"({"name":"news"})").status, 201);
  const Answer topic = Ask(alice, "POST", "/v1/topics", R"({"name":"news","publishers":["bob"]})");
  EXPECT_EQ(topic.Code(), "topic-exists");
  EXPECT_NE(topic.body.find(R"("differences":[{"setting":"publishers","is":[],"asked":["bob"]}])"),
            std::string::npos)
      << topic.body;
}

TEST(SessionUses, RemembersTheLastSecondOfEachSession) {
  SessionUses uses;
  const std::string one = HashToken("one"), two = HashToken("two");
  EXPECT_FALSE(uses.LastUse(one));
  uses.Note(one, Timestamp{1'700'000'000'999});
  EXPECT_EQ(uses.LastUse(one), (Timestamp{1'700'000'000'000}));
  EXPECT_FALSE(uses.LastUse(two));
  uses.Note(one, Timestamp{1'700'000'009'000});
  EXPECT_EQ(uses.LastUse(one), (Timestamp{1'700'000'009'000}));
  std::string neighbour = one;  // The same place, another session.
  neighbour[9] = static_cast<char>(neighbour[9] ^ 1);
  EXPECT_FALSE(uses.LastUse(neighbour));
  uses.Note(neighbour, Timestamp{1'700'000'009'000});
  EXPECT_FALSE(uses.LastUse(one));
}

}  // namespace
}  // namespace mom::rest
