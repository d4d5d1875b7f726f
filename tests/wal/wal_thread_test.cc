// Group commit: what was submitted becomes durable in order, many at once, and a failure is final.
#include "wal/wal_thread.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <numeric>
#include <thread>

#include "tests/wal/log_fixture.h"

namespace mom::wal {
namespace {

// Collects what the thread reports, and waits for it.
class Reports {
 public:
  WalThread::OnPersisted Callback() {
    return [this](const Status& status, Offset durable_end) {
      std::lock_guard lock(mutex_);
      EXPECT_TRUE(durable_end >= end_ || may_shrink_) << durable_end << " after " << end_;
      EXPECT_TRUE(failure_.ok()) << "a failure is reported once and last";
      end_ = durable_end;
      failure_ = status;
      ++rounds_;
      changed_.notify_all();
    };
  }
  void WaitFor(Offset end) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return end_ >= end || !failure_.ok(); });
  }
  Status WaitForFailure() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !failure_.ok(); });
    return failure_;
  }
  void AllowTruncation() { may_shrink_ = true; }
  uint64_t rounds() const {
    std::lock_guard lock(mutex_);
    return rounds_;
  }
  Offset end() const {
    std::lock_guard lock(mutex_);
    return end_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Offset end_;
  Status failure_;
  uint64_t rounds_ = 0;
  bool may_shrink_ = false;
};

// Keeps the WAL thread busy until opened, so that a queue builds up behind it.
class Gate {
 public:
  WalThread::Task Task() {
    return [future = opened_.get_future().share()](Wal*) { future.wait(); };
  }
  void Open() { opened_.set_value(); }

 private:
  std::promise<void> opened_;
};

class WalThreadTest : public testing::Test {
 protected:
  void Start(WalThreadOptions options = {}) {
    thread_ = std::make_unique<WalThread>(MustOpen(env_.get(), SmallSegments(1u << 16)), options);
    thread_->Start(reports_.Callback());
  }

  std::unique_ptr<MemoryEnv> env_ = NewDisk();
  Reports reports_;
  std::unique_ptr<WalThread> thread_;
};

TEST_F(WalThreadTest, PersistsInOrderAndCloses) {
  Start();
  const auto entries = MakeEntries(0, std::vector<size_t>(300, 900));
  for (const Entry& entry : entries) ASSERT_TRUE(thread_->Submit({entry}).ok());
  EXPECT_TRUE(thread_->Stop().ok());
  EXPECT_EQ(reports_.end(), Offset{300});
  EXPECT_EQ(thread_->Submit({MakeEntry(300, "")}).code(), Status::kStopping);
  EXPECT_EQ(thread_->Post([](Wal*) {}).code(), Status::kStopping);
  env_->Crash({CrashMode::kDropUnsynced});
  ExpectHolds(MustOpen(env_.get(), SmallSegments(1u << 16)).get(), entries);
}

