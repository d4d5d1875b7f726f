// What the log promises to its users, as stories.
#include "wal/wal.h"

#include <sstream>

#include "tests/wal/log_fixture.h"
#include "tests/wal/scratch_dir.h"
#include "wal/posix_env.h"
#include "wal/segment_maker.h"

namespace mom::wal {
namespace {

std::string SegmentPath(uint64_t first) {
  return std::string(kDir) + "/" + SegmentName(Offset{first});
}

TEST(Wal, StartsEmptyAtZero) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  EXPECT_EQ(wal->log_start(), Offset{0});
  EXPECT_EQ(wal->log_end(), Offset{0});
  EXPECT_EQ(wal->last_epoch(), Epoch{0});
  EXPECT_EQ(wal->bytes(), 8192u);
}

TEST(Wal, LosesOnlyWhatWasNotSynced) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  const auto kept = MakeEntries(0, {10, 20, 0, 700});
  AppendAndSync(wal.get(), kept);
  ASSERT_TRUE(wal->Append(MakeEntries(4, {5, 5})).ok());
  EXPECT_EQ(wal->log_end(), Offset{6});
  EXPECT_EQ(wal->durable_end(), Offset{4});
  env->Crash({CrashMode::kDropUnsynced});
  RecoveryReport report;
  wal = MustOpen(env.get(), SmallSegments(), &report);
  EXPECT_EQ(wal->durable_end(), Offset{4});
  EXPECT_EQ(report.entries, 4u);
  EXPECT_EQ(report.torn_bytes_cut, 0u);
  ExpectHolds(wal.get(), kept);
}

TEST(Wal, KeepsWhatWasWrittenWhenOnlyTheProcessDies) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  const auto entries = MakeEntries(0, {10, 20, 30});
  ASSERT_TRUE(wal->Append(entries).ok());
  env->Crash({CrashMode::kKeepAll});
  wal = MustOpen(env.get(), SmallSegments());
  EXPECT_EQ(wal->durable_end(), Offset{3});
  // What Open reports as durable is durable.
  env->Crash({CrashMode::kDropUnsynced});
  ExpectHolds(MustOpen(env.get(), SmallSegments()).get(), entries);
}

TEST(Wal, FillsManySegmentsAndReadsAcrossThem) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  std::vector<Entry> all;
  for (uint64_t i = 0; i < 200; ++i) {
    all.push_back(MakeEntry(i, Payload(i * 7 % 900, i), static_cast<uint32_t>(1 + i / 50)));
    AppendAndSync(wal.get(), {all.back()});
  }
  ExpectHolds(wal.get(), all);
  EXPECT_TRUE(wal->Close().ok());
  wal = MustOpen(env.get(), SmallSegments());
  ExpectHolds(wal.get(), all);
  EXPECT_EQ(wal->last_epoch(), Epoch{4});
  EXPECT_EQ(wal->last_timestamp(), Timestamp{1199});
  for (uint64_t from = 0; from < 200; from += 13) {
    const auto some = wal->Read(Offset{from}, 1);
    ASSERT_TRUE(some.ok());
    ASSERT_EQ(some->size(), 1u) << "at least one entry, however small the limit";
    EXPECT_TRUE(SameEntry((*some)[0], all[from]));
  }
}

TEST(Wal, OneBatchMaySpanSegments) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments(2048));
  const auto entries = MakeEntries(0, std::vector<size_t>(40, 300));
  AppendAndSync(wal.get(), entries);
  env->Crash({CrashMode::kDropUnsynced});
  ExpectHolds(MustOpen(env.get(), SmallSegments(2048)).get(), entries);
}

