// The environments: what the log may rely on, for the real one and for the one that breaks.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/wal/scratch_dir.h"
#include "wal/atomic_file.h"
#include "wal/memory_env.h"
#include "wal/posix_env.h"

namespace mom::wal {
namespace {

class AnyEnv : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    env_ = GetParam() ? PosixEnv() : &memory_;
    dir_ = GetParam() ? scratch_.path() + "/env_test" : "env_test";
    ASSERT_TRUE(env_->CreateDir(dir_).ok());
  }

  const ScratchDir scratch_{"env_test"};
  MemoryEnv memory_;
  Env* env_ = nullptr;
  std::string dir_;
};

TEST_P(AnyEnv, WritesAndReadsAnywhere) {
  auto file = env_->OpenFile(dir_ + "/a", OpenMode::kCreate);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->WriteAt(3, "def").ok());
  ASSERT_TRUE((*file)->WriteAt(0, "abc").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  EXPECT_EQ((*file)->ReadAt(1, 3).value(), "bcd");
  EXPECT_EQ((*file)->ReadAt(4, 100).value(), "ef");
  EXPECT_EQ((*file)->ReadAt(100, 1).value(), "");
  ASSERT_TRUE((*file)->Allocate(10).ok());
  EXPECT_EQ(env_->FileSize(dir_ + "/a").value(), 10u);
  EXPECT_EQ((*file)->ReadAt(5, 10).value(), std::string("f\0\0\0\0", 5));
  ASSERT_TRUE((*file)->Allocate(5).ok());
  EXPECT_EQ(env_->FileSize(dir_ + "/a").value(), 10u) << "allocating never shrinks";
  ASSERT_TRUE((*file)->Truncate(2).ok());
  EXPECT_EQ(ReadWholeFile(env_, dir_ + "/a").value(), "ab");
}

TEST_P(AnyEnv, ListsRenamesRemoves) {
  ASSERT_TRUE(ReplaceFile(env_, dir_ + "/b", "1").ok());
  ASSERT_TRUE(ReplaceFile(env_, dir_ + "/a", "2").ok());
  EXPECT_EQ(env_->ListDir(dir_).value(), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(env_->Rename(dir_ + "/a", dir_ + "/b").ok());
  EXPECT_EQ(ReadWholeFile(env_, dir_ + "/b").value(), "2");
  ASSERT_TRUE(env_->Remove(dir_ + "/b").ok());
  ASSERT_TRUE(env_->SyncDir(dir_).ok());
  EXPECT_TRUE(env_->ListDir(dir_)->empty());
}

TEST_P(AnyEnv, NamesWhatIsMissing) {
  const std::string path = dir_ + "/nothing";
  for (const Status& status :
       {env_->OpenFile(path, OpenMode::kRead).status(), env_->OpenFile(path, OpenMode::kReadWrite).status(),
        env_->FileSize(path).status(), env_->Remove(path), env_->Rename(path, path + "2"),
        env_->OpenFile(dir_ + "/no/folder", OpenMode::kCreate).status(),
        ReadWholeFile(env_, path).status()}) {
    EXPECT_EQ(status.code(), Status::kNotFound) << status;
    EXPECT_NE(status.message().find(dir_), std::string::npos) << status;
  }
}

TEST_P(AnyEnv, LocksOnce) {
  auto lock = env_->LockFile(dir_ + "/lock");
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(env_->LockFile(dir_ + "/lock").status().code(), Status::kBusy);
  lock->reset();
  EXPECT_TRUE(env_->LockFile(dir_ + "/lock").ok());
}

TEST_P(AnyEnv, KnowsFreeSpace) {
  EXPECT_GT(env_->FreeBytes(dir_).value(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Env, AnyEnv, testing::Bool(), [](const testing::TestParamInfo<bool>& param) {
  return param.param ? "Posix" : "Memory";
});

TEST(PosixEnv, SaysNoSpaceForAFullDisk) {
  auto file = PosixEnv()->OpenFile("/dev/full", OpenMode::kReadWrite);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->WriteAt(0, "x").code(), Status::kNoSpace);
}

TEST(MemoryEnv, KeepsWholeSectorsOrNone) {
  bool kept_some = false;
  bool lost_some = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MemoryEnv env;
    ASSERT_TRUE(env.CreateDir("d").ok());
    ASSERT_TRUE(ReplaceFile(&env, "d/f", std::string(2048, 'a')).ok());
    auto file = env.OpenFile("d/f", OpenMode::kReadWrite);
    ASSERT_TRUE((*file)->WriteAt(100, std::string(1500, 'b')).ok());
    env.Crash({CrashMode::kKeepSome, seed});
    EXPECT_FALSE((*file)->WriteAt(0, "x").ok()) << "handles die in a crash";
    const std::string bytes = env.Contents("d/f");
    ASSERT_EQ(bytes.size(), 2048u);
    for (size_t sector = 0; sector < 4; ++sector) {
      const bool is_new = bytes[std::max<size_t>(sector * 512, 100)] == 'b';
      (is_new ? kept_some : lost_some) = true;
      for (size_t i = sector * 512; i < sector * 512 + 512; ++i) {
        EXPECT_EQ(bytes[i], is_new && i >= 100 && i < 1600 ? 'b' : 'a') << seed << " " << i;
      }
    }
  }
  EXPECT_TRUE(kept_some && lost_some);
}

TEST(MemoryEnv, NamesAreNotDurableBeforeTheFolderIsSynced) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDir("d").ok());
  ASSERT_TRUE(ReplaceFile(&env, "d/old", "1").ok());
  ASSERT_TRUE((*env.OpenFile("d/new", OpenMode::kCreate))->Sync().ok());
  ASSERT_TRUE(env.Remove("d/old").ok());
  env.Crash({CrashMode::kDropUnsynced});
  EXPECT_EQ(env.Paths(), (std::set<std::string>{"d/old"}));
  ASSERT_TRUE(env.Rename("d/old", "d/renamed").ok());
  ASSERT_TRUE(env.SyncDir("d").ok());
  env.Crash({CrashMode::kDropUnsynced});
  EXPECT_EQ(env.Paths(), (std::set<std::string>{"d/renamed"}));
}

