#include "rest/json_body.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace mom::rest {
namespace {

using namespace std::string_literals;

std::string ParseError(std::string_view text) {
  JsonBody body;
  return body.Parse(text).message();
}

std::string Nested(size_t depth) {
  return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
}

TEST(JsonBody, ReadsEveryKindOfMember) {
  JsonBody body;
  const std::string text = R"({"name":"ord\u00e9rs\n","ttl_ms":-5,"closed":true,"senders":["a","b"],
    "reason":null,"messages":[{"body":"x"},{"body":"y","priority":9}],"headers":{"k":"v","l":""},"settings":{"a":1}})";
  ASSERT_TRUE(body.Parse(text).ok());
  JsonObject root = body.root();
  EXPECT_EQ(root.GetString("name", 1, 20), "ord\xc3\xa9rs\n");
  EXPECT_EQ(root.GetInt("ttl_ms", -5, 5), -5);
  EXPECT_TRUE(root.GetBool("closed"));
  EXPECT_EQ(root.TryBool("open"), std::nullopt);
  EXPECT_EQ(root.GetStrings("senders", 0, 2, 1, 1), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(root.TryStrings("receivers", 0, 2, 1, 1), std::nullopt);
  EXPECT_EQ(root.TryString("reason", 1, 5), std::nullopt);
  EXPECT_FALSE(root.Has("reason"));
  std::vector<JsonObject> messages = root.GetObjects("messages", 1, 1000);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].GetString("body", 0, 9), "x");
  EXPECT_EQ(messages[0].TryInt("priority", 0, 9), std::nullopt);
  EXPECT_EQ(messages[1].GetString("body", 0, 9), "y");
  EXPECT_EQ(messages[1].TryInt("priority", 0, 9), 9);
  const std::vector<std::pair<std::string_view, std::string_view>> headers = {{"k", "v"}, {"l", ""}};
  EXPECT_EQ(root.TryStringMap("headers", 8, 8, 8), headers);
  EXPECT_EQ(root.TryObject("settings")->GetInt("a", 0, 9), 1);
  EXPECT_TRUE(body.Finish().ok()) << body.Finish();
}

TEST(JsonBody, RefusesWhatIsNotStrict) {
  const std::pair<std::string, std::string> examples[] = {
      {"", "not JSON"},
      {"  ", "not JSON"},
      {"[]", "the body must be one JSON object"},
      {"7", "the body must be one JSON object"},
      {"null", "the body must be one JSON object"},
      {"{} x", "not JSON"},
      {"{}{}", "not JSON"},
      {"{\"a\":1,}", "not JSON at byte 7"},
      {"{a:1}", "not JSON"},
      {"{'a':1}", "not JSON"},
      {"{\"a\":1", "not JSON"},
      {"{\"a\":01}", "not JSON"},
      {"{\"a\":NaN}", "not JSON"},
      {"{\"a\":/**/1}", "not JSON"},
      {"{\"a\":\"\x01\"}", "not JSON"},
      {"{\"a\":\"\xff\"}", "not JSON"},
      {"{\"a\":\"\xed\xa0\x80\"}", "not JSON"},
      {"{\"a\":\"\\ud800\"}", "not JSON"},
      {"{\"a\":\"\\x\"}", "not JSON"},
      {"\xef\xbb\xbf{}", "not JSON"},
      {"{\"a\":1.0}", "\"a\" must be an integer of 64 bits"},
      {"{\"a\":1e3}", "\"a\" must be an integer"},
      {"{\"a\":-1E-3}", "\"a\" must be an integer"},
      {"{\"a\":1e999}", "\"a\" must be an integer"},
      {"{\"a\":{\"b\":[1,2.5]}}", "\"a.b\" must be an integer"},
      {"{\"a\":9223372036854775808}", "\"a\" is too large"},
      {"{\"a\":18446744073709551616}", "\"a\" must be an integer"},
      {"{\"a\":-9223372036854775809}", "\"a\" must be an integer"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "\"a\" comes twice"},
      {"{\"a\":1,\"\\u0061\":3}", "\"a\" comes twice"},
      {"{\"x\":[{},{\"a\":1,\"a\":1}]}", "\"x[1].a\" comes twice"},
      {Nested(17), "not JSON"},
  };
  for (const auto& [text, want] : examples)
    EXPECT_TRUE(ParseError(text).starts_with(want)) << text << ": " << ParseError(text);
  EXPECT_EQ(ParseError(Nested(16)), "");
  EXPECT_EQ(ParseError("{\"a\":9223372036854775807,\"b\":-9223372036854775808}"), "");
}

