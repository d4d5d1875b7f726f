#include "rest/route_table.h"

#include <gtest/gtest.h>

#include <string>

namespace mom::rest {
namespace {

const RouteTable& Table() {
  static const RouteTable table({{"GET", "/v1/queues", 1},
                                 {"POST", "/v1/queues", 2},
                                 {"GET", "/v1/queues/{q}", 3},
                                 {"DELETE", "/v1/queues/{q}", 4},
                                 {"POST", "/v1/queues/{q}/messages", 5},
                                 {"GET", "/v1/queues/{q}/messages/{id}", 6},
                                 {"GET", "/v1/sessions/current", 7},
                                 {"GET", "/v1/sessions/{id}/log", 8},
                                 {"GET", "/ui/", 9},
                                 {"GET", "/", 10}});
  return table;
}

TEST(RouteTable, FindsRouteAndParameters) {
  const RouteMatch match = Table().Match("GET", "/v1/queues/orders/messages/7-1");
  EXPECT_EQ(match.status, 200);
  EXPECT_EQ(match.id, 6);
  EXPECT_EQ(match.Get("q"), "orders");
  EXPECT_EQ(match.Get("id"), "7-1");
  EXPECT_EQ(Table().Match("POST", "/v1/queues").id, 2);
  EXPECT_EQ(Table().Match("GET", "/v1/sessions/current").id, 7);
  EXPECT_EQ(Table().Match("GET", "/ui/").id, 9);
  EXPECT_EQ(Table().Match("GET", "/").id, 10);
}

TEST(RouteTable, PrefersLiteralsAndGoesBackToParameters) {
  const RouteMatch match = Table().Match("GET", "/v1/sessions/current/log");
  EXPECT_EQ(match.id, 8);
  EXPECT_EQ(match.Get("id"), "current");
}

TEST(RouteTable, AnswersHeadLikeGet) {
  EXPECT_EQ(Table().Match("HEAD", "/v1/queues/a").id, 3);
  EXPECT_EQ(Table().Match("HEAD", "/v1/queues/a/messages").status, 405);
}

TEST(RouteTable, SaysWhichMethodsAreAllowed) {
  const RouteMatch match = Table().Match("PUT", "/v1/queues/a");
  EXPECT_EQ(match.status, 405);
  EXPECT_EQ(match.allow, "GET, HEAD, DELETE");
}

TEST(RouteTable, AnswersWhatItDoesNotKnowWith404) {
  for (const std::string path :
       {"/v1", "/v2/queues", "/v1/queues/", "/v1/queues/a/", "/v1/queues/a/messages/1/x", "/ui", "/v1/Queues",
        "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"})
    EXPECT_EQ(Table().Match("GET", path).status, 404) << path;
}

TEST(RouteTable, DecodesOnceAndRefusesTricks) {
  EXPECT_EQ(Table().Match("GET", "/v1/queues/a%2Fb").Get("q"), "a/b");
  EXPECT_EQ(Table().Match("GET", "/v1/queues/a%252Fb").Get("q"), "a%2Fb");
  EXPECT_EQ(Table().Match("GET", "/v1/queues/a+b").Get("q"), "a+b");
  EXPECT_EQ(Table().Match("GET", "/%76%31/queues").id, 1);
  EXPECT_EQ(Table().Match("GET", "/v1/queues/%C3%A4").Get("q"), "\xc3\xa4");
  for (const std::string path :
       {"", "v1", "//v1/queues", "/v1//queues", "/v1/queues//messages", "/v1/./queues", "/v1/../queues",
        "/v1/%2e%2e/queues", "/v1/%2E/queues", "/v1/queues/%", "/v1/queues/%4", "/v1/queues/%zz",
        "/v1/queues/%00", "/v1/queues/a%0a", "/v1/queues/%7f", "/v1/queues/%C2%85", "/v1/queues/%ff",
        "/v1/queues/%c0%af", "/v1/queues/%ed%a0%80"}) {
    const RouteMatch match = Table().Match("GET", path);
    EXPECT_EQ(match.status, 400) << path;
    EXPECT_FALSE(match.detail.empty()) << path;
  }
}

TEST(RouteTableDeathTest, RefusesAmbiguousTables) {
  EXPECT_DEATH(RouteTable({{"GET", "/a/{x}", 1}, {"GET", "/a/{x}", 2}}), "method");
  EXPECT_DEATH(RouteTable({{"GET", "/a/{x}", 1}, {"PUT", "/a/{y}", 2}}), "names");
  EXPECT_DEATH(RouteTable({{"GET", "a", 1}}), "starts_with");
}

TEST(QueryParameters, AreDecodedOnce) {
  const Result<QueryParameters> query =
      QueryParameters::Parse("limit=10&after=a%2520b&state=ready,dead&x=a+b&flag&empty=");
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(*query.value().Find("after"), "a%20b");
  EXPECT_EQ(*query.value().Find("state"), "ready,dead");
  EXPECT_EQ(*query.value().Find("x"), "a b");
  EXPECT_EQ(*query.value().Find("flag"), "");
  EXPECT_EQ(*query.value().Find("empty"), "");
  EXPECT_EQ(query.value().Find("nothing"), nullptr);
  EXPECT_EQ(query.value().GetInt("limit", 1, 1000, 100).value(), 10);
  EXPECT_EQ(query.value().GetInt("nothing", 1, 1000, 100).value(), 100);
  EXPECT_EQ(query.value().CheckKnown({"limit", "after", "state", "x", "flag"}).message(),
            "the query parameter \"empty\" is not known here");
}

TEST(QueryParameters, RefuseTricks) {
  std::string many;
  for (int i = 0; i < 33; ++i) many += "k" + std::to_string(i) + "=1&";
  for (const std::string& query :
       {std::string("a=1&a=2"), std::string("a=1&%61=2"), std::string("a=%"), std::string("%4=1"),
        std::string("a=%ff"), std::string("a=%00"), std::string("=1"), many})
    EXPECT_FALSE(QueryParameters::Parse(query).ok()) << query;
}

TEST(QueryParameters, ChecksIntegers) {
  for (const std::string value : {"0", "1001", "1.0", "+5", " 5", "5x", "", "0x5", "99999999999999999999"}) {
    const Result<QueryParameters> query =
        QueryParameters::Parse("limit=" + PercentDecode(value, false).value());
    ASSERT_TRUE(query.ok());
    const Result<int64_t> limit = query.value().GetInt("limit", 1, 1000, 100);
    ASSERT_FALSE(limit.ok()) << value;
    EXPECT_NE(limit.status().message().find("\"limit\" must be an integer, 1 to 1000"), std::string::npos);
  }
}

}  // namespace
}  // namespace mom::rest
