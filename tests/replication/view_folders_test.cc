// Goal: what a crash in the middle of a snapshot transfer leaves in the data folder goes with the next start,
// and nothing else does. Method: data folders with folders of many names in them; which are there after a
// start.
#include "replication/replica/view_folders.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "replication/replica/data_dir.h"
#include "replication/replica/marks.h"
#include "wal/posix_env.h"

namespace mom::replication {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

class ViewFoldersTest : public testing::Test {
 protected:
  ViewFoldersTest() {
    std::string pattern = fs::temp_directory_path() / "mom-views-XXXXXX";
    root_ = mkdtemp(pattern.data());
    options_.path = root_ + "/data";
    options_.node = NodeId{1};
    options_.env = wal::PosixEnv();
    options_.wal.reserve_bytes = 0;
    Open();
  }
  ~ViewFoldersTest() override { fs::remove_all(root_); }

  // A start, and an end.
  void Open() {
    const auto data = OpenDataDir(options_);
    ASSERT_TRUE(data.ok()) << data.status();
    note_ = data->note;
  }
  void MakeView(const std::string& name) {
    auto view = LevelDbView::Open(options_.path + "/" + name, {});
    ASSERT_TRUE(view.ok()) << view.status();
    ASSERT_TRUE((*view)->Write({{"key", "value"}}).ok());
  }
  Names Views() const {
    Names names;
    for (const auto& item : fs::directory_iterator(options_.path)) {
      const std::string name = item.path().filename().string();
      if (name.starts_with("view")) names.insert(name);
    }
    return names;
  }

  std::string root_;
  DataDirOptions options_;
  std::string note_;
};

TEST_F(ViewFoldersTest, AStartRemovesTheFolderOfAnInterruptedTransfer) {
  EXPECT_EQ(note_, "");
  MakeView(ViewFolderOf({Offset{70}, Epoch{2}}));
  fs::create_directory(options_.path + "/view-90-3");  // The crash came before LevelDB's first file.
  ASSERT_EQ(Views(), (Names{"view", "view-70-2", "view-90-3"}));
  Open();
  EXPECT_EQ(Views(), Names{"view"});
  EXPECT_NE(note_.find("view-70-2"), std::string::npos) << note_;
  Open();
  EXPECT_EQ(note_, "");
}

TEST_F(ViewFoldersTest, OnlyTheViewInUseStays) {
  fs::rename(options_.path + "/view", options_.path + "/view-70-2");
  ASSERT_TRUE(WriteViewName(options_.env, options_.path, "view-70-2").ok());
  MakeView("view");  // Replaced, and not removed yet.
  MakeView("view-60-2");
  Open();
  EXPECT_EQ(Views(), (Names{"view-70-2", "view-name"}));
}

TEST_F(ViewFoldersTest, WhatHasAnotherNameIsNotTouched) {
  const Names others = {"view.damaged-1", "view-70-2.damaged-1", "view-70", "view-70-", "view--2",
                        "view-70-2-1",    "view-70-2x",          "viewer",  "view-x-2", "view-70-2 "};
  for (const std::string& name : others) MakeView(name);
  std::ofstream(options_.path + "/view-80-2") << "a file";
  fs::create_directory_symlink(options_.path + "/viewer", options_.path + "/view-81-2");
  Open();
  Names expected = others;
  expected.insert({"view", "view-80-2", "view-81-2"});
  EXPECT_EQ(Views(), expected);
  EXPECT_TRUE(fs::exists(options_.path + "/viewer/CURRENT"));
}

// Goal: what is not LevelDB's is somebody's, wherever it lies.
TEST_F(ViewFoldersTest, AForeignFileInALeftoverStays) {
  MakeView("view-70-2");
  std::ofstream(options_.path + "/view-70-2/letters.txt") << "somebody's";
  Open();
  EXPECT_TRUE(fs::exists(options_.path + "/view-70-2/letters.txt"));
  EXPECT_FALSE(fs::exists(options_.path + "/view-70-2/CURRENT"));
}

TEST_F(ViewFoldersTest, SeveralAreKept) {
  for (const char* name : {"view-1-1", "view-2-1", "view-3-1"}) MakeView(name);
  const auto removed = RemoveLeftoverViews(options_.path, {"view", "view-2-1"});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, (std::vector<std::string>{"view-1-1", "view-3-1"}));
  EXPECT_EQ(Views(), (Names{"view", "view-2-1"}));
  EXPECT_EQ(RemoveLeftoverViews(options_.path + "/none", {}).status().code(), Status::kIoError);
}

}  // namespace
}  // namespace mom::replication
