#include "replication/replica/applier.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/broker/broker.h"
#include "core/broker/view.h"
#include "tests/replication/threads.h"
#include "tests/wal/scratch_dir.h"

namespace mom::replication {
namespace {

// A log that may be truncated, as the driver of a replica makes it.
class Log {
 public:
  Offset end() const { return Offset{entries_.size()}; }
  const Entry& At(Offset offset) const { return entries_[offset.value]; }
  void Truncate(Offset to) {
    entries_.resize(to.value);
    epoch_ = Next(epoch_);
  }
  // A user of that name, who may exist already; or a clock entry.
  Entry Append(const std::string& name) {
    v1::Command command;
    command.mutable_create_user()->set_name(name);
    command.mutable_create_user()->set_password_hash("hash");
    const auto kind = name.empty() ? EntryKind::kClock : EntryKind::kCommand;
    entries_.push_back(
        Entry{end(), epoch_, Timestamp{1000 + static_cast<int64_t>(entries_.size())}, kind,
              std::make_shared<const std::string>(name.empty() ? "" : command.SerializeAsString())});
    return entries_.back();
  }

 private:
  std::vector<Entry> entries_;
  Epoch epoch_{1};
};

class ApplierTest : public testing::Test {
 protected:
  ApplierTest() {
    view_ = *LevelDbView::Open(dir_.path() + "/view", LevelDbViewOptions());
    ApplierHooks hooks;
    hooks.ahead = &ahead_;
    hooks.marks = &marks_;
    hooks.read_log = [](Offset) { return Status(Status::kNotFound, "all entries are handed over"); };
    hooks.applied = [](const broker::AppliedState&, std::optional<Timestamp>, uint64_t) {};
    hooks.answer = [](const std::function<void()>& answers) { answers(); };
    hooks.woken = [](const std::set<std::string>&, const broker::Revoked&) {};
    hooks.failed = [](const Status& status) { FAIL() << status; };
    applier_ = std::make_unique<Applier>(view_.get(), std::move(hooks));
    applier_->Start();
  }
  ~ApplierTest() override {
    applier_.reset();
    view_.reset();
  }

  void Append(const std::vector<std::string>& names) {
    std::vector<Entry> entries;
    for (const std::string& name : names) entries.push_back(log_.Append(name));
    applier_->Appended(std::move(entries));
  }
  void Commit(Offset end) {
    std::vector<Pending> entries;
    for (Offset at = committed_; at < end; at = Next(at)) {
      auto& answer = answers_[at] = std::make_unique<Promised<Outcome>>();
      entries.push_back({log_.At(at), [&answer](Outcome outcome) { answer->Set(std::move(outcome)); }});
    }
    committed_ = end;
    applier_->Commit(end, std::move(entries));
  }
  bool WasMade(uint64_t offset) { return !answers_.at(Offset{offset})->Await().reply.error(); }
  void AwaitApplied() {  // REQUIRES: something was committed.
    answers_.rbegin()->second->Await();
  }
  void AwaitAhead(uint64_t count) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (ahead_.run < count && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_GE(ahead_.run, count);
  }
  broker::AppliedState State() const { return *broker::ReadAppliedState(*view_->Latest()); }

  // One entry after the other, without any of this: replies, state and marks must be the same.
  void ExpectAsOneByOne() {
    broker::MemoryView model;
    DigestMarks marks;
    marks.Reset(broker::AppliedState());
    for (Offset at{0}; at < committed_; at = Next(at)) {
      broker::Applied applied = broker::Apply(model, log_.At(at));
      model.Write(applied.changes);
      marks.OnEntry(applied.state);
      marks.OnBatch(applied.state);
      const Outcome outcome = answers_.at(at)->Await();
      EXPECT_EQ(outcome.offset, at);
      EXPECT_EQ(outcome.epoch, log_.At(at).epoch);
      EXPECT_EQ(outcome.reply.SerializeAsString(), applied.reply.SerializeAsString()) << at;
    }
    EXPECT_EQ(State().end, committed_);
    EXPECT_EQ(State().digest, broker::ReadAppliedState(model)->digest);
    EXPECT_EQ(marks_.All(), marks.All());
  }

  Log log_;
  AheadCounts ahead_;
  Offset committed_;
  std::unique_ptr<Applier> applier_;

