// Goal: whenever the machine stops, and whatever of the unsynced bytes and names survives, the log opens
// again with everything acknowledged; and no failing call makes it lose or invent anything. Method: run a
// script of all operations; stop (or fail) at each call to the environment in turn.
#include <algorithm>
#include <functional>

#include "tests/wal/log_fixture.h"

namespace mom::wal {
namespace {

// Random crashes at each place; fewer where a sanitizer makes each ten times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 10;
#else
constexpr uint64_t kSeeds = 100;
#endif

// One content the log may have: entries from `start` on, of which those below `acknowledged` must be there.
struct Allowed {
  Offset start;
  std::vector<Entry> entries;
  Offset acknowledged;
  Offset end() const { return start + Count{entries.size()}; }
};

// Runs operations on a log and knows what the log may hold when an operation does not return.
class Script {
 public:
  explicit Script(Env* env) : env_(env) {}

  // Runs all; the first error stops it. Afterwards allowed() describes what a reopened log may hold.
  Status Run() {
    allowed_ = {Allowed{}};
    Result<std::unique_ptr<Wal>> wal = Wal::Open(env_, kDir, SmallSegments(4096), nullptr);
    if (!wal.ok()) return wal.status();
    wal_ = std::move(*wal);
    MOM_RETURN_IF_ERROR(Append({0, 10, 700}));
    MOM_RETURN_IF_ERROR(Sync());
    MOM_RETURN_IF_ERROR(Append({900, 30}));
    MOM_RETURN_IF_ERROR(Append({100, 1500, 8}));  // Two writes, one sync.
    MOM_RETURN_IF_ERROR(Sync());
    MOM_RETURN_IF_ERROR(Append({1200, 1300, 1400, 20}));  // Spans segments.
    MOM_RETURN_IF_ERROR(Sync());
    MOM_RETURN_IF_ERROR(Truncate(10));
    MOM_RETURN_IF_ERROR(Append({2500, 3}));
    MOM_RETURN_IF_ERROR(Sync());
    MOM_RETURN_IF_ERROR(Truncate(5));  // Over a segment border.
    MOM_RETURN_IF_ERROR(Append({600, 2000, 2000, 2000, 0}));
    MOM_RETURN_IF_ERROR(Sync());
    MOM_RETURN_IF_ERROR(Drop(8));
    MOM_RETURN_IF_ERROR(Append({50, 60}));
    MOM_RETURN_IF_ERROR(Sync());
    MOM_RETURN_IF_ERROR(Reset(40));
    MOM_RETURN_IF_ERROR(Append({500, 1000, 2000, 3000}));
    MOM_RETURN_IF_ERROR(Sync());
    return wal_->Close();
  }

  const std::vector<Allowed>& allowed() const { return allowed_; }

 private:
  Allowed& Now() { return allowed_.front(); }

  Status Append(const std::vector<size_t>& sizes) {
    const std::vector<Entry> more = MakeEntries(Now().end().value, sizes, epoch_);
    Now().entries.insert(Now().entries.end(), more.begin(), more.end());
    return wal_->Append(more);
  }

  Status Sync() {
    const Status status = wal_->Sync();
    if (status.ok()) Now().acknowledged = Now().end();
    return status;
  }

  Status Truncate(uint64_t to) {
    Allowed after = Now();
    after.entries.resize(to - after.start.value);
    after.acknowledged = Offset{to};
    ++epoch_;
    return Either(after, wal_->TruncateSuffix(Offset{to}));
  }

  Status Drop(uint64_t to) {
    // Where it starts afterwards depends on the borders; every start up to `to` is as good.
    const Allowed before = Now();
    for (uint64_t start = 1; start <= to; ++start) {
      Allowed after = before;
      after.entries.erase(after.entries.begin(), after.entries.begin() + static_cast<ptrdiff_t>(start));
      after.start = Offset{start};
      allowed_.push_back(after);
    }
    MOM_RETURN_IF_ERROR(wal_->DropPrefix(Offset{to}));
    const Offset start = wal_->log_start();
    std::erase_if(allowed_, [start](const Allowed& allowed) { return allowed.start != start; });
    return Status();
  }

  Status Reset(uint64_t to) {
    ++epoch_;
    return Either(Allowed{Offset{to}, {}, Offset{to}}, wal_->Reset(Offset{to}, Epoch{1}, Timestamp{7}));
  }

  Status Either(const Allowed& after, Status status) {
    if (status.ok()) allowed_ = {after};
    if (!status.ok()) allowed_.push_back(after);
    return status;
  }

