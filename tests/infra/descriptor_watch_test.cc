// Goal: connections are refused while descriptors are left, clients' first, and taken again once there are
// more. Method: a count that the test sets, and the real one under a low limit of the process.
#include "infra/descriptor_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <vector>

namespace mom::infra {
namespace {

using namespace std::chrono_literals;

class DescriptorWatchTest : public testing::Test {
 protected:
  // Counts only when it must, unless the test says otherwise.
  DescriptorWatchOptions Options() {
    DescriptorWatchOptions options;
    options.limit = 800;
    options.count = [this] {
      ++counts_;
      return open_.load();
    };
    options.warn = [this](const std::string& text) {
      std::lock_guard lock(mutex_);
      lines_.push_back(text);
    };
    options.count_pause = 1h;
    options.recount_pause = 0ms;
    return options;
  }
  std::vector<std::string> Lines() {
    std::lock_guard lock(mutex_);
    return lines_;
  }

  std::atomic<uint64_t> open_{0};
  std::atomic<int> counts_{0};
  std::mutex mutex_;
  std::vector<std::string> lines_;  // Guarded by mutex_.
};

TEST_F(DescriptorWatchTest, ClientsAreRefusedBeforeNodes) {
  open_ = 598;
  DescriptorWatch watch(Options());
  EXPECT_TRUE(watch.Admits(DescriptorUse::kClient));
  open_ = 600;
  EXPECT_TRUE(watch.Admits(DescriptorUse::kClient));
  EXPECT_FALSE(watch.Admits(DescriptorUse::kClient));
  EXPECT_TRUE(watch.Admits(DescriptorUse::kPeer));
  open_ = 700;
  for (int i = 0; i < 200; ++i) watch.Admits(DescriptorUse::kPeer);
  EXPECT_FALSE(watch.Admits(DescriptorUse::kPeer));
  open_ = 100;
  EXPECT_TRUE(watch.Admits(DescriptorUse::kPeer));
  EXPECT_TRUE(watch.Admits(DescriptorUse::kClient));
}

// A burst between two counts: each that was admitted may hold a descriptor that was not counted yet.
TEST_F(DescriptorWatchTest, ABurstDoesNotPassTheMark) {
  DescriptorWatchOptions options = Options();
  options.recount_pause = 1h;
  DescriptorWatch watch(options);
  uint64_t admitted = 0;
  for (int i = 0; i < 5000; ++i) admitted += watch.Admits(DescriptorUse::kClient) ? 1 : 0;
  EXPECT_EQ(admitted, watch.MarkOf(DescriptorUse::kClient));
  EXPECT_EQ(counts_, 1);
}

// Clients that come and go at once hold nothing.
TEST_F(DescriptorWatchTest, ConnectionsThatAreGoneDoNotCount) {
  open_ = 10;
  DescriptorWatch watch(Options());
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(watch.Admits(DescriptorUse::kClient)) << i;
  EXPECT_LT(counts_, 20);  // Counting costs.
}

TEST_F(DescriptorWatchTest, WarnsBeforeItRefusesAndNotTooOften) {
  DescriptorWatchOptions options = Options();
  options.count_pause = 1ms;
  options.warn_pause = 1h;
  open_ = 399;
  DescriptorWatch watch(options);
  while (counts_ < 5) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(Lines().empty());
  open_ = 400;
  const int before = counts_;
  while (counts_ < before + 20) std::this_thread::sleep_for(1ms);
  ASSERT_EQ(Lines().size(), 1u);
  EXPECT_EQ(Lines()[0], "400 of 800 file descriptors are open");
}

TEST_F(DescriptorWatchTest, TheLineSaysWhatIsRefused) {
  DescriptorWatchOptions options = Options();
  options.warn_pause = 1h;  // For what is no worse.
  open_ = 600;
  DescriptorWatch watch(options);
  for (const uint64_t open : {700, 600, 700}) {
    open_ = open;
    EXPECT_FALSE(watch.Admits(DescriptorUse::kClient));
  }
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("connections of clients are refused"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("of clients and to other nodes are refused"), std::string::npos) << lines[1];
}

// Goal: it works with the system's own numbers. Method: a low limit for this process, and files.
TEST_F(DescriptorWatchTest, SeesTheDescriptorsOfTheProcess) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 200;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  ASSERT_EQ(DescriptorLimit(), 200u);
  DescriptorWatchOptions options = Options();
  options.limit = DescriptorLimit();
  options.count = CountOpenDescriptors;
  const uint64_t count = CountOpenDescriptors();
  std::vector<int> files;
  {
    DescriptorWatch watch(options);
    while (watch.Admits(DescriptorUse::kPeer)) {
      files.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
      ASSERT_GE(files.back(), 0) << "ran out although it was admitted";
    }
    EXPECT_EQ(CountOpenDescriptors(), count + files.size());
    EXPECT_EQ(count + files.size(), watch.MarkOf(DescriptorUse::kPeer));
    for (int file : files) close(file);
    EXPECT_TRUE(watch.Admits(DescriptorUse::kPeer));
  }
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace mom::infra
