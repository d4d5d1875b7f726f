#include "infra/replay/scratch_env.h"

#include <gtest/gtest.h>

#include "wal/memory_env.h"

namespace mom::replay {
namespace {

void Put(wal::Env* env, const std::string& path, std::string_view bytes) {
  auto file = env->OpenFile(path, wal::OpenMode::kCreate);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->WriteAt(0, bytes).ok());
}

std::string Get(wal::Env* env, const std::string& path) {
  auto file = env->OpenFile(path, wal::OpenMode::kRead);
  if (!file.ok()) return "none";
  return *(*file)->ReadAt(0, 1000);
}

class ScratchEnvTest : public testing::Test {
 protected:
  ScratchEnvTest() : scratch_(&disk_) {
    EXPECT_TRUE(disk_.CreateDir("d").ok());
    Put(&disk_, "d/a", "alpha");
    Put(&disk_, "d/b", "beta");
  }
  wal::MemoryEnv disk_;
  ScratchEnv scratch_;
};

TEST_F(ScratchEnvTest, WritesAreSeenHereAndNotBelow) {
  auto reader = scratch_.OpenFile("d/a", wal::OpenMode::kRead);
  auto writer = scratch_.OpenFile("d/a", wal::OpenMode::kReadWrite);
  ASSERT_TRUE(reader.ok() && writer.ok());
  EXPECT_FALSE(scratch_.changed());
  ASSERT_TRUE((*writer)->WriteAt(3, "HAWK").ok());
  EXPECT_TRUE(scratch_.changed());
  EXPECT_EQ(*(*reader)->ReadAt(0, 100), "alpHAWK");
  EXPECT_EQ(*scratch_.FileSize("d/a"), 7u);
  ASSERT_TRUE((*writer)->Truncate(2).ok());
  ASSERT_TRUE((*writer)->Allocate(3).ok());
  EXPECT_EQ(Get(&scratch_, "d/a"), std::string("al\0", 3));
  EXPECT_EQ(disk_.Contents("d/a"), "alpha");
}

TEST_F(ScratchEnvTest, NamesChangeHereAndNotBelow) {
  ASSERT_TRUE(scratch_.Rename("d/a", "d/b").ok());
  EXPECT_EQ(Get(&scratch_, "d/b"), "alpha");
  EXPECT_EQ(Get(&scratch_, "d/a"), "none");
  Put(&scratch_, "d/c", "gamma");
  EXPECT_EQ(*scratch_.ListDir("d"), (std::vector<std::string>{"b", "c"}));
  ASSERT_TRUE(scratch_.Remove("d/b").ok());
  EXPECT_EQ(scratch_.Remove("d/b").code(), Status::kNotFound);
  EXPECT_EQ(*scratch_.ListDir("d"), std::vector<std::string>{"c"});
  Put(&scratch_, "d/a", "new");
  EXPECT_EQ(Get(&scratch_, "d/a"), "new");
  ASSERT_TRUE(scratch_.CreateDir("e").ok());
  EXPECT_TRUE(scratch_.ListDir("e")->empty());
  EXPECT_EQ(scratch_.ListDir("f").status().code(), Status::kNotFound);
  EXPECT_EQ(disk_.Paths(), (std::set<std::string>{"d/a", "d/b"}));
  EXPECT_EQ(disk_.Contents("d/b"), "beta");
}

TEST_F(ScratchEnvTest, LocksKeepOthersOut) {
  auto lock = scratch_.LockFile("d/lock");
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(scratch_.LockFile("d/lock").status().code(), Status::kBusy);
  lock->reset();
  EXPECT_TRUE(scratch_.LockFile("d/lock").ok());
  EXPECT_EQ(disk_.Paths().count("d/lock"), 0u);
}

}  // namespace
}  // namespace mom::replay
