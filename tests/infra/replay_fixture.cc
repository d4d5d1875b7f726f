#include "tests/infra/replay_fixture.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <map>
#include <sstream>
#include <thread>

#include "core/broker/keys.h"
#include "infra/replay/commands.h"
#include "wal/posix_env.h"

namespace mom::replay {
namespace {

namespace fs = std::filesystem;
namespace keys = broker::keys;

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

v1::Command As(const std::string& user) {
  v1::Command command;
  command.set_user(user);
  command.set_session_hash(std::string(32, 's'));
  return command;
}

}  // namespace

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

ReplayTest::ReplayTest() {
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

ReplayTest::~ReplayTest() {
  node_.reset();
  fs::remove_all(root_);
}

void ReplayTest::Start() {
  auto data = replication::OpenDataDir(options_.data);
  ASSERT_TRUE(data.ok()) << data.status();
  node_ = std::make_unique<replication::AsioReplica>(*std::move(data), options_);
  node_->Start();
  for (int i = 0; i < 20000 && !node_->caught_up(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(node_->caught_up());
}

v1::Reply ReplayTest::Do(v1::Command command) {
  std::promise<replication::Outcome> promise;
  node_->Propose(std::move(command),
                 [&](replication::Outcome outcome) { promise.set_value(std::move(outcome)); });
  return promise.get_future().get().reply;
}

void ReplayTest::Fill(int messages) {
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

void ReplayTest::Publish(int messages) {
  for (int i = 0; i < messages; ++i) {
    v1::Command command = As("alice");
    auto* publish = command.mutable_publish();
    publish->set_queue("orders");
    publish->add_messages()->set_body(kBody);
    publish->add_messages()->set_body(std::string(10'000, '\xff'));
    ASSERT_EQ(Do(command).error(), v1::ERROR_NONE);
  }
}

void ReplayTest::MakeStoppedNode() {
  Start();
  Fill(30);
  node_.reset();
}

std::vector<fs::path> ReplayTest::Segments() const {
  std::vector<fs::path> paths;
  for (const auto& item : fs::directory_iterator(dir_ + "/log")) {
    if (item.path().extension() == ".log") paths.push_back(item.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void ReplayTest::Flip(const fs::path& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const auto byte = static_cast<char>(file.get() ^ 0x55);
  file.seekp(at);
  file.put(byte);
}

void ReplayTest::WriteToView(const std::string& key, std::optional<std::string> value) {
  auto view = replication::LevelDbView::Open(dir_ + "/view", {});
  ASSERT_TRUE(view.ok());
  ASSERT_TRUE((*view)->Write({{key, std::move(value)}}).ok());
  ASSERT_TRUE((*view)->MakeDurable().ok());
}

Ran ReplayTest::Checked(std::vector<std::string> arguments) {
  const auto before = Fingerprint(dir_);
  arguments.insert(arguments.begin() + 1, dir_);
  if (arguments.front() != "dump") arguments.insert(arguments.end(), {"--work-dir", root_ + "/work"});
  Ran ran = Tool(std::move(arguments));
  EXPECT_TRUE(before == Fingerprint(dir_)) << "the data folder changed";
  EXPECT_TRUE(fs::is_empty(root_ + "/work"));
  return ran;
}

}  // namespace mom::replay
