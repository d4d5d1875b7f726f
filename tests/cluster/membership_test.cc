// Nodes that join and leave a cluster of real processes, as an administrator sees it.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "tests/cluster/asio_http_link.h"
#include "tests/cluster/node_process.h"

namespace mom::cluster {
namespace {

namespace json = boost::json;

constexpr int kAnswerMs = 20'000;
constexpr int kPatienceMs = 20'000;

class MembershipTest : public testing::Test {
 protected:
  MembershipTest() {
    std::string name = testing::TempDir() + "mom-members-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~MembershipTest() override {
    nodes_.clear();
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  static bool Await(const std::function<bool()>& happened) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (!happened()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }

  std::string Grpc(uint32_t id) {
    if (!ports_.contains(id)) ports_[id] = FreePort();
    return "127.0.0.1:" + std::to_string(ports_[id]);
  }

  // Starts it; with neither `peers` nor `join` it goes by what its folder knows.
  void Start(uint32_t id, const std::string& peers, const std::string& join) {
    Grpc(id);
    nodes_.erase(id);
    nodes_[id] = std::make_unique<NodeProcess>(
        NodeSetup{id, MOMD_PROGRAM, folder_, FreePort(), ports_[id], peers, join, nullptr});
    nodes_[id]->Start();
  }

  void Found(uint32_t count) {
    std::string peers;
    for (uint32_t id = 1; id <= count; ++id)
      peers += (id > 1 ? "," : "") + std::to_string(id) + "=" + Grpc(id);
    for (uint32_t id = 1; id <= count; ++id) Start(id, peers, "");
    for (uint32_t id = 1; id <= count; ++id) ASSERT_TRUE(AwaitReady(id)) << "node " << id << ErrorsOf(id);
    Login();
  }

  bool AwaitReady(uint32_t id) {
    return Await([&] { return Ask(id, "GET", "/readyz").status == 200; });
  }

  void Login() {
    const HttpAnswer answer = Ask(1, "POST", "/v1/sessions",
                                  R"({"name":"admin","password":")" + std::string(kAdminPassword) + "\"}");
    ASSERT_EQ(answer.status, 201) << answer.body;
    token_ = json::parse(answer.body).at("token").as_string().c_str();
  }

  HttpAnswer Ask(uint32_t id, const std::string& method, const std::string& path,
                 const std::string& body = "") {
    HttpLink link(nodes_.at(id)->rest());
    Headers headers;
    if (!token_.empty()) headers.emplace_back("Authorization", "Bearer " + token_);
    if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
    return link.Send(method, path, headers, body, kAnswerMs);
  }

  HttpAnswer Add(uint32_t via, uint32_t id, const std::string& address) {
    return Ask(via, "POST", "/v1/cluster/nodes",
               R"({"id":)" + std::to_string(id) + R"(,"address":")" + address + "\"}");
  }

  HttpAnswer Remove(uint32_t via, uint32_t id) {
    return Ask(via, "DELETE", "/v1/cluster/nodes/" + std::to_string(id));
  }

  // A leader that others are not in touch with yet, having just become one, says so and is asked again.
  HttpAnswer Transfer(uint32_t via, const std::string& body) {
    HttpAnswer answer;
    Await([&] {
      answer = Ask(via, "POST", "/v1/cluster/transfer", body);
      return answer.status != 503 || answer.body.find("\"not-caught-up\"") == std::string::npos;
    });
    return answer;
  }

  uint32_t Leader(uint32_t via) {
    const HttpAnswer answer = Ask(via, "GET", "/v1/cluster");
    if (answer.status != 200) return 0;
    const json::value tree = json::parse(answer.body);
    const auto* leader = tree.as_object().if_contains("leader");
    return leader != nullptr && leader->is_int64() ? static_cast<uint32_t>(leader->as_int64()) : 0;
  }

