// Goal: no single damage to the files of a log loses an acknowledged record silently.
// Method: write 20 acknowledged records, damage the files in every way of a class, open. Each time the
// outcome must be "all records are there and equal" or "refused, with a name".
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "tests/wal/log_fixture.h"
#include "wal/log_format.h"
#include "wal/log_mark.h"
#include "wal/segment_maker.h"

namespace mom::wal {
namespace {

// How the log was left before it was damaged.
enum class Left {
  kClosed,     // Shut down cleanly.
  kKilled,     // kill -9: everything written is there, the mark is old, the hint is new.
  kPowerLoss,  // Everything synced is there; the hint never reached the disk.
};

std::string LeftName(const testing::TestParamInfo<Left>& info) {
  const char* const names[] = {"Closed", "Killed", "PowerLoss"};
  return names[static_cast<size_t>(info.param)];
}

// Payloads around the sector size, empty ones, and such that look like unwritten space.
std::vector<Entry> TwentyEntries() {
  std::vector<Entry> entries;
  const size_t sizes[] = {0, 1, 8, 100, 455, 456, 457, 512, 513, 4200, 0, 1000, 1500, 2048, 5000, 600, 30};
  for (const size_t size : sizes) entries.push_back(MakeEntry(entries.size(), Payload(size, entries.size())));
  entries.push_back(MakeEntry(17, std::string(3000, '\0')));
  std::string sparse(1400, '\0');  // One bit in each piece, or the damage of one byte would empty it.
  for (size_t i = 100; i < sparse.size(); i += 512) sparse[i] = 1;
  sparse.back() = 1;
  entries.push_back(MakeEntry(18, sparse));
  entries.push_back(MakeEntry(19, std::string(1100, '\0')));
  return entries;
}

class WalDamage : public testing::TestWithParam<Left> {
 protected:
  void SetUp() override {
    entries_ = TwentyEntries();
    env_ = NewDisk();
    auto wal = MustOpen(env_.get(), options_);
    size_t next = 0;
    for (const size_t batch : {1u, 3u, 4u, 1u, 1u, 2u, 3u, 1u, 2u, 2u}) {
      const auto begin = entries_.begin() + static_cast<ptrdiff_t>(next);
      AppendAndSync(wal.get(), {begin, begin + static_cast<ptrdiff_t>(batch)});
      next += batch;
    }
    ASSERT_EQ(next, entries_.size());
    if (GetParam() == Left::kClosed) {
      ASSERT_TRUE(wal->Close().ok());
    }
    wal.reset();
    env_->Crash({GetParam() == Left::kPowerLoss ? CrashMode::kDropUnsynced : CrashMode::kKeepAll});
    for (const std::string& path : env_->Paths()) {
      if (path.ends_with(kSegmentSuffix)) segments_.push_back(path);
    }
    ASSERT_GE(segments_.size(), 4u);
  }

  // Opens a damaged copy. True when all is there, false when refused; fails the test otherwise.
  bool Survives(const std::function<void(MemoryEnv*)>& damage, const std::string& what) {
    ++cases_;
    auto copy = env_->Clone();
    damage(copy.get());
    RecoveryReport report;
    Result<std::unique_ptr<Wal>> wal = Wal::Open(copy.get(), kDir, options_, &report);
    if (!wal.ok()) {
      ++refused_;
      EXPECT_EQ(wal.status().code(), Status::kCorruption) << what << ": " << wal.status();
      EXPECT_NE(wal.status().message().find(kDir), std::string::npos) << what << ": " << wal.status();
      return false;
    }
    Result<std::vector<Entry>> all = ReadAll(wal->get());
    if (!all.ok()) {
      ADD_FAILURE() << what << ": opened but not readable: " << all.status();
      return false;
    }
    const bool same =
        all->size() == entries_.size() && std::equal(all->begin(), all->end(), entries_.begin(), SameEntry);
    EXPECT_TRUE(same) << what << ": silent loss, " << all->size() << " records left; " << report.note;
    return true;
  }

  void Change(const std::string& path, size_t position, const std::function<char(char)>& change) {
    const std::string what = path + " byte " + std::to_string(position);
    const char old = env_->Contents(path)[position];
    const char now = change(old);
    if (now == old) return;
    Survives([&](MemoryEnv* env) { env->Overwrite(path, position, std::string(1, now)); }, what);
  }

  void FlipEveryBit(const std::string& path, size_t begin, size_t end) {
    for (size_t position = begin; position < end; ++position) {
      for (int bit = 0; bit < 8; ++bit)
        Change(path, position, [bit](char c) { return static_cast<char>(c ^ (1 << bit)); });
    }
  }

  // Byte positions of the record headers of a segment.
  std::vector<size_t> RecordPositions(const std::string& path) const {
    const std::string bytes = env_->Contents(path);
    std::vector<size_t> positions;
    for (size_t at = kRecordsBegin; at + kRecordHeaderBytes <= bytes.size();) {
      RecordHeaderBytes header;
      std::copy_n(bytes.data() + at, sizeof(header), reinterpret_cast<char*>(&header));
      if (header.magic != kRecordMagic) break;
      positions.push_back(at);
      at += RecordBytes(header.payload_bytes);
    }
    return positions;
  }

