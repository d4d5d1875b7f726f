#include "rest/names.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace mom::rest {
namespace {

using namespace std::string_view_literals;

TEST(Names, FollowTheRule) {
  for (const std::string_view good : {"a", "7", "Orders", "a.b_c-d", "0-._"})
    EXPECT_TRUE(IsName(good)) << good;
  EXPECT_TRUE(IsName(std::string(128, 'x')));
  EXPECT_FALSE(IsName(std::string(129, 'x')));
  for (const std::string_view bad :
       {""sv, ".a"sv, "_a"sv, "-a"sv, "a b"sv, "a/b"sv, "ä"sv, "a\0b"sv, "a\n"sv, "*"sv})
    EXPECT_FALSE(IsName(bad)) << bad;
}

TEST(Utf8, RefusesEverythingThatIsNotShortestForm) {
  for (const std::string_view good :
       {""sv, "abc"sv, "\0"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv,
        "\xee\x80\x80"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv})
    EXPECT_TRUE(IsUtf8(good)) << good;
  for (const std::string_view bad :
       {"\x80"sv, "\xff"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv,
        "\xe2\x82"sv, "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "a\xe2\x28\xa1"sv})
    EXPECT_FALSE(IsUtf8(bad)) << bad;
}

TEST(Utf8, KnowsControlCharacters) {
  for (const std::string_view bad : {"\0"sv, "a\x1f"sv, "\x7f"sv, "\xc2\x80"sv, "x\xc2\x9f"sv})
    EXPECT_TRUE(HasControlCharacter(bad));
  for (const std::string_view good : {"abc"sv, "\xc2\xa0"sv, "\xe2\x80\x93"sv, ""sv})
    EXPECT_FALSE(HasControlCharacter(good));
}

TEST(Base64, RoundTripsAndMatchesRfc4648) {
  const std::pair<std::string_view, std::string_view> examples[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    std::string back;
    EXPECT_TRUE(DecodeBase64(text, &back));
    EXPECT_EQ(back, bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) {
    all.push_back(static_cast<char>(i));
    std::string back;
    ASSERT_TRUE(DecodeBase64(EncodeBase64(all), &back));
    ASSERT_EQ(back, all);
  }
}

TEST(Base64, IsStrict) {
  std::string out;
  for (const std::string_view bad : {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Zh==", "Zm9=", "Zm9v\n", "Zm 9",
                                     "Zm-_", "Zg==Zg==", "Z===", "Zm9vY\xff=="})
    EXPECT_FALSE(DecodeBase64(bad, &out)) << bad;
}

TEST(Timestamps, AreRfc3339WithMilliseconds) {
  EXPECT_EQ(FormatTimestamp({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTimestamp({-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatTimestamp({951'782'400'007}), "2000-02-29T00:00:00.007Z");
  EXPECT_EQ(FormatTimestamp({1'709'251'199'999}), "2024-02-29T23:59:59.999Z");
  EXPECT_EQ(FormatTimestamp({4'107'542'400'000}), "2100-03-01T00:00:00.000Z");
  EXPECT_EQ(FormatTimestamp({INT64_MIN}), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTimestamp({INT64_MAX}), "9999-12-31T23:59:59.999Z");
}

// Method: every 17th hour of a thousand years, against the C library.
TEST(Timestamps, AgreeWithTheCLibrary) {
  for (int64_t seconds = -15'000'000'000; seconds < 16'000'000'000; seconds += 61'217) {
    const time_t time = seconds;
    tm parts{};
    gmtime_r(&time, &parts);
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    ASSERT_EQ(FormatTimestamp({seconds * 1000}), text);
  }
}

}  // namespace
}  // namespace mom::rest
