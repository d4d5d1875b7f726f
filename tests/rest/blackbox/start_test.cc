// Starting and stopping a real momd: one clear line and exit code 2 for what is wrong, nothing overwritten.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/rest/blackbox/asio_http_client.h"
#include "tests/rest/blackbox/momd_process.h"

namespace mom::blackbox {
namespace {

// Every file below `dir` with its content.
std::map<std::string, std::string> FilesOf(const std::string& dir) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    files[entry.path()] = content.str();
  }
  return files;
}

class StartTest : public testing::Test {
 protected:
  void ExpectRefused(const std::vector<std::string>& extra, const std::string& word) {
    MomdProcess momd;
    EXPECT_FALSE(momd.Start(data_, extra));
    EXPECT_EQ(momd.exit_code(), 2);
    EXPECT_NE(momd.log().find(word), std::string::npos) << momd.log();
  }

  // A running node on which alice, whom `client` speaks for, has the queue q.
  void StartWithQueue(MomdProcess* momd, HttpClient* client) {
    ASSERT_TRUE(momd->Start(data_)) << momd->log();
    client->set_port(momd->port());
    client->Login("alice", "a long password");
    ASSERT_EQ(client->Send("POST", "/v1/queues", R"({"name":"q"})")->status, 201);
  }

  TempDir dir_;
  const std::string data_ = dir_ / "data";
};

TEST_F(StartTest, StopsCleanlyOnSigterm) {
  MomdProcess momd;
  ASSERT_TRUE(momd.Start(data_)) << momd.log();
  EXPECT_EQ(momd.Terminate(), 0);
}

// Without its view a node applies the whole log again before it serves; a minute of that must not make it
// deaf.
TEST_F(StartTest, StopsCleanlyWhileItAppliesItsLog) {
  MomdProcess momd;
  HttpClient client(0);
  ASSERT_NO_FATAL_FAILURE(StartWithQueue(&momd, &client));
  std::string batch = R"({"messages":[{"body":"m"})";
  for (int i = 1; i < 1000; ++i) batch.append(R"(,{"body":"m"})");
  batch.append("]}");
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(client.Send("POST", "/v1/queues/q/batch", batch)->status, 201);
  }
  momd.Kill();
  std::filesystem::remove_all(data_ + "/view");
  std::filesystem::remove(data_ + ".log");
  momd.Launch(data_);
  while (momd.log().find("log of") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(momd.Terminate(), 0) << momd.log();
  EXPECT_NE(momd.log().find("before the whole log was applied"), std::string::npos) << momd.log();
  ASSERT_TRUE(momd.Start(data_)) << momd.log();
  client.set_port(momd.port());
  auto queue = client.Send("GET", "/v1/queues/q");
  ASSERT_TRUE(queue);
  EXPECT_EQ(queue->json().at("ready").to_number<int>(), 100'000) << queue->body;
}

// A limit above what any disk has free stands for a disk that is nearly full.
TEST_F(StartTest, ANearlyFullDiskRefusesPublishingWhileReceivingGoesOn) {
  MomdProcess momd;
  HttpClient client(0);
  ASSERT_NO_FATAL_FAILURE(StartWithQueue(&momd, &client));
  ASSERT_EQ(client.Send("POST", "/v1/queues/q/messages", "kept")->status, 201);
  ASSERT_EQ(momd.Terminate(), 0);
  ASSERT_TRUE(momd.Start(data_, {"--disk-free-min-mib", "1000000000"})) << momd.log();
  client.set_port(momd.port());
  auto publish = client.Send("POST", "/v1/queues/q/messages", "too much");
  ASSERT_TRUE(publish);
  EXPECT_EQ(publish->status, 507) << publish->body;
  EXPECT_EQ(publish->json().at("code").as_string(), "disk-nearly-full") << publish->body;
  EXPECT_TRUE(publish->headers.contains("retry-after"));
  auto received = client.Send("POST", "/v1/queues/q/receive", "{}");
  ASSERT_EQ(received->status, 200) << received->body;
  const auto message = received->json().at("messages").at(0);
  EXPECT_EQ(message.at("body").as_string(), "kept");
  const std::string receipt(message.at("receipt").as_string());
  auto ack = client.Send("POST", "/v1/queues/q/ack", "{\"receipts\":[\"" + receipt + "\"]}");
  EXPECT_EQ(ack->status, 200) << ack->body;
  EXPECT_EQ(ack->json().at("acked").to_number<int>(), 1);
  EXPECT_EQ(client.Send("GET", "/readyz")->status, 503);
}

TEST_F(StartTest, RefusesBadArguments) {
  ExpectRefused({"--no-such-flag"}, "no-such-flag");
  ExpectRefused({"--rest-listen", "nonsense"}, "HOST:PORT");
  ExpectRefused({"--peers", "1=127.0.0.1:1,2=127.0.0.1"}, "ID=HOST:PORT");
  ExpectRefused({"--peers", "1=127.0.0.1:1,1=127.0.0.1:2"}, "twice");
  ExpectRefused({"--peers", "2=127.0.0.1:1,3=127.0.0.1:2"}, "does not name this node");
  ExpectRefused({"--join", "127.0.0.1:1,nonsense"}, "--join: 'nonsense' is not HOST:PORT");
  ExpectRefused({"--join", "127.0.0.1:1", "--peers", "1=127.0.0.1:2"}, "give one of them");
  ExpectRefused({"--registration", "maybe"}, "maybe");
  ExpectRefused({"--config", dir_ / "missing.toml"}, "missing.toml");
  EXPECT_FALSE(std::filesystem::exists(data_));
}

TEST_F(StartTest, ReadsTheConfigurationFileButFlagsBeatIt) {
  std::ofstream(dir_ / "momd.toml") << "node_id = 7\nregistration = \"closed\"\n";
  MomdProcess momd;
  ASSERT_TRUE(momd.Start(data_, {"--config", dir_ / "momd.toml", "--registration", "open"})) << momd.log();
  HttpClient client(momd.port());
  auto answer = client.Send("GET", "/healthz");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->headers["mom-node"], "7");
  client.Login("alice", "a long password");  // Open: the flag won.
}

