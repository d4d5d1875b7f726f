// mom-replay on the data folders of real nodes: stopped, killed, damaged.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <sstream>
#include <thread>

#include "core/broker/keys.h"
#include "infra/replay/commands.h"
#include "replication/replica/asio_replica.h"
#include "wal/posix_env.h"

namespace mom::replay {
namespace {

namespace fs = std::filesystem;
namespace keys = broker::keys;

constexpr char kPasswordHash[] = "argon2-secret";
constexpr char kBody[] = "a very private body";

struct Ran {
  int exit = -1;
  std::string out;
  std::string err;
  bool Says(const std::string& text) const { return out.find(text) != std::string::npos; }
};

Ran Tool(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "mom-replay");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::ostringstream out;
  std::ostringstream err;
  Ran ran;
  ran.exit = RunReplay(static_cast<int>(arguments.size()), argv.data(), out, err);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Names, contents, modes and times of change of everything below `dir`.
std::map<std::string, std::string> Fingerprint(const std::string& dir) {
  std::map<std::string, std::string> all;
  for (const auto& item : fs::recursive_directory_iterator(dir)) {
    struct stat info {};
    EXPECT_EQ(::stat(item.path().c_str(), &info), 0);
    std::string print = std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) +
                        "/" + std::to_string(info.st_ctim.tv_sec) + "." +
                        std::to_string(info.st_ctim.tv_nsec) + "/" + std::to_string(info.st_mode) + "/";
    if (item.is_regular_file()) print += ReadFile(item.path());
    all[item.path().string()] = std::move(print);
  }
  return all;
}

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    std::string pattern = fs::temp_directory_path() / "mom-replay-test-XXXXXX";
    root_ = mkdtemp(pattern.data());
    dir_ = root_ + "/data";
    fs::create_directory(root_ + "/work");
    options_.data.path = dir_;
    options_.data.node = NodeId{1};
    options_.data.env = wal::PosixEnv();
    options_.data.wal.segment_bytes = 128u << 10;
    options_.data.wal.reserve_bytes = 0;
    options_.disk_free_min_bytes = 0;
  }
  ~ReplayTest() override {
    node_.reset();
    fs::remove_all(root_);
  }

  void Start() {
    auto data = replication::OpenDataDir(options_.data);
    ASSERT_TRUE(data.ok()) << data.status();
    node_ = std::make_unique<replication::AsioReplica>(*std::move(data), options_);
    node_->Start();
    for (int i = 0; i < 20000 && !node_->caught_up(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(node_->caught_up());
  }
  v1::Reply Do(v1::Command command) {
    std::promise<replication::Outcome> promise;
    node_->Propose(std::move(command),
                   [&](replication::Outcome outcome) { promise.set_value(std::move(outcome)); });
    return promise.get_future().get().reply;
  }
  v1::Command As(const std::string& user) {
    v1::Command command;
    command.set_user(user);
    command.set_session_hash(std::string(32, 's'));
    return command;
  }
  // A user with a session and a queue, and messages in several segments.
  void Fill(int messages) {
    v1::Command user;
    user.mutable_create_user()->set_name("alice");
    user.mutable_create_user()->set_password_hash(kPasswordHash);
    ASSERT_EQ(Do(user).error(), v1::ERROR_NONE);
    v1::UserRecord record;
    ASSERT_TRUE(record.ParseFromString(*node_->Snapshot()->reader().Get(keys::User("alice"))));
    v1::Command session;
    session.mutable_create_session()->set_name("alice");
    session.mutable_create_session()->set_token_hash(std::string(32, 's'));
    session.mutable_create_session()->set_ttl_ms(3'600'000);
    session.mutable_create_session()->set_password_revision(record.password_revision());
    ASSERT_EQ(Do(session).error(), v1::ERROR_NONE);
    v1::Command queue = As("alice");
    queue.mutable_create_queue()->set_name("orders");
    ASSERT_EQ(Do(queue).error(), v1::ERROR_NONE);
    Publish(messages);
  }
  void Publish(int messages) {
    for (int i = 0; i < messages; ++i) {
      v1::Command command = As("alice");
      auto* publish = command.mutable_publish();
      publish->set_queue("orders");
      publish->add_messages()->set_body(kBody);
      publish->add_messages()->set_body(std::string(10'000, '\xff'));
      ASSERT_EQ(Do(command).error(), v1::ERROR_NONE);
    }
  }
  void MakeStoppedNode() {
    Start();
    Fill(30);
    node_.reset();
  }
  std::vector<fs::path> Segments() {
    std::vector<fs::path> paths;
    for (const auto& item : fs::directory_iterator(dir_ + "/log")) {
      if (item.path().extension() == ".log") paths.push_back(item.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  void Flip(const fs::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(at);
    file.put(byte);
  }
  void WriteToView(const std::string& key, std::optional<std::string> value) {
    auto view = replication::LevelDbView::Open(dir_ + "/view", {});
    ASSERT_TRUE(view.ok());
    ASSERT_TRUE((*view)->Write({{key, std::move(value)}}).ok());
  }
  // Runs, and checks that neither the data folder nor the work folder shows a trace of it.
  Ran Checked(std::vector<std::string> arguments) {
    const auto before = Fingerprint(dir_);
    arguments.insert(arguments.begin() + 1, dir_);
    if (arguments.front() != "dump") arguments.insert(arguments.end(), {"--work-dir", root_ + "/work"});
    Ran ran = Tool(std::move(arguments));
    EXPECT_TRUE(before == Fingerprint(dir_)) << "the data folder changed";
    EXPECT_TRUE(fs::is_empty(root_ + "/work"));
    return ran;
  }

  std::string root_;
  std::string dir_;
  replication::ReplicaOptions options_;
  std::unique_ptr<replication::AsioReplica> node_;
};

TEST_F(ReplayTest, InspectShowsWhatIsThere) {
  MakeStoppedNode();
  const Ran ran = Checked({"inspect"});
  EXPECT_EQ(ran.exit, kExitOk) << ran.out << ran.err;
  for (const char* text :
       {"node        1\n", "epoch 1", "offsets 0 to 34", "first offset 0, ", "131072 bytes",
        "torn tail   none", "applied end 34", "users       1\n", "queues      1\n", "topics      0\n",
        "messages    60 (ready 60, leased 0, delayed 0, dead 0)"}) {
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

// Goal: what a killed node leaves is no damage. Method: copy the folder under a running node, which is what
// the disk holds after kill -9, and add the beginning of a record that a power loss has torn.
TEST_F(ReplayTest, AcceptsAKilledNodeAndShowsItsTornTail) {
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

TEST_F(ReplayTest, NamesFileByteAndOffsetOfDamageInTheLog) {
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
  const Ran rebuild = Checked({"rebuild", "--output", root_ + "/new"});
  EXPECT_EQ(rebuild.exit, kExitDamaged) << rebuild.err;
  EXPECT_TRUE(rebuild.Says("digest"));
}

TEST_F(ReplayTest, DumpsWhatLiesBeforeASegmentWithoutHeader) {
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

TEST_F(ReplayTest, FindsAValueThatTheLogDoesNotMake) {
  MakeStoppedNode();
  WriteToView(keys::Queue("orders"), "forged");
  const Ran ran = Checked({"verify"});
  EXPECT_EQ(ran.exit, kExitDamaged) << ran.out;
  EXPECT_TRUE(ran.Says("first difference: key table q (queues), key 'orders' has another value")) << ran.out;
  EXPECT_EQ(Checked({"verify", "--no-deep"}).exit, kExitOk);  // The digest alone cannot tell.
  WriteToView(keys::Queue("orders"), std::nullopt);
  EXPECT_TRUE(Checked({"verify"}).Says("key 'orders' is missing in the view"));
}

TEST_F(ReplayTest, FindsSurplusKeysAndHidesTokenHashes) {
  MakeStoppedNode();
  WriteToView(keys::Session("token-hash"), "x");
  const Ran ran = Checked({"verify"});
  EXPECT_EQ(ran.exit, kExitDamaged);
  EXPECT_TRUE(ran.Says("key table s (sessions), key '(not shown)' is surplus in the view")) << ran.out;
  EXPECT_FALSE(ran.Says("token-hash"));
}

TEST_F(ReplayTest, NamesADamagedTableFile) {
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