TEST_F(WalThreadTest, OneSyncForAllThatGathered) {
  Start();
  Gate gate;
  std::promise<uint64_t> syncs_before;
  ASSERT_TRUE(thread_->PostOrdered([&](Wal* wal) { syncs_before.set_value(wal->sync_count()); }).ok());
  ASSERT_TRUE(thread_->PostOrdered(gate.Task()).ok());
  for (uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(thread_->Submit({MakeEntry(i, "small")}).ok());
  gate.Open();
  reports_.WaitFor(Offset{100});
  std::promise<uint64_t> syncs_after;
  ASSERT_TRUE(thread_->Post([&](Wal* wal) { syncs_after.set_value(wal->sync_count()); }).ok());
  EXPECT_EQ(syncs_after.get_future().get() - syncs_before.get_future().get(), 1u);
  EXPECT_EQ(reports_.rounds(), 1u);
}

// A full disk is no failure: what waits is written once somebody has dropped the beginning of the log.
TEST_F(WalThreadTest, EntriesWaitForRoomWhileReadsRun) {
  Start();
  env_->SetCapacity(3u << 16);
  const auto entries = MakeEntries(0, std::vector<size_t>(300, 900));
  for (const Entry& entry : entries) ASSERT_TRUE(thread_->Submit({entry}).ok());
  for (int tries = 0; tries < 5000 && reports_.end() < Offset{300}; ++tries) {
    std::promise<Status> dropped;
    ASSERT_TRUE(
        thread_->Post([&](Wal* wal) { dropped.set_value(wal->DropPrefix(wal->durable_end())); }).ok());
    const Status status = dropped.get_future().get();
    ASSERT_TRUE(status.ok()) << status;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(reports_.end(), Offset{300});
  EXPECT_TRUE(thread_->Stop().ok());
}

TEST_F(WalThreadTest, StopsWhileItWaitsForRoom) {
  Start();
  env_->SetCapacity(2u << 16);
  const auto entries = MakeEntries(0, std::vector<size_t>(300, 900));
  for (const Entry& entry : entries) ASSERT_TRUE(thread_->Submit({entry}).ok());
  EXPECT_EQ(thread_->Stop().code(), Status::kNoSpace);
  const Offset durable = reports_.end();
  EXPECT_LT(durable, Offset{300});
  thread_.reset();
  env_->SetCapacity(1u << 30);
  auto wal = MustOpen(env_.get(), SmallSegments(1u << 16));
  EXPECT_GE(wal->log_end(), durable);
}

// Goal: how long syncs take can be seen, and a slow one is told of. Method: every one counts as slow, then
// none.
TEST_F(WalThreadTest, CountsHowLongSyncsTakeAndTellsOfSlowOnes) {
  std::atomic<int> told{0};
  WalThreadOptions options;
  options.slow_sync_ms = 0;
  options.on_slow_sync = [&](int64_t ms) {
    EXPECT_GE(ms, 0);
    ++told;
  };
  Start(options);
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(thread_->Submit({MakeEntry(i, "small")}).ok());
    reports_.WaitFor(Offset{i + 1});
  }
  const DurationCounts times = thread_->SyncTimes();
  EXPECT_EQ(std::accumulate(times.counts.begin(), times.counts.end(), uint64_t{0}), 3u);
  EXPECT_GT(times.total_ns, 0u);
  EXPECT_EQ(told, 3);
}

TEST(DurationHistogram, CountsEachTimeUnderItsBound) {
  DurationHistogram histogram;
  for (const int64_t ns : {0, 50'000, 50'001, 300'000'000, 300'000'001, 2'000'000'000}) histogram.Add(ns);
  const DurationCounts times = histogram.Read();
  EXPECT_EQ(times.counts[0], 2u);
  EXPECT_EQ(times.counts[1], 1u);
  EXPECT_EQ(times.counts[10], 1u);
  EXPECT_EQ(times.counts[11], 1u);
  EXPECT_EQ(times.counts[12], 1u);
  EXPECT_EQ(times.total_ns, 2'600'100'002u);
}

TEST_F(WalThreadTest, ARoundIsBounded) {
  WalThreadOptions options;
  options.round_entries_max = 10;
  Start(options);
  Gate gate;
  ASSERT_TRUE(thread_->PostOrdered(gate.Task()).ok());
  for (uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(thread_->Submit({MakeEntry(i, "small")}).ok());
  gate.Open();
  reports_.WaitFor(Offset{100});
  EXPECT_EQ(reports_.rounds(), 10u);
}

TEST_F(WalThreadTest, TheQueueIsBounded) {
  WalThreadOptions options;
  options.queue_bytes_max = 2000;
  options.queue_tasks_max = 2;
  Start(options);
  Gate gate;
  ASSERT_TRUE(thread_->PostOrdered(gate.Task()).ok());
  ASSERT_TRUE(thread_->Submit({MakeEntry(0, Payload(5000, 0))}).ok()) << "one of any size passes";
  EXPECT_EQ(thread_->Submit({MakeEntry(1, "x")}).code(), Status::kOverloaded);
  Status status;
  for (int i = 0; i < 4 && status.ok(); ++i) status = thread_->PostOrdered([](Wal*) {});
  EXPECT_EQ(status.code(), Status::kOverloaded);
  gate.Open();
  reports_.WaitFor(Offset{1});
  // The callback comes shortly before the bytes are counted out.
  std::promise<void> passed;
  while (!thread_->PostOrdered([&](Wal*) { passed.set_value(); }).ok()) std::this_thread::yield();
  passed.get_future().wait();
  EXPECT_TRUE(thread_->Submit({MakeEntry(1, "x")}).ok());
}

TEST_F(WalThreadTest, ReadsRunBetweenRoundsAndOrderedTasksInOrder) {
  reports_.AllowTruncation();
  Start();
  const auto entries = MakeEntries(0, {10, 20, 30, 40});
  ASSERT_TRUE(thread_->Submit(entries).ok());
  std::promise<Offset> seen;
  ASSERT_TRUE(thread_
                  ->PostOrdered([&](Wal* wal) {
                    seen.set_value(wal->durable_end());
                    EXPECT_TRUE(wal->TruncateSuffix(Offset{2}).ok());
                  })
                  .ok());
  ASSERT_TRUE(thread_->Submit(MakeEntries(2, {70}, 2)).ok());
  EXPECT_EQ(seen.get_future().get(), Offset{4});
  std::promise<std::vector<Entry>> read;
  ASSERT_TRUE(thread_->PostOrdered([&](Wal* wal) { read.set_value(ReadAll(wal).value()); }).ok());
  EXPECT_EQ(read.get_future().get().size(), 3u);
}

// Goal: many threads that submit, read and wait do not disturb each other (for the thread sanitizer).
TEST_F(WalThreadTest, ManyThreadsAtOnce) {
  Start();
  std::mutex order;  // Offsets are handed out under it, as the replica does.
  uint64_t next = 0;
  std::atomic<uint64_t> reads = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) {
        {
          std::lock_guard lock(order);
          ASSERT_TRUE(thread_->Submit({MakeEntry(next, Payload(200, next))}).ok());
          ++next;
        }
        ASSERT_TRUE(thread_
                        ->Post([&](Wal* wal) {
                          if (wal->log_start() < wal->log_end() && wal->Read(wal->log_start(), 1000).ok())
                            ++reads;
                        })
                        .ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(thread_->Stop().ok());
  EXPECT_EQ(reports_.end(), Offset{1000});
  EXPECT_GT(reads.load(), 0u);
}

TEST_F(WalThreadTest, AFailedSyncIsReportedOnceAndFinal) {
  Start();
  ASSERT_TRUE(thread_->Submit({MakeEntry(0, "kept")}).ok());
  reports_.WaitFor(Offset{1});
  Gate gate;
  ASSERT_TRUE(thread_->PostOrdered(gate.Task()).ok());
  ASSERT_TRUE(thread_->Submit({MakeEntry(1, "lost")}).ok());
  ASSERT_TRUE(thread_->PostOrdered([](Wal*) { ADD_FAILURE() << "relies on what was not written"; }).ok());
  env_->FailCall(2, Status(Status::kIoError, "ordered by the test"));  // Write, then sync.
  gate.Open();
  EXPECT_EQ(reports_.WaitForFailure().code(), Status::kIoError);
  EXPECT_EQ(reports_.end(), Offset{1});
  EXPECT_EQ(thread_->Submit({MakeEntry(1, "again")}).code(), Status::kIoError);
  std::promise<bool> readable;
  ASSERT_TRUE(thread_->Post([&](Wal* wal) { readable.set_value(wal->Read(Offset{0}, 1).ok()); }).ok());
  EXPECT_TRUE(readable.get_future().get()) << "what is durable can still be read";
  EXPECT_EQ(thread_->Stop().code(), Status::kIoError);
}

TEST_F(WalThreadTest, TheNextSegmentIsMadeAhead) {
  Start();
  for (uint64_t i = 0; i < 60; ++i) ASSERT_TRUE(thread_->Submit({MakeEntry(i, Payload(900, i))}).ok());
  reports_.WaitFor(Offset{60});
  while (!env_->Paths().contains(std::string(kDir) + "/next-segment.tmp")) std::this_thread::yield();
  EXPECT_TRUE(thread_->Stop().ok());
}

}  // namespace
}  // namespace mom::wal
