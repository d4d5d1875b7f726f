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

TEST(InboxTest, WakesTheDriverOnceMoreWhenSoManyAreThere) {
  Inbox inbox;
  EXPECT_TRUE(inbox.Add(Of("a")));
  inbox.WakeAt(3);
  EXPECT_FALSE(inbox.Add(Of("b")));
  EXPECT_TRUE(inbox.Add(Of("c")));
  EXPECT_FALSE(inbox.Add(Of("d"))) << "once is enough";
  inbox.WakeAt(5);
  EXPECT_EQ(inbox.Take().size(), 4u);
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(inbox.Add(Of("e"))) << "taken since: nobody waits for a number";
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
    pace.OnProposed(Offset{++end}, 1, Instant{now});
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

// A crowd of clients that was answered together comes back together: most of it is waited for, but not for
// longer than a commit takes.
TEST(CommitPaceTest, LingersForACrowdAndNotForAFew) {
  constexpr int64_t kMs = 1'000'000;
  CommitPace pace;
  EXPECT_FALSE(pace.MayLinger()) << "nobody was there yet";
  uint64_t end = 0;
  int64_t now = 0;
  const auto commit = [&](size_t commands, int64_t ms) {
    pace.OnProposed(Offset{end += commands}, commands, Instant{now});
    pace.OnCommitted(Offset{end}, Instant{now += ms * kMs});
  };
  for (int i = 0; i < 100; ++i) commit(20, 2);
  ASSERT_TRUE(pace.MayLinger());
  const auto linger = pace.LingerFrom(Instant{now}, 10);
  EXPECT_EQ(linger.commands, 24u);
  EXPECT_GT(linger.until, Instant{now + kMs});
  EXPECT_LE(linger.until, Instant{now + 2 * kMs});
  commit(7, 2);
  EXPECT_FALSE(pace.MayLinger());
  for (int i = 0; i < 100; ++i) commit(20, 6);
  EXPECT_FALSE(pace.MayLinger()) << "across a long distance";
}

TEST(CommitPaceTest, WhatWasNeverCommittedIsForgotten) {
  CommitPace pace;
  pace.OnProposed(Offset{5}, 1, Instant{0});
  pace.Forget();
  pace.OnCommitted(Offset{9}, Instant{int64_t{3600} * 1'000'000'000});
  EXPECT_TRUE(pace.IsShort());
}

}  // namespace
}  // namespace mom::replication
