// The first administrator's password as editors, `echo`, Windows and containers hand it over.
#include "infra/admin_password.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace mom::infra {
namespace {

std::string Cleaned(const std::string& given) {
  const auto password = CleanPassword(given, "here");
  return password.ok() ? *password : "refused: " + password.status().message();
}

TEST(AdminPassword, LosesOneLineEndAndAByteOrderMark) {
  EXPECT_EQ(Cleaned("a good password"), "a good password");
  EXPECT_EQ(Cleaned("a good password\n"), "a good password");
  EXPECT_EQ(Cleaned("a good password\r\n"), "a good password");
  EXPECT_EQ(Cleaned("\xef\xbb\xbf"
                    "a good password\r\n"),
            "a good password");
  EXPECT_EQ(Cleaned(" spaces stay \n"), " spaces stay ");
}

TEST(AdminPassword, IsCountedInCharacters) {
  const std::string umlaut = "\xc3\xa4";
  std::string text;
  for (int i = 0; i < 7; ++i) text += umlaut;
  EXPECT_EQ(Cleaned(text),
            "refused: the administrator's password (here): it has 7 characters and must have 8 to 128");
  for (int i = 7; i < 128; ++i) text += umlaut;
  EXPECT_EQ(Cleaned(text), text);
  EXPECT_NE(Cleaned(text + umlaut).find("it has 129 characters"), std::string::npos);
}

TEST(AdminPassword, RefusesByName) {
  EXPECT_NE(Cleaned("").find("it is empty"), std::string::npos);
  EXPECT_NE(Cleaned("\n").find("it is empty"), std::string::npos);
  EXPECT_NE(Cleaned("\xef\xbb\xbf\r\n").find("it is empty"), std::string::npos);
  EXPECT_NE(Cleaned("latin \xe4\xf6\xfc ones").find("not UTF-8"), std::string::npos);
  for (const char* text : {"two lines\nof it", "two line ends\n\n", "only a CR behind\r", "a tab\tin it"})
    EXPECT_NE(Cleaned(text).find("control characters"), std::string::npos) << text;
}

class AdminPasswordFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "mom-password-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    path_ = dir_ + "/password";
    std::ofstream(path_) << "from the file\r\n";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // What comes of a file with that mode.
  std::string Read(mode_t mode, const char* variable = nullptr) {
    EXPECT_EQ(chmod(path_.c_str(), mode), 0);
    warnings_ = 0;
    const auto password = GivenPassword(variable, path_, [this](const std::string&) { ++warnings_; });
    if (!password.ok()) return password.status().message();
    return *password ? **password : "none";
  }

  std::string dir_, path_;
  int warnings_ = 0;
};

TEST_F(AdminPasswordFile, MayBeReadByOthersWithAWarningButNotWritten) {
  EXPECT_EQ(Read(0600), "from the file");
  EXPECT_EQ(warnings_, 0);
  EXPECT_EQ(Read(0400), "from the file");
  EXPECT_EQ(warnings_, 0);
  for (const mode_t mode : {0444, 0440, 0644}) {
    EXPECT_EQ(Read(mode), "from the file");
    EXPECT_EQ(warnings_, 1);
  }
  for (const mode_t mode : {0620, 0602, 0666, 0660})
    EXPECT_NE(Read(mode).find("others may write this file"), std::string::npos);
}

TEST_F(AdminPasswordFile, TheVariableBeatsIt) {
  EXPECT_EQ(Read(0600, "from the variable"), "from the variable");
  EXPECT_EQ(Read(0600, ""), "from the file");
}

TEST_F(AdminPasswordFile, MissingIsSaidAndNoneIsNone) {
  std::filesystem::remove(path_);
  const auto missing = GivenPassword(nullptr, path_, nullptr);
  EXPECT_NE(missing.status().message().find(path_ + "): No such file"), std::string::npos)
      << missing.status().message();
  const auto folder = GivenPassword(nullptr, dir_, nullptr);
  EXPECT_NE(folder.status().message().find("not a file"), std::string::npos);
  const auto none = GivenPassword(nullptr, "", nullptr);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(*none);
}

}  // namespace
}  // namespace mom::infra