TEST(Wal, ReadsWithASparseIndex) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments(1u << 20));
  const auto entries = MakeEntries(0, std::vector<size_t>(800, 700));
  AppendAndSync(wal.get(), entries);
  for (int round = 0; round < 2; ++round) {
    for (uint64_t from = 0; from < 800; from += 37) {
      const auto some = wal->Read(Offset{from}, 5000);
      ASSERT_TRUE(some.ok());
      EXPECT_TRUE(SameEntry((*some)[0], entries[from]));
      EXPECT_LE(some->size(), 8u);
    }
    ASSERT_TRUE(wal->Close().ok());
    wal = MustOpen(env.get(), SmallSegments(1u << 20));
  }
}

TEST(Wal, TruncatesAndGoesOnWithAnotherEpoch) {
  for (const uint64_t to : {0u, 1u, 5u, 11u, 12u, 19u, 20u}) {
    auto env = NewDisk();
    auto wal = MustOpen(env.get(), SmallSegments());
    auto entries = MakeEntries(0, std::vector<size_t>(20, 900));
    AppendAndSync(wal.get(), entries);
    ASSERT_TRUE(wal->TruncateSuffix(Offset{to}).ok());
    EXPECT_EQ(wal->log_end(), Offset{to});
    entries.resize(to);
    ExpectHolds(wal.get(), entries);
    const auto more = MakeEntries(to, {50, 5000, 3000}, 2);
    AppendAndSync(wal.get(), more);
    entries.insert(entries.end(), more.begin(), more.end());
    ExpectHolds(wal.get(), entries);
    env->Crash({CrashMode::kDropUnsynced});
    ExpectHolds(MustOpen(env.get(), SmallSegments()).get(), entries);
  }
}

TEST(Wal, DropsWholeSegmentsOnly) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  const auto entries = MakeEntries(0, std::vector<size_t>(40, 900));  // Seven or eight a segment.
  AppendAndSync(wal.get(), entries);
  const uint64_t bytes = wal->bytes();
  ASSERT_TRUE(wal->DropPrefix(Offset{20}).ok());
  EXPECT_GT(wal->log_start(), Offset{0});
  EXPECT_LE(wal->log_start(), Offset{20});
  EXPECT_LT(wal->bytes(), bytes);
  const Offset start = wal->log_start();
  ASSERT_TRUE(wal->DropPrefix(Offset{1000}).ok());
  EXPECT_GT(wal->log_start(), start);
  EXPECT_EQ(wal->log_end(), Offset{40});
  const Offset last = wal->log_start();
  env->Crash({CrashMode::kDropUnsynced});  // Brings the removed names back.
  wal = MustOpen(env.get(), SmallSegments());
  EXPECT_EQ(wal->log_start(), last);
  ExpectHolds(wal.get(), {entries.begin() + static_cast<ptrdiff_t>(last.value), entries.end()});
}

TEST(Wal, ResetsToTheEndOfASnapshot) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  AppendAndSync(wal.get(), MakeEntries(0, std::vector<size_t>(20, 900)));
  ASSERT_TRUE(wal->Reset(Offset{500}, Epoch{7}, Timestamp{1400}).ok());
  EXPECT_EQ(wal->log_start(), Offset{500});
  EXPECT_EQ(wal->log_end(), Offset{500});
  EXPECT_EQ(wal->last_epoch(), Epoch{7});
  const auto entries = MakeEntries(500, {10, 0}, 8);
  AppendAndSync(wal.get(), entries);
  env->Crash({CrashMode::kDropUnsynced});
  wal = MustOpen(env.get(), SmallSegments());
  EXPECT_EQ(wal->log_start(), Offset{500});
  ExpectHolds(wal.get(), entries);
}