  Env* const env_;
  std::unique_ptr<Wal> wal_;
  uint32_t epoch_ = 1;
  std::vector<Allowed> allowed_;
};

bool Fits(Wal* wal, const std::vector<Entry>& held, const Allowed& allowed) {
  return wal->log_start() == allowed.start && wal->log_end() >= allowed.acknowledged &&
         held.size() <= allowed.entries.size() &&
         std::equal(held.begin(), held.end(), allowed.entries.begin(), SameEntry);
}

// The log opens, holds what it may, and goes on working.
void ExpectRecovers(MemoryEnv* env, const std::vector<Allowed>& allowed, const std::string& what) {
  auto opened = Wal::Open(env, kDir, SmallSegments(4096), nullptr);
  ASSERT_TRUE(opened.ok()) << what << ": " << opened.status();
  Wal* const wal = opened->get();
  Result<std::vector<Entry>> held = ReadAll(wal);
  ASSERT_TRUE(held.ok()) << what << ": " << held.status();
  const bool fits =
      std::any_of(allowed.begin(), allowed.end(), [&](const Allowed& one) { return Fits(wal, *held, one); });
  ASSERT_TRUE(fits) << what << ": holds " << wal->log_start() << " to " << wal->log_end();
  const auto more = MakeEntries(wal->log_end().value, {40, 3000, 700}, 99);
  AppendAndSync(wal, more);
  held->insert(held->end(), more.begin(), more.end());
  env->Crash({CrashMode::kDropUnsynced});
  auto again = Wal::Open(env, kDir, SmallSegments(4096), nullptr);
  ASSERT_TRUE(again.ok()) << what << " and appended: " << again.status();
  ExpectHolds(again->get(), *held);
}

uint64_t CallsOfScript() {
  auto env = NewDisk();
  const uint64_t before = env->calls();
  Script script(env.get());
  EXPECT_TRUE(script.Run().ok());
  return env->calls() - before;
}

std::vector<CrashMode> Modes(uint64_t seeds) {
  std::vector<CrashMode> modes = {{CrashMode::kDropUnsynced}, {CrashMode::kKeepAll}};
  for (uint64_t seed = 1; seed <= seeds; ++seed) modes.push_back({CrashMode::kKeepSome, seed});
  return modes;
}

TEST(WalCrash, AtEveryCall) {
  const uint64_t calls = CallsOfScript();
  ASSERT_GT(calls, 100u);
  for (uint64_t call = 1; call <= calls; ++call) {
    auto env = NewDisk();
    env->StopAtCall(call);
    Script script(env.get());
    (void)script.Run();
    for (const CrashMode mode : Modes(kSeeds)) {
      auto copy = env->Clone();
      copy->Crash(mode);
      ExpectRecovers(copy.get(), script.allowed(),
                     "call " + std::to_string(call) + " mode " + std::to_string(mode.kind) + " seed " +
                         std::to_string(mode.seed));
      if (HasFatalFailure()) return;
    }
  }
}

// The second crash comes while the log recovers from the first.
TEST(WalCrash, AndAgainWhileRecovering) {
  const uint64_t calls = CallsOfScript();
  for (uint64_t call = 1; call <= calls; ++call) {
    auto env = NewDisk();
    env->StopAtCall(call);
    Script script(env.get());
    (void)script.Run();
    for (const CrashMode first : Modes(2)) {
      for (uint64_t second_call = 1;; ++second_call) {
        auto copy = env->Clone();
        copy->Crash(first);
        copy->StopAtCall(second_call);
        const bool opened = Wal::Open(copy.get(), kDir, SmallSegments(4096), nullptr).ok();
        if (opened) break;
        copy->Crash({CrashMode::kKeepSome, call * 1000 + second_call});
        ExpectRecovers(copy.get(), script.allowed(),
                       "calls " + std::to_string(call) + " and " + std::to_string(second_call));
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(WalCrash, EveryCallFailsOnce) {
  const uint64_t calls = CallsOfScript();
  for (const Status::Code code : {Status::kIoError, Status::kNoSpace}) {
    for (uint64_t call = 1; call <= calls; ++call) {
      auto env = NewDisk();
      env->FailCall(call, Status(code, "ordered by the test"));
      Script script(env.get());
      const Status status = script.Run();
      // What may not be tried again does not say that there is no room.
      EXPECT_TRUE(status.ok() || status.code() == code || status.code() == Status::kIoError) << status;
      for (const CrashMode mode : Modes(kSeeds / 5)) {
        auto copy = env->Clone();
        copy->Crash(mode);
        ExpectRecovers(copy.get(), script.allowed(), "failed call " + std::to_string(call));
        if (HasFatalFailure()) return;
      }
    }
  }
}

// The log may not say "corruption" for a disk that merely answers with an error, whatever state it was left
// in; and what the failed call calls clean may not come back after a power loss.
TEST(WalCrash, EveryCallOfOpenFailsOnce) {
  const uint64_t calls = CallsOfScript();
  for (uint64_t stop = 1; stop <= calls; ++stop) {
    auto env = NewDisk();
    env->StopAtCall(stop);
    Script script(env.get());
    (void)script.Run();
    for (const CrashMode mode : Modes(3)) {
      for (uint64_t call = 1;; ++call) {
        auto copy = env->Clone();
        copy->Crash(mode);
        const uint64_t before = copy->calls();
        copy->FailCall(call, Status(Status::kIoError, "ordered by the test"));
        auto opened = Wal::Open(copy.get(), kDir, SmallSegments(4096), nullptr);
        if (copy->calls() - before < call) break;  // Open makes fewer calls than that.
        EXPECT_TRUE(opened.ok() || opened.status().code() == Status::kIoError) << opened.status();
        copy->Crash({CrashMode::kKeepAll});
        opened = Wal::Open(copy.get(), kDir, SmallSegments(4096), nullptr);
        ASSERT_TRUE(opened.ok()) << "stop " << stop << " call " << call << ": " << opened.status();
        copy->Crash({CrashMode::kDropUnsynced});
        ExpectRecovers(copy.get(), script.allowed(),
                       "stopped at " + std::to_string(stop) + ", open failed at " + std::to_string(call));
        if (HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace mom::wal