TEST_F(StartTest, RefusesAnUnknownKeyInTheFile) {
  std::ofstream(dir_ / "momd.toml") << "colour = \"blue\"\n";
  ExpectRefused({"--config", dir_ / "momd.toml"}, "colour");
}

TEST_F(StartTest, RefusesAFractionInTheFile) {
  std::ofstream(dir_ / "momd.toml") << "node_id = 11111111111111111111.5\n";
  ExpectRefused({"--config", dir_ / "momd.toml"},
                "key 'node_id' must be a string, a whole number, true or false");
}

TEST_F(StartTest, RefusesASecondInstance) {
  MomdProcess first;
  ASSERT_TRUE(first.Start(data_)) << first.log();
  ExpectRefused({}, "another momd uses " + data_);
  HttpClient client(first.port());
  EXPECT_EQ(client.Send("GET", "/readyz")->status, 200);
}

TEST_F(StartTest, RefusesABusyPort) {
  MomdProcess first;
  ASSERT_TRUE(first.Start(data_)) << first.log();
  MomdProcess second;
  EXPECT_FALSE(second.Start(dir_ / "other", {"--rest-listen", "127.0.0.1:" + std::to_string(first.port())}));
  EXPECT_EQ(second.exit_code(), 2) << second.log();
  EXPECT_NE(second.log().find("in use"), std::string::npos) << second.log();
}

TEST_F(StartTest, RefusesTheDataOfAnotherNodeAndLeavesItAlone) {
  {
    MomdProcess first;
    ASSERT_TRUE(first.Start(data_)) << first.log();
    EXPECT_EQ(first.Terminate(), 0);
  }
  const auto before = FilesOf(data_);
  ExpectRefused({"--node-id", "2"}, "node 1");
  EXPECT_EQ(FilesOf(data_), before);
}

TEST_F(StartTest, RefusesAFolderOfSomebodyElse) {
  std::filesystem::create_directory(data_);
  std::ofstream(data_ + "/letters.txt") << "not yours";
  const auto before = FilesOf(data_);
  ExpectRefused({}, "letters.txt");
  EXPECT_TRUE(FilesOf(data_).contains(data_ + "/letters.txt"));
  EXPECT_EQ(FilesOf(data_).at(data_ + "/letters.txt"), before.at(data_ + "/letters.txt"));
}

TEST_F(StartTest, RefusesDamagedDataAndNamesTheFile) {
  {
    MomdProcess first;
    ASSERT_TRUE(first.Start(data_)) << first.log();
    EXPECT_EQ(first.Terminate(), 0);
  }
  const std::string identity = data_ + "/identity";
  std::fstream file(identity, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(12);
  file.put('\x5a');
  file.close();
  const auto before = FilesOf(data_);
  ExpectRefused({}, "identity");
  EXPECT_EQ(FilesOf(data_), before);
}

TEST_F(StartTest, MakesTheAdminWithTheGivenPassword) {
  MomdProcess momd;
  ASSERT_TRUE(momd.Start(data_)) << momd.log();
  HttpClient client(momd.port());
  auto session = client.Send("POST", "/v1/sessions",
                             std::string(R"({"name":"admin","password":")") + kAdminPassword + "\"}");
  ASSERT_TRUE(session);
  EXPECT_EQ(session->status, 201) << session->body;
}

}  // namespace
}  // namespace mom::blackbox