// Goal: the protocol's table of epochs comes from the entries. Method: epochs that begin within and between
// segments, then a dropped prefix that leaves the log beginning inside of an epoch, then a reset.
TEST(Wal, OpeningReportsEpochsAndVoters) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  AppendAndSync(wal.get(), MakeEntries(0, std::vector<size_t>(3, 700), 1));
  auto voters = MakeEntry(3, "voters", 2);
  voters.kind = EntryKind::kVoters;
  AppendAndSync(wal.get(), {voters});
  AppendAndSync(wal.get(), MakeEntries(4, std::vector<size_t>(36, 700), 2));
  AppendAndSync(wal.get(), MakeEntries(40, std::vector<size_t>(3, 700), 5));
  wal.reset();
  const auto begins = [](const RecoveryReport& report) {
    std::ostringstream text;
    text << report.start_epoch << ":";
    for (const auto& e : report.epochs) text << " " << e.epoch << "@" << e.begin;
    return text.str();
  };
  RecoveryReport report;
  wal = MustOpen(env.get(), SmallSegments(), &report);
  EXPECT_EQ(begins(report), "0: 1@0 2@3 5@40");
  ASSERT_EQ(report.voters_entries.size(), 1u);
  EXPECT_TRUE(SameEntry(report.voters_entries[0], voters));
  ASSERT_TRUE(wal->DropPrefix(Offset{25}).ok());
  const std::string start = std::to_string(wal->log_start().value);
  ASSERT_GT(wal->log_start(), Offset{3});
  wal.reset();
  wal = MustOpen(env.get(), SmallSegments(), &report);
  EXPECT_EQ(begins(report), "2: 2@" + start + " 5@40");
  EXPECT_TRUE(report.voters_entries.empty());
  ASSERT_TRUE(wal->TruncateSuffix(Offset{40}).ok());
  wal.reset();
  wal = MustOpen(env.get(), SmallSegments(), &report);
  EXPECT_EQ(begins(report), "2: 2@" + start);
  ASSERT_TRUE(wal->Reset(Offset{500}, Epoch{7}, Timestamp{5000}).ok());
  wal.reset();
  wal = MustOpen(env.get(), SmallSegments(), &report);
  EXPECT_EQ(begins(report), "7:");
}

TEST(Wal, ASegmentHasTheSizeItWasMadeWith) {
  auto env = NewDisk();
  const auto entries = MakeEntries(0, std::vector<size_t>(30, 900));
  AppendAndSync(MustOpen(env.get(), SmallSegments(8192)).get(), {entries.begin(), entries.begin() + 10});
  AppendAndSync(MustOpen(env.get(), SmallSegments(4096)).get(), {entries.begin() + 10, entries.end()});
  ExpectHolds(MustOpen(env.get(), SmallSegments(16384)).get(), entries);
}

TEST(Wal, RefusesTooLargeEntriesAndGoesOn) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  EXPECT_EQ(wal->Append(MakeEntries(0, {5, 9000})).code(), Status::kInvalidArgument);
  EXPECT_EQ(wal->log_end(), Offset{0});
  AppendAndSync(wal.get(), MakeEntries(0, {7600}));
}

TEST(Wal, IsOpenedOnce) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  EXPECT_EQ(Wal::Open(env.get(), kDir, SmallSegments(), nullptr).status().code(), Status::kBusy);
  ASSERT_TRUE(wal->Close().ok());
  EXPECT_TRUE(Wal::Open(env.get(), kDir, SmallSegments(), nullptr).ok());
}

TEST(Wal, RefusesTheLogOfAnotherDisk) {
  auto env = NewDisk();
  ASSERT_TRUE(MustOpen(env.get(), SmallSegments())->Close().ok());
  WalOptions other = SmallSegments();
  other.log_id = Uuid{1, 2};
  EXPECT_EQ(Wal::Open(env.get(), kDir, other, nullptr).status().code(), Status::kWrongOwner);
}

TEST(Wal, NoticesThatItsFilesAreGone) {
  auto env = NewDisk();
  WalOptions options = SmallSegments();
  options.may_create = false;
  EXPECT_EQ(Wal::Open(env.get(), kDir, options, nullptr).status().code(), Status::kCorruption);
}

