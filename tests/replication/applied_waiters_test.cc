// Goal: who waits for an end is told once: that it is applied, that time is over, or that nothing comes any
// more.
#include "replication/replica/applied_waiters.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mom::replication {
namespace {

using Clock = AppliedWaiters::Clock;

class AppliedWaitersTest : public testing::Test {
 protected:
  static Clock::time_point At(int second) { return Clock::time_point{} + std::chrono::seconds(second); }
  bool Add(uint64_t end, int second) {
    return waiters_.Add(Offset{end}, At(second),
                        [this, end](bool applied) { told_ += std::to_string(end) + (applied ? "+" : "-"); });
  }
  std::string Told() { return std::exchange(told_, {}); }

  AppliedWaiters waiters_{Offset{10}};
  std::string told_;
};

TEST_F(AppliedWaitersTest, WhatIsAppliedIsToldInOrder) {
  Add(10, 1);
  EXPECT_EQ(Told(), "10+");
  Add(13, 1);
  Add(11, 1);
  Add(12, 1);
  EXPECT_EQ(Told(), "");
  waiters_.Release(Offset{12});
  EXPECT_EQ(Told(), "11+12+");
  waiters_.Release(Offset{11});  // An older one says nothing new.
  Add(12, 1);
  EXPECT_EQ(Told(), "12+");
  waiters_.Release(Offset{100});
  EXPECT_EQ(Told(), "13+");
}

TEST_F(AppliedWaitersTest, TimeEndsTheWaiting) {
  EXPECT_TRUE(Add(20, 5));
  EXPECT_FALSE(Add(21, 6));  // Looked at in time anyway.
  EXPECT_TRUE(Add(22, 4));
  EXPECT_EQ(waiters_.Expire(At(3)), At(4));
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(waiters_.Expire(At(5)), At(6));
  EXPECT_EQ(Told(), "20-22-");
  EXPECT_EQ(waiters_.Expire(At(6)), Clock::time_point::max());
  EXPECT_EQ(Told(), "21-");
  EXPECT_TRUE(Add(23, 7));  // Nobody looks any more unless told.
}

TEST_F(AppliedWaitersTest, TheEndIsToldAlsoToThoseWhoComeLater) {
  Add(20, 5);
  waiters_.Close();
  EXPECT_EQ(Told(), "20-");
  EXPECT_FALSE(Add(21, 5));
  EXPECT_EQ(Told(), "21-");
  Add(10, 5);
  EXPECT_EQ(Told(), "10+");
}

TEST_F(AppliedWaitersTest, WhoIsToldMayWaitAgain) {
  waiters_.Add(Offset{11}, At(1), [this](bool) { Add(12, 2); });
  waiters_.Release(Offset{12});
  EXPECT_EQ(Told(), "12+");
}

// Each of those who come from all sides meanwhile is told.
TEST(AppliedWaitersThreads, NobodyIsForgotten) {
  AppliedWaiters waiters(Offset{0});
  constexpr uint64_t kEnds = 20'000;
  std::atomic<uint64_t> told{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (uint64_t end = 1; end <= kEnds; ++end) {
        waiters.Add(Offset{end}, Clock::now() + std::chrono::hours(1),
                    [&](bool applied) { told += applied; });
      }
    });
  }
  for (uint64_t end = 1; end <= kEnds; ++end) waiters.Release(Offset{end});
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(told, 2 * kEnds);
}

}  // namespace
}  // namespace mom::replication