TEST(JsonBody, BoundsTheNumberOfKeysAndFindsDuplicatesAmongMany) {
  const auto with_keys = [](int count, const std::string& last) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) text += "\"k" + std::to_string(i) + "\":1,";
    return text + "\"" + last + "\":1}";
  };
  EXPECT_EQ(ParseError(with_keys(1023, "z")), "");
  EXPECT_NE(ParseError(with_keys(1024, "z")), "");
  EXPECT_EQ(ParseError(with_keys(500, "k250")), "\"k250\" comes twice");
}

// Each getter against one body, and the error that Finish() has to give.
TEST(JsonBody, NamesTheFieldThatIsWrong) {
  using Use = void (*)(JsonObject&);
  struct Example {
    std::string_view text;
    Use use;
    std::string_view want;
  };
  const Example examples[] = {
      {R"({})", [](JsonObject& o) { o.GetString("name", 1, 9); }, "\"name\" is missing"},
      {R"({"name":null})", [](JsonObject& o) { o.GetString("name", 1, 9); }, "\"name\" is missing"},
      {R"({"name":7})", [](JsonObject& o) { o.GetString("name", 1, 9); },
       "\"name\" must be a string, not an integer"},
      {R"({"name":""})", [](JsonObject& o) { o.GetString("name", 1, 9); },
       "\"name\" must be 1 to 9 bytes long, not 0"},
      {R"({"name":"0123456789"})", [](JsonObject& o) { o.TryString("name", 1, 9); },
       "\"name\" must be 1 to 9 bytes long, not 10"},
      {R"({"n":"1"})", [](JsonObject& o) { o.GetInt("n", 0, 9); }, "\"n\" must be an integer, not a string"},
      {R"({"n":10})", [](JsonObject& o) { o.GetInt("n", 0, 9); }, "\"n\" must be 0 to 9, not 10"},
      {R"({"n":-1})", [](JsonObject& o) { o.TryInt("n", 0, 9); }, "\"n\" must be 0 to 9, not -1"},
      {R"({})", [](JsonObject& o) { o.GetInt("n", 0, 9); }, "\"n\" is missing"},
      {R"({"b":0})", [](JsonObject& o) { o.TryBool("b"); }, "\"b\" must be true or false, not an integer"},
      {R"({})", [](JsonObject& o) { o.GetBool("b"); }, "\"b\" is missing"},
      {R"({"l":["a",1]})", [](JsonObject& o) { o.GetStrings("l", 0, 9, 0, 9); }, "\"l[1]\" must be a string"},
      {R"({"l":["a","bb"]})", [](JsonObject& o) { o.GetStrings("l", 0, 9, 0, 1); },
       "\"l[1]\" must be 0 to 1 bytes long, not 2"},
      {R"({"l":[]})", [](JsonObject& o) { o.GetStrings("l", 1, 9, 0, 9); },
       "\"l\" must have 1 to 9 members, not 0"},
      {R"({"l":"a"})", [](JsonObject& o) { o.TryStrings("l", 1, 9, 0, 9); },
       "\"l\" must be a list, not a string"},
      {R"({"m":[{"t":1},{"t":0}]})",
       [](JsonObject& o) {
         for (JsonObject& m : o.GetObjects("m", 1, 9)) m.GetInt("t", 1, 9);
       },
       "\"m[1].t\" must be 1 to 9, not 0"},
      {R"({"m":[{},{"x":{"y":0}}]})",
       [](JsonObject& o) {
         for (JsonObject& m : o.GetObjects("m", 1, 9)) m.TryObject("x");
       },
       "\"m[1].x.y\" is not known here"},
      {R"({"m":[1]})", [](JsonObject& o) { o.GetObjects("m", 1, 9); }, "\"m[0]\" must be an object"},
      {R"({"h":{"a":1}})", [](JsonObject& o) { o.TryStringMap("h", 9, 9, 9); }, "\"h.a\" must be a string"},
      {R"({"h":{"a":"1","b":"2"}})", [](JsonObject& o) { o.TryStringMap("h", 1, 9, 9); },
       "\"h\" must have at most 1 members"},
      {R"({"h":{"":"1"}})", [](JsonObject& o) { o.TryStringMap("h", 9, 9, 9); },
       "\"h\" must have keys of 1 to 9 bytes"},
      {R"({"h":{"k":"123"}})", [](JsonObject& o) { o.TryStringMap("h", 9, 9, 2); },
       "\"h.k\" must be 0 to 2 bytes long, not 3"},
      {R"({"a":1,"b":2})", [](JsonObject& o) { o.GetInt("a", 0, 9); }, "\"b\" is not known here"},
      {R"({"a":1})",
       [](JsonObject& o) {
         o.GetInt("a", 0, 9);
         o.Reject("a", "must be odd");
         o.Reject("b", "later");
       },
       "\"a\" must be odd"},
  };
  for (const Example& example : examples) {
    JsonBody body;
    ASSERT_TRUE(body.Parse(example.text).ok()) << example.text;
    JsonObject root = body.root();
    example.use(root);
    EXPECT_EQ(body.Finish().message(), example.want) << example.text;
  }
}

