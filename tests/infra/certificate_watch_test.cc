// Goal: whoever reads the log learns in time that a certificate ends, that it has ended, and that it was
// renewed, without being told every few seconds. Method: files and clock that the test sets.
#include "infra/certificate_watch.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace mom::infra {
namespace {

using namespace std::chrono_literals;
constexpr int64_t kDayMs = 24LL * 3600 * 1000;

class CertificateWatchTest : public testing::Test {
 protected:
  CertificateWatchOptions Options() {
    CertificateWatchOptions options;
    options.check = [this](Timestamp) {
      std::lock_guard lock(mutex_);
      ++checks_;
      changed_.notify_all();
      return answer_;
    };
    options.now = [] { return Timestamp{0}; };
    options.tell = [this](bool is_bad, const std::string& text) {
      std::lock_guard lock(mutex_);
      lines_.emplace_back(is_bad, text);
    };
    options.check_pause = 1ms;
    return options;
  }
  void Set(Result<replication::NodeCertificate> answer) {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  // The lines since the last call, once the watch has looked several more times.
  std::vector<std::pair<bool, std::string>> LinesAfterLooking() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, enough = checks_ + 5] { return checks_ >= enough; });
    return std::exchange(lines_, {});
  }
  static replication::NodeCertificate Ending(int64_t days, const char* fingerprint) {
    return {Timestamp{days * kDayMs}, fingerprint};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int checks_ = 0;
  std::vector<std::pair<bool, std::string>> lines_;
  Result<replication::NodeCertificate> answer_ = Ending(100, "a");
};

TEST_F(CertificateWatchTest, TellsOnceOfAnEndThatIsNearOfWhatIsWrongAndOfARenewal) {
  CertificateWatch watch(Ending(100, "a"), Options());
  EXPECT_TRUE(LinesAfterLooking().empty());
  Set(Ending(29, "a"));
  auto lines = LinesAfterLooking();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].first);
  EXPECT_NE(lines[0].second.find("ends in 29 days"), std::string::npos);
  EXPECT_EQ(watch.until().ms, 29 * kDayMs);
  Set(Status(Status::kInvalidArgument, "it expired"));
  lines = LinesAfterLooking();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].first);
  EXPECT_EQ(lines[0].second, "it expired");
  Set(Ending(365, "b"));
  lines = LinesAfterLooking();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_FALSE(lines[0].first);
  EXPECT_NE(lines[0].second.find("renewed"), std::string::npos);
  EXPECT_EQ(watch.until().ms, 365 * kDayMs);
  EXPECT_TRUE(LinesAfterLooking().empty());
}

TEST_F(CertificateWatchTest, RemindsOfWhatIsStillWrong) {
  auto options = Options();
  options.bad_pause = 0ms;
  Set(Status(Status::kInvalidArgument, "it expired"));
  CertificateWatch watch(Ending(100, "a"), std::move(options));
  EXPECT_GE(LinesAfterLooking().size(), 3u);
}

}  // namespace
}  // namespace mom::infra
