// mom-replay on the data folders of real nodes that are whole: stopped, running, cut short.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "infra/replay/commands.h"
#include "tests/infra/replay_fixture.h"

namespace mom::replay {
namespace {

namespace fs = std::filesystem;

TEST_F(ReplayTest, InspectShowsWhatIsThere) {
  MakeStoppedNode();
  const Ran ran = Checked({"inspect"});
  EXPECT_EQ(ran.exit, kExitOk) << ran.out << ran.err;
  for (const char* text :
       {"node        1\n", "epoch 1", "offsets 0 to 34", "first offset 0, ", "131072 bytes",
        "torn tail   none", "applied end 34", "users       1\n", "queues      1\n", "topics      0\n",
        "messages    60 (ready 60, blocked 0, leased 0, delayed 0, dead 0)"}) {
    EXPECT_TRUE(ran.Says(text)) << text << "\n" << ran.out;
  }
  EXPECT_GT(Segments().size(), 2u);
}

TEST_F(ReplayTest, VerifyAcceptsAStoppedNode) {
  MakeStoppedNode();
  const Ran deep = Checked({"verify"});
  EXPECT_EQ(deep.exit, kExitOk) << deep.out << deep.err;
  EXPECT_TRUE(deep.Says("keys and values are the ones that the log makes")) << deep.out;
  const Ran shallow = Checked({"verify", "--no-deep"});
  EXPECT_EQ(shallow.exit, kExitOk);
  EXPECT_FALSE(shallow.Says("keys and values"));
}

TEST_F(ReplayTest, DumpShowsEntriesButNoSecrets) {
  MakeStoppedNode();
  const Ran lines = Checked({"dump"});
  EXPECT_EQ(lines.exit, kExitOk) << lines.err;
  for (const char* text :
       {"offset=0 epoch=1 time=20", "kind=leader-change", "command=create_user target=user/alice",
        "command=create_session target=user/alice", "command=create_queue user=alice target=queue/orders",
        "command=publish user=alice target=queue/orders messages=2 ids=16384..16385\n"}) {
    EXPECT_TRUE(lines.Says(text)) << text << "\n" << lines.out;
  }
  const Ran json = Checked({"dump", "--json", "--bodies", "--from", "4", "--to", "5"});
  EXPECT_TRUE(json.out.starts_with(R"({"offset":4,"epoch":1,"time":")")) << json.out;
  EXPECT_TRUE(json.Says(R"("target":"queue/orders","messages":2,"ids":[16384,16385])")) << json.out;
  EXPECT_TRUE(json.Says(kBody) && json.Says("\"body_base64\":\"/////")) << json.out;
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 1);
  const Ran all = Checked({"dump", "--bodies"});
  EXPECT_TRUE(all.Says(std::string("body=\"") + kBody + "\""));
  EXPECT_FALSE(lines.Says(kBody));
  for (const Ran& ran : {lines, json, all}) {
    EXPECT_FALSE(ran.Says(kPasswordHash));
    EXPECT_FALSE(ran.Says(std::string(16, 's')));
  }
  EXPECT_EQ(Checked({"dump", "--from", "99"}).exit, kExitRefused);
}

// A refused one, too: whoever tried is in the log.
TEST_F(ReplayTest, DumpShowsWhoChangedWhichUser) {
  Start();
  Fill(0);
  v1::Command change;
  change.set_user("alice");
  change.set_session_hash(std::string(32, 's'));
  v1::Command end = change;
  change.mutable_update_user()->set_name("admin");
  change.mutable_update_user()->set_password_hash(kPasswordHash);
  change.mutable_update_user()->set_admin(false);
  end.mutable_delete_sessions()->set_user("alice");
  EXPECT_EQ(Do(change).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(Do(end).error(), v1::ERROR_NONE);
  node_.reset();
  const Ran lines = Checked({"dump"});
  EXPECT_TRUE(lines.Says("command=update_user user=alice password=set admin=false target=user/admin"))
      << lines.out;
  EXPECT_TRUE(lines.Says("command=delete_sessions user=alice target=user/alice")) << lines.out;
  EXPECT_FALSE(lines.Says(kPasswordHash));
}

TEST_F(ReplayTest, RebuildMakesTheSameViewThatANodeCanUse) {
  MakeStoppedNode();
  const std::string output = root_ + "/new";
  const Ran ran = Checked({"rebuild", "--output", output});
  EXPECT_EQ(ran.exit, kExitOk) << ran.err;
  const size_t at = ran.out.find("digest ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_TRUE(Checked({"inspect"}).Says(ran.out.substr(at, 7 + 16))) << ran.out;
  EXPECT_EQ(Checked({"rebuild", "--output", output}).exit, kExitRefused);  // Not empty.
  EXPECT_EQ(Checked({"rebuild", "--output", dir_ + "/new"}).exit, kExitRefused);
  EXPECT_EQ(Checked({"rebuild", "--output", root_ + "/x", "--until", "35"}).exit, kExitRefused);
  EXPECT_FALSE(fs::exists(root_ + "/x"));
  const Ran part = Checked({"rebuild", "--output", root_ + "/part", "--until", "5"});
  EXPECT_TRUE(part.Says("applied end 5")) << part.out << part.err;
  // A node goes on from the shorter view and ends where it was.
  fs::remove_all(dir_ + "/view");
  EXPECT_TRUE(Checked({"verify"}).Says("view: none"));
  fs::rename(root_ + "/part", dir_ + "/view");
  EXPECT_EQ(Checked({"verify"}).exit, kExitOk);
  Start();
  node_.reset();
  EXPECT_EQ(Checked({"verify"}).exit, kExitOk);
}

TEST_F(ReplayTest, SaysWhatWasNotComparedWhenThePrefixWasDropped) {
  options_.log_retain_bytes = 256u << 10;
  Start();
  Fill(60);
  for (int i = 0; i < 2000 && node_->Info().log_start == Offset{0}; ++i) {
    Publish(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_GT(node_->Info().log_start, Offset{0});
  node_.reset();
  const Ran ran = Checked({"verify"});
  EXPECT_EQ(ran.exit, kExitOk) << ran.out;
  EXPECT_TRUE(ran.Says("NOT COMPARED with the log")) << ran.out;
  EXPECT_EQ(Checked({"rebuild", "--output", root_ + "/new"}).exit, kExitRefused);
}

TEST_F(ReplayTest, RefusesARunningNode) {
  Start();
  for (const char* command : {"inspect", "verify", "dump"}) {
    const Ran ran = Tool({command, dir_});
    EXPECT_EQ(ran.exit, kExitRefused);
    EXPECT_TRUE(ran.out.empty());
    EXPECT_NE(ran.err.find("held by a running node"), std::string::npos) << ran.err;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1);
  }
  EXPECT_EQ(Tool({"rebuild", dir_, "--output", root_ + "/new"}).exit, kExitRefused);
  EXPECT_FALSE(fs::exists(root_ + "/new"));
}

TEST_F(ReplayTest, RefusesWhatIsNoDataFolderAndMakesNoLock) {
  EXPECT_EQ(Tool({"inspect", root_ + "/nowhere"}).exit, kExitRefused);
  EXPECT_EQ(Tool({"verify", root_}).exit, kExitRefused);
  MakeStoppedNode();
  fs::remove(dir_ + "/lock");
  EXPECT_EQ(Checked({"verify"}).exit, kExitOk);
  EXPECT_FALSE(fs::exists(dir_ + "/lock"));
  EXPECT_EQ(Tool({"verify", dir_, "--work-dir", dir_}).exit, kExitRefused);
  Flip(dir_ + "/hard-state", 30);
  const Ran ran = Checked({"verify"});
  EXPECT_EQ(ran.exit, kExitDamaged);
  EXPECT_TRUE(ran.Says("hard state: DAMAGED")) << ran.out;
}

TEST(ReplayUsage, HelpEverywhere) {
  for (const char* command : {"inspect", "verify", "dump", "rebuild"}) {
    const Ran ran = Tool({command, "--help"});
    EXPECT_EQ(ran.exit, kExitOk);
    EXPECT_TRUE(ran.Says("DIR")) << ran.out;
  }
  EXPECT_EQ(Tool({"--help"}).exit, kExitOk);
  EXPECT_EQ(Tool({}).exit, kExitRefused);
  EXPECT_EQ(Tool({"explode"}).exit, kExitRefused);
  EXPECT_EQ(Tool({"rebuild", "dir"}).exit, kExitRefused);
  EXPECT_EQ(Tool({"dump", "dir", "--from", "-3"}).exit, kExitRefused);
}

}  // namespace
}  // namespace mom::replay