TEST(JsonBody, MayBeReused) {
  JsonBody body;
  EXPECT_FALSE(body.Parse("{\"a\":1.5}").ok());
  ASSERT_TRUE(body.Parse("{\"a\":\"\\n\"}").ok());
  EXPECT_EQ(body.root().GetString("a", 0, 9), "\n");
  EXPECT_TRUE(body.Finish().ok());
  EXPECT_FALSE(body.Parse("{\"a\":").ok());
  ASSERT_TRUE(body.Parse("{}").ok());
  EXPECT_TRUE(body.Finish().ok());
}

// Goal: no JSON bottleneck in batches. Method: 100 messages of 256 bytes, some with escapes; the floor is far
// below what is measured (docs say which figure), so that a loaded machine or a sanitizer does not fail it.
TEST(JsonBody, ReadsBatchesFast) {
  std::string text = "{\"messages\":[";
  for (int i = 0; i < 100; ++i) {
    if (i > 0) text += ",";
    text += "{\"body\":\"" + std::string(250, 'x') + (i % 4 == 0 ? "\\n\\u00e4" : "xxxxx") +
            "\",\"priority\":4,\"group\":\"g7\"}";
  }
  text += "]}";
  JsonBody body;
  constexpr int kRounds = 500;
  size_t bytes = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(body.Parse(text).ok());
    for (JsonObject& message : body.root().GetObjects("messages", 1, 1000)) {
      bytes += message.GetString("body", 0, 1 << 20).size();
      message.TryInt("priority", 0, 9);
      message.TryString("group", 1, 128);
    }
    ASSERT_TRUE(body.Finish().ok());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double rate = kRounds * 100 / took.count();
  std::printf("%.0f messages/s, %.0f MB/s\n", rate, static_cast<double>(bytes) / took.count() / 1e6);
  EXPECT_GT(rate, 20'000);
}

}  // namespace
}  // namespace mom::rest
