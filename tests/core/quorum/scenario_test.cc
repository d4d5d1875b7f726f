// One test a scenario in scenarios/. MOM_BLESS=1 writes what is printed into the files instead of comparing:
// read the difference before it is committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/core/quorum/script.h"

namespace mom::quorum {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The first line that differs, with its number.
std::string FirstDifference(const std::string& expected, const std::string& actual) {
  std::istringstream a(expected), b(actual);
  for (int number = 1;; ++number) {
    std::string x, y;
    const bool has_x = static_cast<bool>(std::getline(a, x)), has_y = static_cast<bool>(std::getline(b, y));
    if (!has_x && !has_y) return "none";
    if (x != y || has_x != has_y) {
      return "line " + std::to_string(number) + "\n  expected: " + x + "\n  printed:  " + y;
    }
  }
}

class Scenario : public testing::Test {
 public:
  explicit Scenario(std::filesystem::path path) : path_(std::move(path)) {}
  void TestBody() override {
    const std::string expected = ReadFile(path_);
    Script script;
    const std::string actual = script.Run(expected);
    if (std::getenv("MOM_BLESS") != nullptr) {
      std::ofstream(path_) << actual;
      return;
    }
    EXPECT_TRUE(actual == expected) << FirstDifference(expected, actual) << "\n(MOM_BLESS=1 accepts it)";
  }

 private:
  const std::filesystem::path path_;
};

// Registered before main, for gtest_discover_tests to see.
const bool kRegistered = [] {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(MOM_SCENARIOS_DIR)) {
    if (file.path().extension() == ".txt") files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::string name = path.stem();
    std::replace(name.begin(), name.end(), '-', '_');
    testing::RegisterTest("Scenario", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [path]() -> Scenario* { return new Scenario(path); });
  }
  return !files.empty();
}();

TEST(Scenarios, AreThere) {
  EXPECT_TRUE(kRegistered);
}

}  // namespace
}  // namespace mom::quorum
