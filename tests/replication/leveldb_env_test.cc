#include "replication/view/leveldb_env.h"

#include <gtest/gtest.h>
#include <leveldb/db.h>
#include <pthread.h>

#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "tests/wal/scratch_dir.h"

namespace mom::replication {
namespace {

constexpr uint64_t kStepBytes = 256u << 10;

// Remembers what was given to the disk early, and refuses what does not continue there.
class EarlyWrites {
 public:
  BeginWriteOut hook() {
    return [this](const std::string& file, uint64_t begin, uint64_t size) {
      BeginWriteOutBySystem(file, begin, size);
      std::lock_guard lock(mutex_);
      uint64_t& end = ends_[std::filesystem::path(file).filename()];
      EXPECT_EQ(begin, end) << file;
      // A step that is not in the file yet would be forgotten.
      EXPECT_GE(std::filesystem::file_size(file), begin + size) << file;
      end = begin + size;
    };
  }
  std::map<std::string, uint64_t> ends() {
    std::lock_guard lock(mutex_);
    return ends_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, uint64_t> ends_;
};

class ViewEnvTest : public ::testing::Test {
 protected:
  const wal::ScratchDir scratch_{"view_env"};
  const std::filesystem::path dir_ = scratch_.path();
  EarlyWrites early_;
  ViewEnv env_{leveldb::Env::Default(), early_.hook()};
};

TEST_F(ViewEnvTest, TablesReachTheDiskWhileTheyGrowAndAreWhole) {
  leveldb::Options options;
  options.env = &env_;
  options.create_if_missing = true;
  options.compression = leveldb::kNoCompression;
  options.write_buffer_size = 4u << 20;
  options.max_file_size = 2u << 20;
  const std::string folder = dir_ / "db";
  const auto value = [](int number) { return std::to_string(number) + std::string(1000, 'v'); };
  const auto key = [](int number) { return "key" + std::to_string(number * 7919 % 20000); };
  {
    leveldb::DB* opened = nullptr;
    ASSERT_TRUE(leveldb::DB::Open(options, folder, &opened).ok());
    const std::unique_ptr<leveldb::DB> db(opened);
    for (int number = 0; number < 20000; ++number)
      ASSERT_TRUE(db->Put(leveldb::WriteOptions(), key(number), value(number)).ok());
    db->CompactRange(nullptr, nullptr);
  }
  size_t tables = 0;
  const auto ends = early_.ends();
  for (const auto& [name, end] : ends) EXPECT_TRUE(name.ends_with(".ldb")) << name;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".ldb" || entry.file_size() < 2 * kStepBytes) continue;
    ++tables;
    // All but the last steps, which the sync takes care of.
    ASSERT_TRUE(ends.contains(entry.path().filename())) << entry.path();
    EXPECT_GE(ends.at(entry.path().filename()) + 2 * kStepBytes, entry.file_size());
  }
  EXPECT_GE(tables, 5u);
  leveldb::DB* opened = nullptr;
  ASSERT_TRUE(leveldb::DB::Open(options, folder, &opened).ok());
  const std::unique_ptr<leveldb::DB> db(opened);
  for (int number = 0; number < 20000; ++number) {
    std::string stored;
    ASSERT_TRUE(db->Get(leveldb::ReadOptions(), key(number), &stored).ok()) << number;
    ASSERT_EQ(stored, value(number));
  }
}

TEST_F(ViewEnvTest, ALogIsThrownAwayAndAManifestIsNot) {
  for (const char* name : {"000003.log", "MANIFEST-000002"}) {
    leveldb::WritableFile* made = nullptr;
    ASSERT_TRUE(env_.NewWritableFile(dir_ / name, &made).ok());
    const std::unique_ptr<leveldb::WritableFile> file(made);
    EXPECT_TRUE(file->Append(std::string(2 * kStepBytes, 'x')).ok());
    EXPECT_TRUE(file->Flush().ok());
    EXPECT_TRUE(file->Close().ok());
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "000003.log"));
  EXPECT_EQ(std::filesystem::file_size(dir_ / "MANIFEST-000002"), 2 * kStepBytes);
  EXPECT_TRUE(early_.ends().empty());
}

TEST_F(ViewEnvTest, ATableThatCannotBeMadeIsSaidToBeSo) {
  leveldb::WritableFile* made = nullptr;
  EXPECT_FALSE(env_.NewWritableFile(dir_ / "nowhere" / "000005.ldb", &made).ok());
}

TEST_F(ViewEnvTest, TheThreadThatMergesTablesHasAName) {
  auto promise = std::make_unique<std::promise<std::string>>();
  std::future<std::string> name = promise->get_future();
  env_.Schedule(
      [](void* given) {
        const std::unique_ptr<std::promise<std::string>> owned(
            static_cast<std::promise<std::string>*>(given));
        char text[16] = {};
        pthread_getname_np(pthread_self(), text, sizeof text);
        owned->set_value(text);
      },
      promise.release());
  EXPECT_EQ(name.get(), "mom-compact");
}

// What the system makes of it cannot be seen; that nothing breaks can.
TEST_F(ViewEnvTest, WritingOutAFileThatIsGoneIsNoFailure) {
  BeginWriteOutBySystem(dir_ / "gone.ldb", 0, kStepBytes);
}

}  // namespace
}  // namespace mom::replication
