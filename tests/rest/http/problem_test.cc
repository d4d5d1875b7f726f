#include "rest/problem.h"

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <string>

namespace mom::rest {
namespace {

using namespace std::string_view_literals;

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

TEST(Problems, CarryTheStandardMembersAndOurs) {
  const HttpResponse response = Problem(409, "queue-not-empty", "queue \"a\" holds 3 messages",
                                        {{"ready", int64_t{3}}, {"queue", "a"}, {"retry", false}});
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.headers[0].second, "application/problem+json");
  const boost::json::value want = {{"type", "urn:mom:problem:queue-not-empty"},
                                   {"title", "Conflict"},
                                   {"status", 409},
                                   {"code", "queue-not-empty"},
                                   {"detail", "queue \"a\" holds 3 messages"},
                                   {"ready", 3},
                                   {"queue", "a"},
                                   {"retry", false}};
  EXPECT_EQ(boost::json::parse(response.body), want) << response.body;
}

TEST(Problems, ThatPassSayWhenToTryAgain) {
  for (const int status : {429, 503}) {
    const HttpResponse response = Problem(status, "x", "y");
    EXPECT_EQ(response.headers.back().first, "Retry-After") << status;
  }
}

TEST(JsonStrings, AreReadBackByBoost) {
  std::string all;
  for (int i = 0; i < 0x80; ++i) all.push_back(static_cast<char>(i));
  all += "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
  EXPECT_EQ(boost::json::parse(Quoted(all)).as_string(), all);
}

TEST(JsonStrings, RepairWhatIsNotUtf8) {
  const std::pair<std::string_view, std::string_view> examples[] = {
      {"\xff"sv, "\"\xef\xbf\xbd\""sv},
      {"a\xe2\x82"sv, "\"a\xef\xbf\xbd\xef\xbf\xbd\""sv},
      {"\xc0\x80z"sv, "\"\xef\xbf\xbd\xef\xbf\xbdz\""sv}};
  for (const auto& [text, want] : examples) EXPECT_EQ(Quoted(text), want);
}

}  // namespace
}  // namespace mom::rest
