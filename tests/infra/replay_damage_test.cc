// mom-replay on data folders that a crash has torn or that are damaged: it says where, and what can still be
// had.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/broker/keys.h"
#include "infra/replay/commands.h"
#include "tests/infra/replay_fixture.h"

namespace mom::replay {
namespace {

namespace fs = std::filesystem;
namespace keys = broker::keys;

using ReplayDamageTest = ReplayTest;

// Goal: what a killed node leaves is no damage. Method: copy the folder under a running node, which is what
// the disk holds after kill -9, and add the beginning of a record that a power loss has torn.
TEST_F(ReplayDamageTest, AcceptsAKilledNodeAndShowsItsTornTail) {
  Start();
  Fill(30);
  fs::copy(dir_, root_ + "/copy", fs::copy_options::recursive);
  node_.reset();
  dir_ = root_ + "/copy";
  EXPECT_EQ(Checked({"inspect"}).exit, kExitOk);
  EXPECT_EQ(Checked({"verify"}).exit, kExitOk);
  const std::string last = ReadFile(Segments().back());
  const size_t used = last.find_last_not_of('\0') + 1;
  {
    std::fstream file(Segments().back(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>((used / 512 + 2) * 512));
    file << "torn";
  }
  const Ran inspect = Checked({"inspect"});
  EXPECT_EQ(inspect.exit, kExitOk) << inspect.out;
  EXPECT_TRUE(inspect.Says("behind offset 34 that a crash left unfinished")) << inspect.out;
  const Ran verify = Checked({"verify"});
  EXPECT_EQ(verify.exit, kExitOk) << verify.out;
  EXPECT_TRUE(verify.Says("torn tail, no damage"));
}

TEST_F(ReplayDamageTest, NamesFileByteAndOffsetOfDamageInTheLog) {
  MakeStoppedNode();
  const fs::path middle = Segments()[1];
  Flip(middle, 60'000);
  for (const char* command : {"inspect", "verify"}) {
    const Ran ran = Checked({command});
    EXPECT_EQ(ran.exit, kExitDamaged) << ran.out;
    EXPECT_TRUE(ran.Says("DAMAGED: file " + middle.string() + ", byte ")) << ran.out;
    EXPECT_TRUE(ran.Says(", offset ")) << ran.out;
  }
  // What lies before the damage can still be had.
  const Ran dump = Checked({"dump"});
  EXPECT_EQ(dump.exit, kExitDamaged);
  EXPECT_TRUE(dump.Says("offset=0 ")) << dump.out;
  EXPECT_FALSE(dump.Says("offset=33 "));
  EXPECT_NE(dump.err.find("only the entries below offset"), std::string::npos) << dump.err;
}

// Goal: nobody takes the first part of a log for all of it. Method: damage in the middle, which the log
// tells, and in its last record, which looks like what a crash leaves, so that only the view knows better.
TEST_F(ReplayDamageTest, RebuildsTheFirstPartOfADamagedLogOnlyWhenToldTo) {
  MakeStoppedNode();
  const fs::path last = Segments().back();
  const size_t used = ReadFile(last).find_last_not_of('\0');
  const std::vector<std::pair<fs::path, size_t>> places = {{last, used}, {Segments()[1], 60'000}};
  for (const auto& [file, at] : places) {
    Flip(file, static_cast<std::streamoff>(at));
    const Ran refused = Checked({"rebuild", "--output", root_ + "/new"});
    EXPECT_EQ(refused.exit, kExitDamaged) << refused.err;
    EXPECT_NE(refused.err.find("log: DAMAGED: "), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find("--accept-prefix"), std::string::npos) << refused.err;
    EXPECT_FALSE(fs::exists(root_ + "/new"));
    const Ran part = Checked({"rebuild", "--accept-prefix", "--output", root_ + "/new"});
    EXPECT_EQ(part.exit, kExitOk) << part.err;
    EXPECT_TRUE(part.Says("digest")) << part.out;
    fs::remove_all(root_ + "/new");
    Flip(file, static_cast<std::streamoff>(at));
  }
  EXPECT_EQ(Checked({"rebuild", "--output", root_ + "/new"}).exit, kExitOk);
}

// Goal: a view that could not be compared is not called good. Method: copy the folder under a running node
// that never wrote its view's memory to a file.
TEST_F(ReplayDamageTest, SaysThatAViewThatHoldsNothingWasNotCompared) {
  Start();
  Fill(30);
  fs::copy(dir_, root_ + "/copy", fs::copy_options::recursive);
  node_.reset();
  dir_ = root_ + "/copy";
  const Ran ran = Checked({"verify"});
  EXPECT_EQ(ran.exit, kExitOk) << ran.out;
  EXPECT_TRUE(ran.Says("NOT COMPARED")) << ran.out;
  EXPECT_TRUE(ran.Says("result: nothing wrong was found, but not all could be checked")) << ran.out;
  EXPECT_FALSE(ran.Says("result: good")) << ran.out;
}

TEST_F(ReplayDamageTest, DumpsWhatLiesBeforeASegmentWithoutHeader) {
  MakeStoppedNode();
  const fs::path second = Segments()[1];
  const uint64_t first_lost = std::stoull(second.stem().string());
  Flip(second, 20);
  const Ran verify = Checked({"verify"});
  EXPECT_EQ(verify.exit, kExitDamaged);
  EXPECT_TRUE(verify.Says("DAMAGED: file " + second.string() + ", byte 0, offset ")) << verify.out;
  const Ran dump = Checked({"dump"});
  EXPECT_EQ(dump.exit, kExitDamaged) << dump.err;
  EXPECT_TRUE(dump.Says("offset=" + std::to_string(first_lost - 1) + " ")) << dump.out;
  EXPECT_FALSE(dump.Says("offset=" + std::to_string(first_lost) + " "));
  Flip(dir_ + "/log/log.mark", 40);
  const Ran lost = Checked({"dump"});
  EXPECT_EQ(lost.exit, kExitDamaged);
  EXPECT_NE(lost.err.find("log.mark"), std::string::npos) << lost.err;
}

TEST_F(ReplayDamageTest, FindsAValueThatTheLogDoesNotMake) {
  MakeStoppedNode();
  WriteToView(keys::Queue("orders"), "forged");
  const Ran ran = Checked({"verify"});
  EXPECT_EQ(ran.exit, kExitDamaged) << ran.out;
  EXPECT_TRUE(ran.Says("first difference: key table q (queues), key 'orders' has another value")) << ran.out;
  EXPECT_EQ(Checked({"verify", "--no-deep"}).exit, kExitOk);  // The digest alone cannot tell.
  WriteToView(keys::Queue("orders"), std::nullopt);
  EXPECT_TRUE(Checked({"verify"}).Says("key 'orders' is missing in the view"));
}

TEST_F(ReplayDamageTest, FindsSurplusKeysAndHidesTokenHashes) {
  MakeStoppedNode();
  WriteToView(keys::Session("token-hash"), "x");
  const Ran ran = Checked({"verify"});
  EXPECT_EQ(ran.exit, kExitDamaged);
  EXPECT_TRUE(ran.Says("key table s (sessions), key '(not shown)' is surplus in the view")) << ran.out;
  EXPECT_FALSE(ran.Says("token-hash"));
}

TEST_F(ReplayDamageTest, NamesADamagedTableFile) {
  MakeStoppedNode();
  {
    auto view = replication::LevelDbView::Open(dir_ + "/view", {});
    ASSERT_TRUE((*view)->MakeDurable().ok());
  }
  fs::path table;
  for (const auto& item : fs::directory_iterator(dir_ + "/view")) {
    if (item.path().extension() == ".ldb") table = item.path();
  }
  ASSERT_FALSE(table.empty());
  Flip(table, 100);
  const Ran ran = Checked({"verify"});
  EXPECT_EQ(ran.exit, kExitDamaged) << ran.out;
  EXPECT_TRUE(ran.Says("DAMAGED: file " + table.string())) << ran.out;
}

}  // namespace
}  // namespace mom::replay