  size_t RecordsEnd(const std::string& path) const { return env_->Contents(path).find_last_not_of('\0') + 1; }

  const WalOptions options_ = SmallSegments();
  std::vector<Entry> entries_;
  std::unique_ptr<MemoryEnv> env_;
  std::vector<std::string> segments_;
  uint64_t cases_ = 0;
  uint64_t refused_ = 0;
};

TEST_P(WalDamage, NoneIsFine) {
  EXPECT_TRUE(Survives([](MemoryEnv*) {}, "no damage"));
  size_t records = 0;
  for (const std::string& path : segments_) records += RecordPositions(path).size();
  EXPECT_EQ(records, entries_.size());
}

TEST_P(WalDamage, EveryBitOfEveryHeader) {
  for (const std::string& path : segments_) {
    FlipEveryBit(path, 0, kSectorBytes);
    for (const size_t position : RecordPositions(path))
      FlipEveryBit(path, position, position + kRecordHeaderBytes);
  }
  EXPECT_EQ(refused_, cases_) << "a damaged header is never overlooked";
}

TEST_P(WalDamage, EveryByteOfEveryPayload) {
  for (const std::string& path : segments_) {
    const size_t end = RecordsEnd(path);
    for (size_t position = kRecordsBegin; position < end; ++position) {
      Change(path, position, [](char c) { return static_cast<char>(~c); });
      Change(path, position, [](char) { return '\0'; });
      // Without mark and hint a record has to speak for itself: there every bit is tried.
      if (GetParam() == Left::kPowerLoss) FlipEveryBit(path, position, position + 1);
    }
  }
  EXPECT_EQ(refused_, cases_) << "a damaged payload is never overlooked";
}

TEST_P(WalDamage, UnusedSpace) {
  for (const std::string& path : segments_) {
    const size_t size = env_->Contents(path).size();
    for (size_t position = RecordsEnd(path); position < size; ++position) {
      Change(path, position, [position](char c) { return static_cast<char>(c ^ (1 << position % 8)); });
    }
  }
}

TEST_P(WalDamage, EverySmallFile) {
  for (const char* const name : {kLogMarkName, kDurableHintName}) {
    const std::string path = std::string(kDir) + "/" + name;
    if (!env_->Paths().contains(path)) continue;
    FlipEveryBit(path, 0, env_->Contents(path).size());
  }
}

TEST_P(WalDamage, CutAtEveryByte) {
  for (const std::string& path : env_->Paths()) {
    const size_t size = env_->Contents(path).size();
    for (size_t keep = 0; keep < size; ++keep) {
      const bool survives =
          Survives([&](MemoryEnv* env) { env->Cut(path, keep); }, path + " cut to " + std::to_string(keep));
      EXPECT_FALSE(survives && path.ends_with(kSegmentSuffix)) << "segments never have another size";
    }
  }
}

TEST_P(WalDamage, EveryFileRemoved) {
  for (const std::string& path : env_->Paths()) {
    const bool survives = Survives([&](MemoryEnv* env) { env->Erase(path); }, path + " removed");
    EXPECT_FALSE(survives && path.ends_with(kSegmentSuffix)) << path;
  }
}

TEST_P(WalDamage, SegmentsSwappedOrCopied) {
  for (const std::string& to : segments_) {
    for (const std::string& from : segments_) {
      if (to == from) continue;
      const std::string bytes = env_->Contents(from);
      EXPECT_FALSE(
          Survives([&](MemoryEnv* env) { env->Overwrite(to, 0, bytes); }, from + " copied over " + to));
      // Without the header: the records alone know where they belong.
      Survives([&](MemoryEnv* env) { env->Overwrite(to, kSectorBytes, bytes.substr(kSectorBytes)); },
               "records of " + from + " copied over " + to);
    }
  }
}

// A sector that the disk lost looks like one that was never written. Only evidence from elsewhere helps:
// later records, the mark, or the hint. After a power loss that took the hint too there is none for the last
// batch, and that is the one thing which cannot be told apart (ADR 0002).
TEST_P(WalDamage, EverySectorLost) {
  const std::string& last = segments_.back();
  // The last batch holds the last two records.
  const std::vector<size_t> positions = RecordPositions(last);
  const size_t unproven = positions[positions.size() - std::min<size_t>(positions.size(), 2)];
  for (const std::string& path : segments_) {
    for (size_t at = 0; at < RecordsEnd(path); at += kSectorBytes) {
      const bool undecidable = GetParam() == Left::kPowerLoss && path == last && at + kSectorBytes > unproven;
      if (undecidable) continue;
      EXPECT_FALSE(
          Survives([&](MemoryEnv* env) { env->Overwrite(path, at, std::string(kSectorBytes, '\0')); },
                   path + " lost sector at " + std::to_string(at)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Left, WalDamage, testing::Values(Left::kClosed, Left::kKilled, Left::kPowerLoss),
                         LeftName);

}  // namespace
}  // namespace mom::wal