TEST(MemoryEnv, SizesAreNotDurableBeforeASync) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDir("d").ok());
  ASSERT_TRUE(ReplaceFile(&env, "d/f", std::string(700, 'a')).ok());
  auto file = env.OpenFile("d/f", OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->Truncate(10).ok());
  ASSERT_TRUE((*file)->Allocate(3000).ok());
  env.Crash({CrashMode::kDropUnsynced});
  EXPECT_EQ(env.Contents("d/f"), std::string(700, 'a'));
}

TEST(MemoryEnv, FailsOnceAndStopsForGood) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDir("d").ok());
  env.FailCall(2, Status(Status::kNoSpace, "full"));
  auto file = env.OpenFile("d/f", OpenMode::kCreate);
  EXPECT_EQ((*file)->WriteAt(0, std::string(1500, 'a')).code(), Status::kNoSpace);
  EXPECT_EQ(env.Contents("d/f"), std::string(512, 'a')) << "a failing write may leave a part";
  EXPECT_TRUE((*file)->WriteAt(0, "abcd").ok());
  env.StopAtCall(1);
  EXPECT_FALSE((*file)->Sync().ok());
  EXPECT_FALSE(env.ListDir("d").ok());
  env.Crash({CrashMode::kKeepAll});
  EXPECT_TRUE(env.ListDir("d").ok());
}

// What made fsync infamous: the second one succeeds although the data never reached the disk.
TEST(MemoryEnv, AFailedSyncLosesWhatItCallsClean) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDir("d").ok());
  ASSERT_TRUE(ReplaceFile(&env, "d/f", std::string(1024, 'a')).ok());
  auto file = env.OpenFile("d/f", OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->WriteAt(0, std::string(1024, 'b')).ok());
  env.FailCall(1, Status(Status::kIoError, "broken"));
  EXPECT_FALSE((*file)->Sync().ok());
  EXPECT_EQ(env.Contents("d/f"), std::string(1024, 'b'));
  ASSERT_TRUE((*file)->WriteAt(0, "b").ok());  // Writing again saves one sector.
  ASSERT_TRUE((*file)->Sync().ok());
  env.Crash({CrashMode::kDropUnsynced});
  EXPECT_EQ(env.Contents("d/f"), std::string(512, 'b') + std::string(512, 'a'));
}

TEST(MemoryEnv, IsFullAtItsCapacity) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDir("d").ok());
  env.SetCapacity(1000);
  auto file = env.OpenFile("d/f", OpenMode::kCreate);
  EXPECT_EQ((*file)->Allocate(1001).code(), Status::kNoSpace);
  EXPECT_TRUE((*file)->Allocate(900).ok());
  EXPECT_EQ(env.FreeBytes("d").value(), 100u);
  EXPECT_EQ((*file)->WriteAt(900, std::string(101, 'x')).code(), Status::kNoSpace);
}

TEST(AtomicFile, IsOldOrNewAfterEveryCrash) {
  for (uint64_t call = 1; call <= 5; ++call) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      MemoryEnv env;
      ASSERT_TRUE(env.CreateDir("d").ok());
      ASSERT_TRUE(ReplaceFile(&env, "d/f", "old").ok());
      env.StopAtCall(call);
      ASSERT_FALSE(ReplaceFile(&env, "d/f", std::string(3000, 'n')).ok());
      env.Crash({CrashMode::kKeepSome, seed});
      const std::string bytes = env.Contents("d/f");
      EXPECT_TRUE(bytes == "old" || bytes == std::string(3000, 'n')) << call << " " << seed;
    }
  }
}

}  // namespace
}  // namespace mom::wal