  // "1 2 3", as node `via` says.
  std::string Voters(uint32_t via) {
    const HttpAnswer answer = Ask(via, "GET", "/v1/cluster");
    std::map<int64_t, bool> voters;
    if (answer.status != 200) return "status " + std::to_string(answer.status);
    const json::value tree = json::parse(answer.body);
    for (const auto& node : tree.at("nodes").as_array())
      voters[node.at("id").as_int64()] = node.at("voter").as_bool();
    std::string text;
    for (const auto& [id, counts] : voters) {
      if (counts) text += (text.empty() ? "" : " ") + std::to_string(id);
    }
    return text;
  }

  void Publish(uint32_t via, int count) {
    for (int i = 0; i < count; ++i) {
      const HttpAnswer answer = Ask(via, "POST", "/v1/queues/jobs/messages", "one");
      ASSERT_TRUE(answer.status == 201 || answer.status == 200) << answer.status << answer.body;
      ++published_;
    }
  }

  void MakeQueue() { ASSERT_EQ(Ask(1, "POST", "/v1/queues", R"({"name":"jobs"})").status, 201); }

  bool HoldsAll(uint32_t id) {
    return Await([&] {
      const HttpAnswer answer = Ask(id, "GET", "/v1/queues/jobs");
      if (answer.status != 200) return false;
      return answer.body.find("\"ready\":" + std::to_string(published_)) != std::string::npos;
    });
  }

  // What its log says last of who leads: "node LEADER leads epoch N".
  std::string LeaderInLogOf(uint32_t id) {
    const std::string log = ErrorsOf(id);
    const size_t end = log.rfind(" leads epoch ");
    if (end == std::string::npos) return "";
    const size_t begin = log.rfind("node ", end) + 5;
    return log.substr(begin, end - begin);
  }

