// What a node answers before it serves, and what NGINX makes of that.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/rest/blackbox/asio_http_client.h"
#include "tests/rest/blackbox/free_port.h"
#include "tests/rest/blackbox/momd_process.h"

namespace mom::blackbox {
namespace {

std::string At(uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

// Calls `ask` until it says yes; false after ten seconds.
template <typename Ask>
bool Await(const Ask& ask) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!ask()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class NotReadyTest : public testing::Test {
 protected:
  // Starts `momd` and waits until its REST port answers; its /readyz is returned.
  Answer LaunchAndAsk(MomdProcess* momd, const std::string& name, uint16_t port,
                      std::vector<std::string> arguments, const std::string& word) {
    arguments.insert(arguments.end(), {"--rest-listen", At(port)});
    momd->Launch(dir_ / name, arguments);
    HttpClient client(port);
    std::optional<Answer> ready;
    EXPECT_TRUE(Await([&] {
      if (const auto alive = client.Send("GET", "/healthz"); !alive || alive->status != 200) return false;
      ready = client.Send("GET", "/readyz");
      return ready && ready->body.find(word) != std::string::npos;
    })) << name
        << ": " << (ready ? ready->body : "no answer") << momd->log();
    return ready.value_or(Answer{});
  }

  // A founder whose fellow is not there.
  std::vector<std::string> LonelyFounder() {
    return {"--peers", "1=" + At(grpc_.port()) + ",2=127.0.0.1:1", "--grpc-listen", At(grpc_.port())};
  }

  void ExpectNotReady(HttpClient* client, const std::string& method, const std::string& target) {
    const auto answer = client->Send(method, target, method == "GET" ? "" : "{}");
    ASSERT_TRUE(answer) << method << target;
    EXPECT_EQ(answer->status, 503) << answer->body;
    EXPECT_EQ(answer->json().at("code").as_string(), "not-ready") << answer->body;
    EXPECT_EQ(answer->headers.at("mom-outcome"), "not-done");
    EXPECT_TRUE(answer->headers.contains("retry-after"));
    EXPECT_EQ(answer->headers.at("mom-role"), "starting");
    EXPECT_FALSE(answer->headers.contains("x-accel-redirect"));
  }

  TempDir dir_;
  FreePort rest_, grpc_;
};

TEST_F(NotReadyTest, AFoundingNodeIsAliveAndSaysForWhomItWaits) {
  MomdProcess momd;
  const Answer ready = LaunchAndAsk(&momd, "data", rest_.port(), LonelyFounder(), "node 2 has not answered");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.json().at("code").as_string(), "not-ready");
  EXPECT_TRUE(ready.headers.contains("retry-after"));
  HttpClient client(rest_.port());
  const auto metrics = client.Send("GET", "/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->status, 200);
  EXPECT_NE(metrics->body.find("mom_role{role=\"starting\"} 1"), std::string::npos) << metrics->body;
  ExpectNotReady(&client, "GET", "/v1/queues");
  ExpectNotReady(&client, "POST", "/v1/sessions");
  ExpectNotReady(&client, "DELETE", "/v1/queues/q");
  ExpectNotReady(&client, "GET", "/no/such/thing");
  EXPECT_EQ(momd.Terminate(), 0) << momd.log();
}

TEST_F(NotReadyTest, AJoiningNodeSaysWhomItAsks) {
  MomdProcess momd;
  LaunchAndAsk(&momd, "data", rest_.port(), {"--join", "127.0.0.1:1", "--grpc-listen", At(grpc_.port())},
               "127.0.0.1:1 does not answer");
  EXPECT_EQ(momd.Terminate(), 0) << momd.log();
}

// Two nodes found a cluster; one of them is started again alone.
TEST_F(NotReadyTest, ANodeWithoutAMajorityNamesWhoIsSilent) {
  FreePort other_rest, other_grpc;
  const std::string peers = "1=" + At(grpc_.port()) + ",2=" + At(other_grpc.port());
  const std::vector<std::string> mine = {"--peers", peers, "--grpc-listen", At(grpc_.port())};
  MomdProcess first, second;
  first.Launch(dir_ / "first", mine);
  second.Launch(dir_ / "second",
                {"--node-id", "2", "--peers", peers, "--grpc-listen", At(other_grpc.port())});
  ASSERT_TRUE(first.WaitReady()) << first.log();
  ASSERT_TRUE(second.WaitReady()) << second.log();
  second.Kill();
  first.Kill();
  const Answer ready =
      LaunchAndAsk(&first, "first", rest_.port(), mine, "Not heard: node 2 (" + At(other_grpc.port()) + ")");
  EXPECT_NE(ready.body.find("waiting for a leader"), std::string::npos) << ready.body;
  HttpClient client(rest_.port());
  ExpectNotReady(&client, "POST", "/v1/sessions");
  second.Launch(dir_ / "second", {"--node-id", "2", "--grpc-listen", At(other_grpc.port())});
  ASSERT_TRUE(first.WaitReady()) << first.log();
  EXPECT_TRUE(Await([&] { return client.Send("GET", "/readyz")->status == 200; }));
  EXPECT_TRUE(second.WaitReady()) << second.log();
}

// Without its view a node applies its whole log before it serves, and says how far it is.
TEST_F(NotReadyTest, ANodeThatReplaysItsLogSaysHowFarItIs) {
  MomdProcess momd;
  ASSERT_TRUE(momd.Start(dir_ / "data")) << momd.log();
  HttpClient client(momd.port());
  client.Login("alice", "a long password");
  ASSERT_EQ(client.Send("POST", "/v1/queues", R"({"name":"q"})")->status, 201);
  std::string batch = R"({"messages":[{"body":"m"})";
  for (int i = 1; i < 1000; ++i) batch.append(R"(,{"body":"m"})");
  batch.append("]}");
  for (int i = 0; i < 150; ++i) ASSERT_EQ(client.Send("POST", "/v1/queues/q/batch", batch)->status, 201);
  momd.Kill();
  std::filesystem::remove_all(dir_ / "data/view");
  const Answer ready = LaunchAndAsk(&momd, "data", rest_.port(), {}, "applying the log: ");
  EXPECT_EQ(ready.status, 503) << ready.body;
  ASSERT_TRUE(momd.WaitReady()) << momd.log();
  HttpClient again(rest_.port());
  EXPECT_EQ(again.Send("GET", "/readyz")->status, 200);
}

// NGINX before a node that serves and one or two that do not.
class NginxTest : public NotReadyTest {
 protected:
  void TearDown() override {
    if (started_) Command("-s quit");
  }

  bool Command(const std::string& what) {
    const std::string dir = dir_ / "nginx";
    return std::system(("PATH=\"$PATH:/usr/sbin\" nginx -p " + dir + " -c " + dir + "/nginx.conf -e " + dir +
                        "/logs/error.log " + what)
                           .c_str()) == 0;
  }

  void StartNginx(const std::vector<uint16_t>& nodes) {
    std::string command = std::string(RENDER_NGINX) + " --workers 1 --dir " + (dir_ / "nginx") +
                          " --listen " + At(nginx_.port());
    for (const uint16_t node : nodes) command += " --node " + At(node);
    ASSERT_EQ(std::system((command + " >/dev/null").c_str()), 0);
    ASSERT_TRUE(Command(""));
    started_ = true;
  }

  // Requests that node `port` refused while it did not serve.
  std::string AccessLog() const {
    std::ifstream file(dir_ / "nginx/logs/access.log");
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  FreePort nginx_;
  bool started_ = false;
};

TEST_F(NginxTest, EveryMethodIsPassedOnToANodeThatServes) {
  if (std::system("PATH=\"$PATH:/usr/sbin\" command -v nginx >/dev/null") != 0) GTEST_SKIP() << "no NGINX";
  FreePort serving, second_rest, second_grpc;
  MomdProcess ready, founding, joining;
  ASSERT_TRUE(ready.Start(dir_ / "ready", {"--rest-listen", At(serving.port())})) << ready.log();
  LaunchAndAsk(&founding, "founding", rest_.port(), LonelyFounder(), "node 2");
  LaunchAndAsk(&joining, "joining", second_rest.port(),
               {"--join", "127.0.0.1:1", "--grpc-listen", At(second_grpc.port())}, "does not answer");
  // The one that serves comes last: a request is passed on twice.
  StartNginx({rest_.port(), second_rest.port(), serving.port()});
  HttpClient client(nginx_.port());
  client.Login("alice", "a long password");
  for (int i = 0; i < 20; ++i) {
    const std::string queue = "q" + std::to_string(i);
    const auto made = client.Send("POST", "/v1/queues", "{\"name\":\"" + queue + "\"}");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->status, 201) << made->body;
    const std::string body(100'000, 'x');  // The body travels with it.
    const auto sent = client.Send("POST", "/v1/queues/" + queue + "/messages", body);
    EXPECT_EQ(sent->status, 201) << sent->body;
    const auto got = client.Send("POST", "/v1/queues/" + queue + "/receive", "{}");
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->json().at("messages").at(0).at("body").as_string(), body);
    EXPECT_EQ(client.Send("GET", "/v1/queues/" + queue + "?")->status, 200);
    EXPECT_EQ(client.Send("DELETE", "/v1/queues/" + queue)->json().at("code").as_string(), "queue-not-empty");
  }
  // Most of them were refused by a node that does not serve, first.
  ASSERT_TRUE(Await([&] { return AccessLog().find("DELETE /v1/queues/q19 ") != std::string::npos; }));
  const std::string log = AccessLog();
  for (const char* method : {"POST", "GET", "DELETE"}) {
    std::istringstream lines(log);
    int passed_on = 0;
    for (std::string line; std::getline(lines, line);)
      passed_on += line.find(std::string(" ") + method + " ") != std::string::npos &&
                   line.find(" : ") != std::string::npos;
    EXPECT_GT(passed_on, 5) << method << "\n" << log;
  }
}

TEST_F(NginxTest, WhereNoNodeServesTheRefusalOfANodeComesThrough) {
  if (std::system("PATH=\"$PATH:/usr/sbin\" command -v nginx >/dev/null") != 0) GTEST_SKIP() << "no NGINX";
  MomdProcess founding;
  LaunchAndAsk(&founding, "founding", rest_.port(), LonelyFounder(), "node 2");
  for (const auto& nodes :
       {std::vector<uint16_t>{rest_.port()},
        std::vector<uint16_t>{rest_.port(), rest_.port(), rest_.port(), rest_.port(), rest_.port()}}) {
    ASSERT_NO_FATAL_FAILURE(StartNginx(nodes));
    HttpClient client(nginx_.port());
    ExpectNotReady(&client, "POST", "/v1/sessions");
    ExpectNotReady(&client, "DELETE", "/v1/queues/q");
    ExpectNotReady(&client, "GET", "/v1/queues");
    EXPECT_EQ(client.Send("GET", "/healthz")->status, 200);
    ASSERT_TRUE(Command("-s stop"));
    ASSERT_TRUE(Await([&] { return !client.Send("GET", "/healthz"); }));
    ASSERT_TRUE(Await([&] { return !std::filesystem::exists(dir_ / "nginx/nginx.pid"); }));
    started_ = false;
  }
}

}  // namespace
}  // namespace mom::blackbox
