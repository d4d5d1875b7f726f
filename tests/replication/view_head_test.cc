// Goal: whatever a view says of itself on the disk, a start says what is wrong and ends well, or mends it.
// Method: data folders whose view was written by another version, or damaged.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "mom/v1/records.pb.h"
#include "replication/replica/data_dir.h"
#include "replication/replica/view_folders.h"
#include "wal/posix_env.h"

namespace mom::replication {
namespace {

namespace fs = std::filesystem;

class ViewHeadTest : public testing::Test {
 protected:
  ViewHeadTest() {
    std::string pattern = fs::temp_directory_path() / "mom-head-XXXXXX";
    root_ = mkdtemp(pattern.data());
    options_.path = root_ + "/data";
    options_.node = NodeId{1};
    options_.env = wal::PosixEnv();
    options_.wal.reserve_bytes = 0;
    EXPECT_TRUE(OpenDataDir(options_).ok());
  }
  ~ViewHeadTest() override { fs::remove_all(root_); }

  void PutApplied(const std::string& record) {
    auto view = LevelDbView::Open(options_.path + "/" + kFirstViewFolder, {});
    ASSERT_TRUE(view.ok()) << view.status();
    ASSERT_TRUE((*view)->Write({{broker::keys::Applied(), record}}).ok());
    ASSERT_TRUE((*view)->MakeDurable().ok());
  }
  static std::string Applied(uint32_t format, uint64_t end, uint32_t epoch) {
    v1::AppliedState state;
    state.set_format(format);
    state.set_applied_end(end);
    state.set_epoch(epoch);
    return state.SerializeAsString();
  }

  std::string root_;
  DataDirOptions options_;
};

TEST_F(ViewHeadTest, AnotherFormatIsRefusedByNameAndNothingIsChanged) {
  ASSERT_NO_FATAL_FAILURE(PutApplied(Applied(77, 0, 0)));
  for (int i = 0; i < 2; ++i) {
    const auto data = OpenDataDir(options_);
    ASSERT_EQ(data.status().code(), Status::kWrongOwner) << data.status();
    EXPECT_NE(data.status().message().find("of format 77"), std::string::npos) << data.status();
    EXPECT_EQ(data.status().message().find('\n'), std::string::npos);
  }
}

TEST_F(ViewHeadTest, ARecordThatCannotBeDecodedIsDamage) {
  ASSERT_NO_FATAL_FAILURE(PutApplied("\xff\xff"));
  const auto data = OpenDataDir(options_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_NE(data->note.find("the view was damaged"), std::string::npos) << data->note;
  EXPECT_TRUE(fs::exists(options_.path + "/view.damaged-1"));
}

TEST_F(ViewHeadTest, ADamagedBlockUnderItIsDamage) {
  ASSERT_NO_FATAL_FAILURE(PutApplied(Applied(broker::kViewFormat, 0, 0)));
  for (const auto& file : fs::directory_iterator(options_.path + "/view")) {
    if (file.path().extension() != ".ldb") continue;
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(6);
    bytes.write("damage", 6);
  }
  const auto data = OpenDataDir(options_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_NE(data->note.find("the view was damaged"), std::string::npos) << data->note;
}

// Goal: a view that somebody has copied from another node is found at the start, not by a broken check later.
TEST_F(ViewHeadTest, AViewOfAnotherLogIsRefused) {
  {
    auto data = OpenDataDir(options_);
    ASSERT_TRUE(data.ok());
    const Entry entry{Offset{0}, Epoch{1}, Timestamp{1}, EntryKind::kClock,
                      std::make_shared<const std::string>()};
    ASSERT_TRUE(data->wal->Append(std::vector<Entry>{entry}).ok());
    ASSERT_TRUE(data->wal->Sync().ok());
    ASSERT_TRUE(wal::WriteHardState(options_.env, data->hard_state_path(), {Epoch{9}, {}, {}, {}}).ok());
  }
  ASSERT_NO_FATAL_FAILURE(PutApplied(Applied(broker::kViewFormat, 1, 1)));
  EXPECT_TRUE(OpenDataDir(options_).ok());
  ASSERT_NO_FATAL_FAILURE(PutApplied(Applied(broker::kViewFormat, 1, 5)));
  const auto data = OpenDataDir(options_);
  EXPECT_EQ(data.status().code(), Status::kCorruption);
  EXPECT_NE(data.status().message().find("of epoch 5"), std::string::npos) << data.status();
}

}  // namespace
}  // namespace mom::replication
