#include "replication/view/leveldb_view.h"

#include <gtest/gtest.h>
#include <leveldb/db.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "replication/view/value_checksum.h"
#include "tests/replication/leveldb_crash_env.h"

namespace mom::replication {
namespace {

class TempDir {
 public:
  TempDir() {
    std::string pattern = std::filesystem::temp_directory_path() / "mom-view-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::unique_ptr<LevelDbView> MustOpen(const std::string& dir, leveldb::Env* env = nullptr) {
  LevelDbViewOptions options;
  options.env = env;
  options.write_buffer_bytes = 64u << 10;  // Small: the memory table and LevelDB's log change often.
  auto view = LevelDbView::Open(dir, options);
  EXPECT_TRUE(view.ok()) << view.status();
  return view.ok() ? *std::move(view) : nullptr;
}

// One step of history: `counter` names it, `data` is spread over a few keys.
broker::ViewBatch Step(uint64_t counter) {
  broker::ViewBatch batch;
  batch["counter"] = std::to_string(counter);
  batch["key-" + std::to_string(counter % 50)] = std::string(200, static_cast<char>('a' + counter % 26));
  if (counter % 7 == 0) batch["key-" + std::to_string(counter % 50)] = std::nullopt;
  return batch;
}

std::map<std::string, std::string> Contents(const broker::ViewReader& reader) {
  std::map<std::string, std::string> contents;
  auto it = reader.NewIterator();
  for (it->Seek(""); it->Valid(); it->Next()) contents[std::string(it->key())] = it->value();
  return contents;
}

std::map<std::string, std::string> Expected(uint64_t counter) {
  broker::MemoryView model;
  for (uint64_t i = 1; i <= counter; ++i) model.Write(Step(i));
  return {model.contents().begin(), model.contents().end()};
}

uint64_t CounterOf(const LevelDbView& view) {
  auto counter = view.Latest()->Get("counter");
  return counter ? std::stoull(*counter) : 0;
}

TEST(LevelDbView, ReadsWhatWasWrittenAndKeepsSnapshots) {
  TempDir dir;
  auto view = MustOpen(dir / "view");
  ASSERT_TRUE(view->Write(Step(1)).ok());
  auto before = view->Snapshot();
  ASSERT_TRUE(view->Write(Step(2)).ok());
  EXPECT_EQ(before->Get("counter"), "1");
  EXPECT_EQ(view->Latest()->Get("counter"), "2");
  EXPECT_EQ(view->Latest()->Get("nothing"), std::nullopt);
  EXPECT_EQ(Contents(*view->Latest()), Expected(2));
}

// Goal: what a reader notes is never of a state before the one that holds it, although the record it is kept
// with always has the same bytes. Method: every other write counts "other" up; readers note what a snapshot
// says.
TEST(LevelDbView, NotesAreOfTheStateThatTheyAreShownWith) {
  TempDir dir;
  LevelDbViewOptions options;
  options.cached_tables = "r";
  auto view = LevelDbView::Open(dir / "view", options);
  ASSERT_TRUE(view.ok()) << view.status();
  const auto write = [&](int64_t number) {
    broker::ViewBatch batch;
    if (number % 2 == 0) batch["other"] = std::to_string(number);
    batch["record"] = "the same";
    ASSERT_TRUE((*view)->Write(batch).ok());
  };
  write(0);
  std::atomic<int64_t> started{0}, written{0};
  std::atomic<uint64_t> shown{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      const auto latest = (*view)->Latest();
      while (!done) {
        const int64_t at_least = written;
        const LatestView::Record record = latest->Look("record");
        ASSERT_EQ(record.value, "the same");
        if (record.note) {
          ASSERT_GE(*record.note, at_least / 2 * 2);
          ASSERT_LE(*record.note, started);
          ++shown;
        } else {
          latest->Keep("record", record.stamp,
                       {std::stoll(*(*view)->Snapshot()->Get("other")),
                        [](const broker::ViewBatch& changes) { return changes.contains("other"); }});
        }
      }
    });
  }
  for (int64_t i = 1; i <= 5'000 || (shown < 100 && i < 1'000'000); ++i) {
    started = i;
    write(i);
    written = i;
    if (i % 8 == 0) std::this_thread::yield();
  }
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_GE(shown, 100u);
}

TEST(LevelDbView, OnlyRecordsInMemoryTakeNotes) {
  TempDir dir;
  auto view = MustOpen(dir / "view");
  ASSERT_TRUE(view->Write(Step(1)).ok());
  const auto latest = view->Latest();
  EXPECT_EQ(latest->Look("counter").value, "1");
  EXPECT_EQ(latest->Look("counter").stamp, 0u);
  latest->Keep("counter", 0, {7, [](const broker::ViewBatch&) { return false; }});
  EXPECT_FALSE(latest->Look("counter").note.has_value());
}

// Goal: LevelDB keeps no log beside ours. Method: without MakeDurable() nothing of a small batch is left,
// with it all is.
TEST(LevelDbView, OpensAtWhatWasMadeDurable) {
  TempDir dir;
  {
    auto view = MustOpen(dir / "view");
    ASSERT_TRUE(view->Write(Step(1)).ok());
    ASSERT_TRUE(view->MakeDurable().ok());
    ASSERT_TRUE(view->Write(Step(2)).ok());
    for (const auto& file : std::filesystem::directory_iterator(dir / "view"))
      EXPECT_NE(file.path().extension(), ".log") << file.path();
  }
  EXPECT_EQ(Contents(*MustOpen(dir / "view")->Latest()), Expected(1));
}

// Goal: a view of an earlier version, which had LevelDB's log, opens with all that it held.
TEST(LevelDbView, ReadsTheLogOfAnEarlierVersion) {
  TempDir dir;
  {
    leveldb::Options options;
    options.create_if_missing = true;
    leveldb::DB* opened = nullptr;
    ASSERT_TRUE(leveldb::DB::Open(options, dir / "view", &opened).ok());
    const std::unique_ptr<leveldb::DB> db(opened);
    for (uint64_t i = 1; i <= 20; ++i) {
      for (const auto& [key, value] : Step(i)) {
        std::string stored;
        if (value) StoreValue(key, *value, &stored);
        const leveldb::Status status =
            value ? db->Put(leveldb::WriteOptions(), key, stored) : db->Delete(leveldb::WriteOptions(), key);
        ASSERT_TRUE(status.ok());
      }
    }
  }
  EXPECT_EQ(Contents(*MustOpen(dir / "view")->Latest()), Expected(20));
  EXPECT_EQ(Contents(*MustOpen(dir / "view")->Latest()), Expected(20));  // And stays.
}

TEST(LevelDbView, RefusesASecondOpening) {
  TempDir dir;
  auto view = MustOpen(dir / "view");
  EXPECT_EQ(LevelDbView::Open(dir / "view", {}).status().code(), Status::kBusy);
}

TEST(LevelDbView, DamagedTableIsCorruptionNotSilence) {
  TempDir dir;
  {
    auto view = MustOpen(dir / "view");
    for (uint64_t i = 1; i <= 500; ++i) ASSERT_TRUE(view->Write(Step(i)).ok());
    ASSERT_TRUE(view->MakeDurable().ok());
  }
  for (const auto& file : std::filesystem::directory_iterator(dir / "view")) {
    if (file.path().filename().string().starts_with("MANIFEST"))
      std::filesystem::resize_file(file.path(), 20);
  }
  EXPECT_EQ(LevelDbView::Open(dir / "view", {}).status().code(), Status::kCorruption);
}

// Goal: what MakeDurable() promised survives a power loss at any later moment, and what survives is always a
// whole prefix of history. Method: LevelDB over files that are cut back to what was synced.
TEST(LevelDbView, MadeDurableSurvivesPowerLoss) {
  uint64_t lost_steps = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    TempDir dir;
    LevelDbCrashEnv env;
    std::mt19937 random(seed);
    uint64_t counter = 0;
    uint64_t durable = 0;
    for (int life = 0; life < 3; ++life) {
      auto view = MustOpen(dir / "view", &env);
      ASSERT_NE(view, nullptr) << "seed " << seed;
      const uint64_t before_crash = std::exchange(counter, CounterOf(*view));
      lost_steps += before_crash - counter;
      ASSERT_GE(counter, durable) << "seed " << seed;
      ASSERT_EQ(Contents(*view->Latest()), Expected(counter)) << "seed " << seed;
      const uint64_t steps = random() % 1500;
      for (uint64_t i = 0; i < steps; ++i) {
        ASSERT_TRUE(view->Write(Step(++counter)).ok());
        if (random() % 400 != 0) continue;
        const uint64_t promised = counter;
        std::thread checkpoint([&] { ASSERT_TRUE(view->MakeDurable().ok()); });
        for (int more = 0; more < 50; ++more) ASSERT_TRUE(view->Write(Step(++counter)).ok());
        checkpoint.join();
        durable = promised;
      }
      env.Freeze();
      view.reset();
      env.Crash();
    }
  }
  EXPECT_GT(lost_steps, 1'000u);  // The crashes did take something away.
}

// Goal: the test above can fail. Method: without MakeDurable() the newest writes are gone after the crash.
TEST(LevelDbView, UnsyncedWritesAreLostInPowerLoss) {
  TempDir dir;
  LevelDbCrashEnv env;
  {
    auto view = MustOpen(dir / "view", &env);
    for (uint64_t i = 1; i <= 100; ++i) ASSERT_TRUE(view->Write(Step(i)).ok());
    env.Freeze();
  }
  env.Crash();
  EXPECT_LT(CounterOf(*MustOpen(dir / "view", &env)), 100u);
}

}  // namespace
}  // namespace mom::replication
