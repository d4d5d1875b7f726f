// Inbox and CommitPace: when the driver is woken, and when waiting for company pays.
#include "replication/replica/inbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "replication/replica/commit_pace.h"

namespace mom::replication {
namespace {

Proposal Of(const std::string& text) {
  return Proposal{EntryKind::kCommand, std::make_shared<const std::string>(text), {}};
}

TEST(InboxTest, OneWakesTheDriverForAll) {
  Inbox inbox;
  EXPECT_TRUE(inbox.empty());
  EXPECT_TRUE(inbox.Add(Of("a")));
  EXPECT_FALSE(inbox.Add(Of("b")));
  EXPECT_FALSE(inbox.empty());
  const auto taken = inbox.Take();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(*taken[0].payload, "a");
  EXPECT_EQ(*taken[1].payload, "b");
}

TEST(InboxTest, WhoHasTakenSomethingComesBackUnasked) {
  Inbox inbox;
  EXPECT_TRUE(inbox.Add(Of("a")));
  EXPECT_EQ(inbox.Take().size(), 1u);
  EXPECT_FALSE(inbox.Add(Of("b")));
  EXPECT_EQ(inbox.Take().size(), 1u);
  EXPECT_TRUE(inbox.Take().empty());
  EXPECT_TRUE(inbox.Add(Of("c"))) << "nobody would ever take it";
}

// A driver that stops coming back after an empty hand must never leave anything behind.
TEST(InboxTest, NothingIsLeftBehindByManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  Inbox inbox;
  std::mutex driver;  // One at a time, as on the replica thread.
  size_t taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        if (!inbox.Add(Of("x"))) continue;
        std::lock_guard lock(driver);
        for (auto some = inbox.Take(); !some.empty(); some = inbox.Take()) taken += some.size();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, size_t{kThreads} * kEach);
  EXPECT_TRUE(inbox.empty());
}

TEST(CommitPaceTest, WaitsWhileCommitsAreQuickAndNotAcrossLongDistances) {
  constexpr int64_t kMs = 1'000'000;
  CommitPace pace;
  EXPECT_TRUE(pace.IsShort()) << "before anything is known";
  uint64_t end = 0;
  int64_t now = 0;
  const auto commit = [&](int64_t ms) {
    pace.OnProposed(Offset{++end}, Instant{now});
    pace.OnCommitted(Offset{end - 1}, Instant{now + 1});  // Of what came before it: does not count.
    pace.OnCommitted(Offset{end}, Instant{now += ms * kMs});
  };
  for (int i = 0; i < 50; ++i) commit(1);
  EXPECT_TRUE(pace.IsShort());
  commit(30);
  EXPECT_TRUE(pace.IsShort()) << "one slow fsync changes little";
  for (int i = 0; i < 10; ++i) commit(30);
  EXPECT_FALSE(pace.IsShort());
  for (int i = 0; i < 30; ++i) commit(1);
  EXPECT_TRUE(pace.IsShort());
}

TEST(CommitPaceTest, WhatWasNeverCommittedIsForgotten) {
  CommitPace pace;
  pace.OnProposed(Offset{5}, Instant{0});
  pace.Forget();
  pace.OnCommitted(Offset{9}, Instant{int64_t{3600} * 1'000'000'000});
  EXPECT_TRUE(pace.IsShort());
}

}  // namespace
}  // namespace mom::replication
