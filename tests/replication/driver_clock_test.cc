// Goal: the driver comes back to what is due by itself, whatever happens to clock entries, leadership, wall
// clock and view. Method: a driver on a thread, a log and a view that move by hand; nothing but the timer
// that the driver asked for wakes it.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "replication/replica/driver_thread.h"
#include "replication/replica/due_notice.h"
#include "replication/replica/log_clock.h"
#include "replication/replica/replica_driver.h"

namespace mom::replication {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kStartMs = 1'700'000'000'000;

class ManualThread final : public DriverThread {
 public:
  Instant Now() const override { return Instant{now_ms_ * kNsPerMs}; }
  Timestamp Wall() const override { return Timestamp{kStartMs + now_ms_ + skew_ms_}; }
  void JumpWall(int64_t ms) { skew_ms_ += ms; }
  void RunQueued() {
    while (!queue_.empty()) {
      Task task = std::move(queue_.front());
      queue_.pop_front();
      task();
    }
  }
  void Advance(int64_t ms) {
    for (RunQueued(); ms > 0; --ms) {
      ++now_ms_;
      if (timer_ && timer_->first <= Now()) {
        Task task = std::move(timer_->second);
        timer_.reset();
        task();
      }
      RunQueued();
    }
  }
  size_t queued() const { return queue_.size(); }

 private:
  void Enqueue(Task task) override { queue_.push_back(std::move(task)); }
  void SetTimer(Instant at, Task task) override {
    timer_.reset();
    if (at != quorum::kNever) timer_.emplace(at, std::move(task));
  }

  int64_t now_ms_ = 1000, skew_ms_ = 0;
  std::deque<Task> queue_;
  std::optional<std::pair<Instant, Task>> timer_;
};

// A voter alone, or one of two of whom the other is never there.
class DriverClockTest : public testing::Test, private LogPort, private ViewPort, private PeerPort {
 protected:
  void Make(bool alone = true) {
    quorum::Restored restored;
    std::vector<quorum::ReplicaKey> voters = {{NodeId{1}, Uuid{1, 1}}};
    if (!alone) voters.push_back({NodeId{2}, Uuid{2, 1}});
    restored.voters = quorum::VoterSet(voters);
    DriverOptions options;
    options.quorum.self = {Uuid{7, 7}, NodeId{1}, Uuid{1, 1}};
    driver_ = std::make_unique<ReplicaDriver>(
        options, restored, Timestamp{}, DriverPorts{&thread_, this, this, this, nullptr, nullptr},
        DriverHooks{[](const Status& status) { FAIL() << status; }, [] {}});
    due_.emplace(&thread_, driver_.get());
    thread_.Serve(driver_.get());
    thread_.Post([this] { driver_->Start(); });
    thread_.RunQueued();
  }
  Timestamp In(int64_t ms) { return AddMs(driver_->LogTime(), ms); }

  ManualThread thread_;
  std::unique_ptr<ReplicaDriver> driver_;
  std::optional<DueNotice> due_;
  std::vector<Timestamp> clock_entries_;
  std::function<std::optional<Timestamp>()> next_due_ = [] { return std::nullopt; };  // After a clock entry.