TEST(Wal, GivesTheReserveBackBeforeItIsFull) {
  auto env = NewDisk();
  WalOptions options = SmallSegments();
  options.reserve_bytes = 16384;
  env->SetCapacity(8192 * 5 + 1024);  // Reserve, two segments, one in the making, and small files.
  auto wal = MustOpen(env.get(), options);
  EXPECT_TRUE(wal->reserve_held());
  uint64_t offset = 0;
  while (wal->reserve_held()) AppendAndSync(wal.get(), MakeEntries(offset++, {900}));
  Status status;
  while (status.ok()) {
    status = wal->Append(MakeEntries(offset, {900}));
    if (status.ok()) ++offset;
  }
  EXPECT_EQ(status.code(), Status::kNoSpace);
  EXPECT_EQ(wal->log_end(), Offset{offset});
  EXPECT_EQ(wal->RestoreReserve().code(), Status::kNoSpace);
  // Space comes back, and nothing was lost or sealed.
  ASSERT_TRUE(wal->Sync().ok());
  ASSERT_TRUE(wal->DropPrefix(Offset{offset}).ok());
  AppendAndSync(wal.get(), MakeEntries(offset, {900}));
  ASSERT_TRUE(wal->RestoreReserve().ok());
  EXPECT_TRUE(wal->reserve_held());
}

TEST(Wal, RefusesEverythingAfterAFailedSync) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  ASSERT_TRUE(wal->Append(MakeEntries(0, {10})).ok());
  env->FailCall(1, Status(Status::kIoError, "broken"));
  EXPECT_EQ(wal->Sync().code(), Status::kIoError);
  // Linux would let a second fsync succeed although the data is gone.
  EXPECT_EQ(wal->Sync().code(), Status::kIoError);
  EXPECT_EQ(wal->Append(MakeEntries(1, {10})).code(), Status::kIoError);
  EXPECT_EQ(wal->TruncateSuffix(Offset{0}).code(), Status::kIoError);
  EXPECT_EQ(wal->Reset(Offset{9}, Epoch{1}, Timestamp{1}).code(), Status::kIoError);
  EXPECT_EQ(wal->durable_end(), Offset{0});
}

TEST(Wal, ReadNamesFileAndByteOfDamage) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  AppendAndSync(wal.get(), MakeEntries(0, {100, 100}));
  env->Overwrite(SegmentPath(0), 600, "x");
  const auto read = wal->Read(Offset{0}, 1000);
  EXPECT_EQ(read.status().code(), Status::kCorruption);
  EXPECT_NE(read.status().message().find(SegmentPath(0)), std::string::npos) << read.status();
  EXPECT_NE(read.status().message().find("byte 512"), std::string::npos) << read.status();
}

TEST(Wal, ATornWriteIsCutAndReported) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  const auto kept = MakeEntries(0, {100});
  AppendAndSync(wal.get(), kept);
  ASSERT_TRUE(wal->Append(MakeEntries(1, {3000, 100})).ok());
  env->Crash({CrashMode::kKeepAll});
  env->Overwrite(SegmentPath(0), 1536, std::string(512, '\0'));  // One sector of the first never arrived.
  RecoveryReport report;
  wal = MustOpen(env.get(), SmallSegments(), &report);
  ASSERT_NE(wal, nullptr);
  EXPECT_GT(report.torn_bytes_cut, 3000u);
  EXPECT_FALSE(report.note.empty());
  ExpectHolds(wal.get(), kept);
  EXPECT_EQ(env->Contents(SegmentPath(0)).find_first_not_of('\0', 800), std::string::npos);
}