  std::string ErrorsOf(uint32_t id) {
    std::ifstream file(folder_ + "/n" + std::to_string(id) + ".err");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string folder_;
  std::map<uint32_t, uint16_t> ports_;
  std::map<uint32_t, std::unique_ptr<NodeProcess>> nodes_;
  std::string token_;
  int published_ = 0;
};

TEST_F(MembershipTest, ANodeJoinsAndTheLeaderLeaves) {
  Found(3);
  MakeQueue();
  Publish(1, 20);
  Start(4, "", Grpc(2));
  ASSERT_TRUE(AwaitReady(4)) << ErrorsOf(4);
  EXPECT_TRUE(HoldsAll(4));
  EXPECT_EQ(Voters(1), "1 2 3");  // A copy, no more.

  const uint32_t leader = Leader(1);
  const uint32_t follower = leader == 1 ? 2 : 1;
  const HttpAnswer added = Add(follower, 4, Grpc(4));
  ASSERT_EQ(added.status, 200) << added.body;
  for (uint32_t id = 1; id <= 4; ++id) EXPECT_TRUE(Await([&] { return Voters(id) == "1 2 3 4"; })) << id;
  EXPECT_EQ(Add(leader, 4, Grpc(4)).status, 200);  // Safe to repeat.
  EXPECT_EQ(Add(leader, 4, "127.0.0.1:1").status, 409);

  ASSERT_EQ(Remove(4, leader).status, 204);
  ASSERT_TRUE(Await([&] { return Leader(4) != leader && Leader(4) != 0; }));
  std::string left;
  for (uint32_t id = 1; id <= 4; ++id) {
    if (id != leader) left += (left.empty() ? "" : " ") + std::to_string(id);
  }
  EXPECT_TRUE(Await([&] { return Voters(4) == left; })) << Voters(4);
  EXPECT_EQ(Remove(4, leader).status, 404);
  Publish(4, 20);
  EXPECT_TRUE(HoldsAll(4));

  // Two of the three that count are enough, without the one that left: it counts no more.
  nodes_.at(leader)->Kill();
  nodes_.at(follower)->Kill();
  ASSERT_TRUE(Await([&] { return Leader(4) != 0 && Leader(4) != leader && Leader(4) != follower; }));
  Publish(4, 5);
}

TEST_F(MembershipTest, AMemberStartsAgainWithWhatItsFolderKnows) {
  Found(1);
  MakeQueue();
  Publish(1, 5);
  Start(2, "", Grpc(1));
  ASSERT_TRUE(AwaitReady(2)) << ErrorsOf(2);
  ASSERT_EQ(Add(2, 2, Grpc(2)).status, 200);
  Start(3, "", Grpc(2) + ",127.0.0.1:1");
  ASSERT_TRUE(AwaitReady(3)) << ErrorsOf(3);
  ASSERT_EQ(Add(3, 3, Grpc(3)).status, 200);
  for (uint32_t id = 1; id <= 3; ++id) nodes_.at(id)->Kill();
  for (uint32_t id = 1; id <= 3; ++id) Start(id, "", "");
  for (uint32_t id = 1; id <= 3; ++id) EXPECT_TRUE(AwaitReady(id)) << ErrorsOf(id);
  EXPECT_EQ(Voters(1), "1 2 3");
  for (uint32_t id = 1; id <= 3; ++id) EXPECT_TRUE(HoldsAll(id)) << id;
}

TEST_F(MembershipTest, LeadershipMovesWhereItIsAskedTo) {
  Found(3);
  for (const uint32_t to : {1u, 3u, 2u}) {
    const HttpAnswer moved = Transfer(1, R"({"to":)" + std::to_string(to) + "}");
    ASSERT_EQ(moved.status, 204) << moved.body;
    EXPECT_TRUE(Await([&] { return Leader(1) == to; })) << "to " << to << ", leader " << Leader(1);
  }
  for (const uint32_t node : {1u, 2u, 3u}) {
    EXPECT_TRUE(Await([&] { return LeaderInLogOf(node) == (node == 2 ? "2 (this one)" : "2"); }))
        << ErrorsOf(node);
  }
  ASSERT_EQ(Transfer(3, "").status, 204);
  EXPECT_TRUE(Await([&] { return Leader(1) == 1 || Leader(1) == 3; }));
  EXPECT_EQ(Transfer(1, R"({"to":9})").status, 404);
}

TEST_F(MembershipTest, ALostDiskIsAnotherReplica) {
  Found(3);
  MakeQueue();
  Publish(1, 10);
  nodes_.at(3)->Kill();
  std::filesystem::remove_all(nodes_.at(3)->data_dir());
  Start(3, "", Grpc(1));
  ASSERT_TRUE(Await([&] { return !nodes_.at(3)->running(); }));
  EXPECT_EQ(WEXITSTATUS(nodes_.at(3)->exit_status()), 2);
  EXPECT_NE(ErrorsOf(3).find("DELETE /v1/cluster/nodes/3"), std::string::npos) << ErrorsOf(3);

  ASSERT_EQ(Remove(1, 3).status, 204);
  Start(3, "", Grpc(1));
  ASSERT_TRUE(AwaitReady(3)) << ErrorsOf(3);
  ASSERT_EQ(Add(1, 3, Grpc(3)).status, 200);
  EXPECT_TRUE(Await([&] { return Voters(3) == "1 2 3"; })) << Voters(3);
  EXPECT_TRUE(HoldsAll(3));
}

TEST_F(MembershipTest, WhatCannotBeAddedIsNamedAndChangesNothing) {
  Found(1);
  Start(7, "7=" + Grpc(7), "");  // A cluster of its own.
  ASSERT_TRUE(AwaitReady(7)) << ErrorsOf(7);
  const HttpAnswer stranger = Add(1, 7, Grpc(7));
  EXPECT_EQ(stranger.status, 409) << stranger.body;
  EXPECT_NE(stranger.body.find("another cluster"), std::string::npos) << stranger.body;
  const HttpAnswer other = Add(1, 8, Grpc(7));
  EXPECT_EQ(other.status, 409) << other.body;
  EXPECT_NE(other.body.find("node 7 answers"), std::string::npos) << other.body;
  const HttpAnswer nobody = Add(1, 8, "127.0.0.1:1");
  EXPECT_EQ(nobody.status, 503) << nobody.body;
  EXPECT_EQ(Remove(1, 1).status, 409);
  EXPECT_EQ(Voters(1), "1");
}

}  // namespace
}  // namespace mom::cluster