 private:
  Status WriteHardState(const wal::HardState&) override { return Status(); }
  Status ClearDamage() override { return Status(); }
  Status Submit(std::vector<Entry> entries) override {
    thread_.Post([this, end = Next(entries.back().offset)] { driver_->OnPersisted(Status(), end); });
    return Status();
  }
  Result<Timestamp> Truncate(Offset) override { return Timestamp{}; }
  void Read(Offset, size_t, std::function<void(Result<std::vector<Entry>>)>) override { FAIL(); }
  void Send(const quorum::Message&) override {}
  void OpenStream(const quorum::Message&) override {}
  void Acknowledge(const quorum::Message&) override {}
  void SendFrame(const quorum::Message&, std::vector<Entry>) override {}
  void SendLast(const quorum::Message&) override {}
  void Close(NodeId, quorum::SessionId) override {}
  void Appended(std::vector<Entry>) override {}
  // As the applier does it: what is due next, then the answers.
  void Commit(Offset, std::vector<Pending> entries) override {
    for (Pending& pending : entries) {
      if (pending.entry.kind == EntryKind::kClock) {
        clock_entries_.push_back(pending.entry.timestamp);
        due_->Tell(next_due_());
      }
      if (pending.done) pending.done(Outcome{Status(), {}, pending.entry.offset, pending.entry.epoch});
    }
  }
};

TEST_F(DriverClockTest, WritesAnEntryWhenSomethingIsDueAndRestsThen) {
  Make();
  due_->Tell(In(400));
  thread_.Advance(399);
  EXPECT_EQ(clock_entries_.size(), 0u);
  thread_.Advance(10);
  ASSERT_EQ(clock_entries_.size(), 1u);
  thread_.Advance(5'000);
  EXPECT_EQ(clock_entries_.size(), 1u);
}

// Goal: an entry that left some of the work leads to the next, although what is due is the same as before.
TEST_F(DriverClockTest, OneEntryLeadsToTheNextWhileTheSameTimeIsDue) {
  Make();
  const Timestamp due = In(100);
  next_due_ = [&] { return clock_entries_.size() < 4 ? std::optional(due) : std::nullopt; };
  due_->Tell(due);
  thread_.Advance(200);
  EXPECT_EQ(clock_entries_.size(), 4u);
}

TEST_F(DriverClockTest, KnowsAtItsElectionWhatIsDueSinceLong) {
  Make(false);
  due_->Tell(In(10));
  thread_.Advance(60'000);
  EXPECT_EQ(clock_entries_.size(), 0u);
  EXPECT_NE(driver_->quorum().role(), quorum::Role::kLeader);
  Make();
  due_->Tell(In(-5'000));
  thread_.Advance(10);
  EXPECT_EQ(clock_entries_.size(), 1u);
}

// While nobody leads there is nothing to look at again and again.
TEST_F(DriverClockTest, DoesNotWakeUpForWhatOnlyALeaderDoes) {
  Make(false);
  due_->Tell(In(-1));
  thread_.RunQueued();
  EXPECT_EQ(driver_->wake_at(), driver_->quorum().wake_at());
}

TEST_F(DriverClockTest, TimersGoOnWhenTheWallClockIsSetBack) {
  Make();
  due_->Tell(In(1'000));
  thread_.RunQueued();
  thread_.JumpWall(-3'600'000);
  thread_.Advance(1'200);
  EXPECT_EQ(clock_entries_.size(), 1u);
}

TEST_F(DriverClockTest, TimersFollowWhenTheWallClockIsSetForward) {
  Make();
  due_->Tell(In(3'600'000));
  thread_.RunQueued();
  thread_.JumpWall(3'600'000);
  thread_.Advance(1'010);
  EXPECT_EQ(clock_entries_.size(), 1u);
}

// Goal: a notice of a view that is gone does not hide what the new one has. Method: it is still on its way
// when the new view's is given; then the old value comes again, as the first of the new view's applier.
TEST_F(DriverClockTest, TheNewestNoticeCounts) {
  Make();
  const Timestamp later = In(50'000), soon = In(100);
  due_->Tell(later);
  due_->Tell(soon);
  EXPECT_EQ(thread_.queued(), 2u);
  thread_.Advance(200);
  EXPECT_EQ(clock_entries_.size(), 1u);
  due_->Tell(later);
  thread_.RunQueued();
  EXPECT_EQ(clock_entries_.size(), 1u);
}

TEST_F(DriverClockTest, OnlyChangesAreTold) {
  Make();
  const Timestamp due = In(50'000);
  for (int i = 0; i < 100; ++i) due_->Tell(due);
  EXPECT_EQ(thread_.queued(), 1u);
}

TEST(LogClock, NeverFallsAndNeverStandsStill) {
  LogClock clock(Timestamp{1'000'000}, Instant{0});
  // Many entries in each millisecond, with a wall clock that is an hour behind.
  Timestamp last;
  for (int64_t us = 0; us <= 16'000'000; us += 250) {
    const Timestamp wall{us / 1000};
    const Timestamp stamped = clock.Stamp(wall, Instant{us * 1000});
    ASSERT_GE(stamped, last);
    ASSERT_EQ(stamped, clock.last());
    last = stamped;
  }
  EXPECT_EQ(last, Timestamp{1'015'000});
  // The wall clock has caught up.
  EXPECT_EQ(clock.Stamp(Timestamp{2'000'000}, Instant{16'001 * kNsPerMs}), Timestamp{2'000'000});
  EXPECT_EQ(clock.At(Timestamp{2'000'001}, Instant{16'002 * kNsPerMs}), Timestamp{2'000'001});
}

}  // namespace
}  // namespace mom::replication