// Goal: zeros over a torn tail that never reach the disk may not bring the tail back behind new records.
// Method: the sync of the cut fails, the next opening sees zeros, new records end at a sector boundary, and
// then the power goes.
TEST(Wal, ACutThatFailedIsDoneAgain) {
  auto env = NewDisk();
  auto wal = MustOpen(env.get(), SmallSegments());
  AppendAndSync(wal.get(), MakeEntries(0, {100}));
  ASSERT_TRUE(wal->Append(MakeEntries(1, {3000})).ok());
  env->Crash({CrashMode::kKeepAll});
  env->Overwrite(SegmentPath(0), 3072, std::string(512, '\0'));  // Torn; the sectors before have arrived.
  uint64_t calls = 0;
  {
    auto copy = env->Clone();
    ASSERT_TRUE(Wal::Open(copy.get(), kDir, SmallSegments(), nullptr).ok());
    calls = copy->calls();
  }
  // The first record ends at byte 672 (512 + 160); these end at 1024 and 1536.
  const auto two = MakeEntries(1, {296, 456});
  for (uint64_t call = 1; call <= calls; ++call) {
    auto copy = env->Clone();
    copy->FailCall(call, Status(Status::kIoError, "ordered by the test"));
    (void)Wal::Open(copy.get(), kDir, SmallSegments(), nullptr);
    copy->Crash({CrashMode::kKeepAll});
    auto reopened = MustOpen(copy.get(), SmallSegments());
    ASSERT_NE(reopened, nullptr) << call;
    AppendAndSync(reopened.get(), two);
    ASSERT_EQ(copy->Contents(SegmentPath(0)).find_last_not_of('\0') / 512, 2u) << "they fill two sectors";
    copy->Crash({CrashMode::kDropUnsynced});
    reopened = MustOpen(copy.get(), SmallSegments());
    ASSERT_NE(reopened, nullptr) << call;
    EXPECT_EQ(reopened->log_end(), Offset{3}) << call;
  }
}

TEST(Wal, ASegmentOfAnotherHistoryIsRefused) {
  std::vector<std::unique_ptr<MemoryEnv>> disks;
  for (const uint32_t epoch : {1u, 2u}) {  // Equal sizes, so that the names are equal too.
    disks.push_back(NewDisk());
    auto wal = MustOpen(disks.back().get(), SmallSegments());
    AppendAndSync(wal.get(), MakeEntries(0, std::vector<size_t>(12, 900), epoch));
  }
  const std::set<std::string> paths = disks[0]->Paths();
  std::string last;
  for (const std::string& path : paths) last = path.ends_with(".log") ? path : last;
  ASSERT_NE(last, SegmentPath(0));
  disks[0]->Crash({CrashMode::kKeepAll});
  disks[0]->Overwrite(last, 0, disks[1]->Contents(last));
  const Status status = Wal::Open(disks[0].get(), kDir, SmallSegments(), nullptr).status();
  EXPECT_EQ(status.code(), Status::kCorruption) << status;
}

TEST(Wal, WorksOnARealDisk) {
  const ScratchDir scratch("wal_real_disk");
  const std::string& dir = scratch.path();
  Env* const env = PosixEnv();
  WalOptions options = SmallSegments(1u << 20);
  options.reserve_bytes = 1u << 20;
  std::vector<Entry> all = MakeEntries(0, std::vector<size_t>(500, 5000));
  {
    auto wal = Wal::Open(env, dir, options, nullptr);
    ASSERT_TRUE(wal.ok()) << wal.status();
    for (size_t i = 0; i < all.size(); i += 50) {
      AppendAndSync(wal->get(),
                    {all.begin() + static_cast<ptrdiff_t>(i), all.begin() + static_cast<ptrdiff_t>(i) + 50});
    }
    EXPECT_EQ(Wal::Open(env, dir, options, nullptr).status().code(), Status::kBusy);
  }
  auto wal = Wal::Open(env, dir, options, nullptr);
  ASSERT_TRUE(wal.ok()) << wal.status();
  ExpectHolds(wal->get(), all);
  ASSERT_TRUE((*wal)->TruncateSuffix(Offset{100}).ok());
  ASSERT_TRUE((*wal)->DropPrefix(Offset{50}).ok());
  ASSERT_TRUE((*wal)->Close().ok());
}

}  // namespace
}  // namespace mom::wal