 private:
  wal::ScratchDir dir_{"applier"};
  std::unique_ptr<LevelDbView> view_;
  DigestMarks marks_;
  std::map<Offset, std::unique_ptr<Promised<Outcome>>> answers_;
};

TEST_F(ApplierTest, WhatIsRunAheadIsSeenOnceItIsCommitted) {
  Append({"ann", "bob", "ann"});
  AwaitAhead(3);
  EXPECT_EQ(State().end, Offset{0});
  Commit(Offset{3});
  EXPECT_TRUE(WasMade(1));
  EXPECT_FALSE(WasMade(2));
  ExpectAsOneByOne();
  EXPECT_EQ(ahead_.wasted, 0u);
}

TEST_F(ApplierTest, WhatWasTruncatedLeavesNoTrace) {
  Append({"ann", "bob"});
  AwaitAhead(2);
  log_.Truncate(Offset{0});
  Append({"bob", "ann", "ann"});  // Of a newer epoch, at the same offsets.
  Commit(Offset{3});
  EXPECT_TRUE(WasMade(0));
  EXPECT_TRUE(WasMade(1));
  EXPECT_FALSE(WasMade(2));
  ExpectAsOneByOne();
  EXPECT_EQ(ahead_.wasted, 2u);
}

TEST_F(ApplierTest, WhatTookThePlaceOfATruncatedBatchIsRunAheadInItsPlace) {
  Append({"ann", "bob"});
  AwaitAhead(2);
  log_.Truncate(Offset{0});
  Append({"bob"});
  AwaitAhead(3);
  Commit(Offset{1});
  EXPECT_TRUE(WasMade(0));
  ExpectAsOneByOne();
  EXPECT_EQ(ahead_.wasted, 2u);
}

TEST_F(ApplierTest, APartThatIsCommittedIsRunAgain) {
  Append({"ann", "bob", "ann"});
  AwaitAhead(3);
  Commit(Offset{2});
  EXPECT_TRUE(WasMade(1));
  EXPECT_EQ(State().end, Offset{2});
  Commit(Offset{3});
  EXPECT_FALSE(WasMade(2));
  ExpectAsOneByOne();
  EXPECT_EQ(ahead_.wasted, 3u);
}

TEST_F(ApplierTest, TheNextIsRunOnceThoseBeforeAreApplied) {
  Append({"ann"});
  AwaitAhead(1);
  Append({"bob", "ann"});
  Commit(Offset{1});
  AwaitAhead(3);
  EXPECT_EQ(State().end, Offset{1});
  Commit(Offset{3});
  ExpectAsOneByOne();
  EXPECT_EQ(ahead_.wasted, 0u);
}

// Goal: whatever is appended, truncated and committed, in whatever order it reaches the applier's thread, the
// result is that of applying the committed entries one by one. Method: random histories, over so few names
// that replies depend on what came before. Once in a while everything is committed and applied, and the next
// batch is surely run ahead, however busy the machine is.
TEST_F(ApplierTest, RandomHistoriesEndAsAppliedOneByOne) {
  std::mt19937_64 random(20261129);
  const auto below = [&](uint64_t n) { return random() % n; };
  const auto append = [&] {
    std::vector<std::string> names(1 + below(5));
    for (std::string& name : names) name = below(9) == 0 ? "" : "user-" + std::to_string(below(4000));
    Append(names);
    return names.size();
  };
  for (int step = 0; step < 6000; ++step) {
    if (step % 20 == 0) {
      append();
      Commit(log_.end());
      AwaitApplied();
      const uint64_t before = ahead_.run;
      AwaitAhead(before + append());
    }
    const uint64_t open = (log_.end() - committed_).value;
    switch (below(4)) {
      case 0:
      case 1:
        append();
        break;
      case 2:
        if (open > 0) Commit(committed_ + Count{below(3) == 0 ? 1 + below(open) : open});
        break;
      default:
        if (below(8) == 0 && open > 0) log_.Truncate(committed_ + Count{below(open)});
    }
    if (below(8) == 0) std::this_thread::yield();  // Seldom: beside others each costs their whole turn.
  }
  Commit(log_.end());
  ExpectAsOneByOne();
  EXPECT_GT(ahead_.wasted, 0u);
  EXPECT_GT(ahead_.run, ahead_.wasted);
}

// Stopped in between, it gives nothing away.
TEST_F(ApplierTest, WhatIsRunAheadAndNeverCommittedIsForgotten) {
  Append({"ann"});
  AwaitAhead(1);
  applier_->Stop();
  EXPECT_EQ(State().end, Offset{0});
}

}  // namespace
}  // namespace mom::replication
