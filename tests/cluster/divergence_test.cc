// Goal: nodes of a real cluster compare their states, and one that holds another state is named, by itself
// and by the others, until it has built its state anew. Method: three momd processes; the digest in the view
// of a stopped follower is changed, as if a rule had worked differently there.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "core/broker/keys.h"
#include "mom/v1/records.pb.h"
#include "replication/view/leveldb_view.h"
#include "tests/cluster/broker_client.h"
#include "tests/cluster/cluster.h"

namespace mom::cluster {
namespace {

constexpr int kReadyMs = 60'000;
constexpr int kPatienceMs = 30'000;
constexpr int kAskMs = 2'000;

bool Await(const std::function<bool()>& happened) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!happened()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void ChangeDigest(const std::string& view_dir) {
  auto view = replication::LevelDbView::Open(view_dir, {});
  ASSERT_TRUE(view.ok()) << view.status();
  v1::AppliedState state;
  ASSERT_TRUE(state.ParseFromString((*view)->Latest()->Get(broker::keys::Applied()).value()));
  state.set_digest(state.digest() ^ 1);
  ASSERT_TRUE((*view)->Write({{broker::keys::Applied(), state.SerializeAsString()}}).ok());
  ASSERT_TRUE((*view)->MakeDurable().ok());
}

class DivergenceTest : public testing::Test {
 protected:
  DivergenceTest() : cluster_({MOMD_PATH, folder_, 3}), client_(&cluster_, &recorder_, "client") {
    cluster_.StartAll();
  }
  ~DivergenceTest() override {
    for (uint32_t id = 1; id <= 3; ++id) cluster_.node(id).Kill();
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  static std::string MakeFolder() {
    std::string folder = std::filesystem::temp_directory_path() / "mom-divergence-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) std::abort();
    return folder;
  }

  void Publish(uint64_t count) {
    ASSERT_EQ(client_.CreateQueue(1, "q", 30'000, "make-q").kind, Kind::kOk);
    for (uint64_t i = 0; i < count; ++i) ASSERT_EQ(client_.Publish(1, "q", {i}, "").kind, Kind::kOk);
  }
  bool NobodyDiffers() {
    for (uint32_t id = 1; id <= 3; ++id) {
      if (cluster_.Metric(id, "mom_digest_comparisons_total") == 0) return false;
      if (cluster_.Metric(id, "mom_digest_mismatches_total") != 0) return false;
    }
    return true;
  }
  std::string WhyNotReady(uint32_t id) {
    HttpLink link(cluster_.rest(id));
    const HttpAnswer answer = link.Send("GET", "/readyz", {}, "", kAskMs);
    boost::json::error_code error;
    const auto tree = boost::json::parse(answer.body, error);
    const auto* object = error ? nullptr : tree.if_object();
    if (answer.status != 503 || object == nullptr || !object->contains("code")) return "";
    return std::string(object->at("code").as_string());
  }
  // What `node` says of all nodes.
  boost::json::array NodesAccordingTo(uint32_t node) {
    HttpLink link(cluster_.rest(node));
    const HttpAnswer answer =
        link.Send("GET", "/v1/cluster", {{"Authorization", "Bearer " + client_.session().token}}, "", kAskMs);
    boost::json::error_code error;
    auto tree = boost::json::parse(answer.body, error);
    return answer.status == 200 ? tree.at("nodes").as_array() : boost::json::array();
  }
  // The ids of those of which `node` says that they diverged.
  std::vector<int64_t> DivergedAccordingTo(uint32_t node) {
    std::vector<int64_t> ids;
    for (const auto& one : NodesAccordingTo(node)) {
      if (one.at("diverged").as_bool()) ids.push_back(one.at("id").as_int64());
    }
    return ids;
  }

  const std::string folder_ = MakeFolder();
  Cluster cluster_;
  Recorder recorder_;
  BrokerClient client_;
};

TEST_F(DivergenceTest, ANodeThatDiffersIsNamedUntilItBuildsItsStateAnew) {
  ASSERT_TRUE(cluster_.WaitAllReady(kReadyMs));
  client_.set_timeout_ms(10'000);
  ASSERT_EQ(client_.Login(1, "admin", kAdminPassword).kind, Kind::kOk);
  cluster_.set_token(client_.session().token);
  ASSERT_NO_FATAL_FAILURE(Publish(150));
  ASSERT_TRUE(Await([&] { return NobodyDiffers(); }));

  const uint32_t leader = cluster_.Leader();
  ASSERT_NE(leader, 0u);
  const uint32_t victim = leader % 3 + 1, other = victim % 3 + 1;
  NodeProcess& process = cluster_.node(victim);
  ASSERT_EQ(process.Terminate(kPatienceMs), 0);
  ASSERT_NO_FATAL_FAILURE(ChangeDigest(process.data_dir() + "/view"));
  process.Start();

  EXPECT_TRUE(Await([&] { return WhyNotReady(victim) == "diverged"; }))
      << ReadFile(process.data_dir() + ".err");
  const std::vector<int64_t> only_victim{victim};
  for (uint32_t id : {1u, 2u, 3u})
    EXPECT_TRUE(Await([&] { return DivergedAccordingTo(id) == only_victim; })) << "node " << id;
  EXPECT_TRUE(cluster_.IsReady(leader, kAskMs));
  EXPECT_TRUE(cluster_.IsReady(other, kAskMs));
  for (uint32_t id : {1u, 2u, 3u}) {
    EXPECT_GT(cluster_.Metric(id, "mom_digest_mismatches_total"), 0u);
    const std::string log = ReadFile(cluster_.node(id).data_dir() + ".err");
    EXPECT_NE(log.find("hold different states"), std::string::npos) << log;
    EXPECT_NE(log.find("Diverged: node " + std::to_string(victim) + "."), std::string::npos) << log;
  }

  // What the message says to do.
  ASSERT_EQ(process.Terminate(kPatienceMs), 0);
  std::filesystem::rename(process.data_dir() + "/view", process.data_dir() + "/view.diverged");
  process.Start();
  EXPECT_TRUE(cluster_.WaitAllReady(kReadyMs)) << ReadFile(process.data_dir() + ".err");
  for (uint32_t id : {1u, 2u, 3u})
    EXPECT_TRUE(Await([&] { return DivergedAccordingTo(id).empty() && NodesAccordingTo(id).size() == 3; }));
}

TEST_F(DivergenceTest, AnyNodeTellsOfAll) {
  ASSERT_TRUE(cluster_.WaitAllReady(kReadyMs));
  client_.set_timeout_ms(10'000);
  ASSERT_EQ(client_.Login(1, "admin", kAdminPassword).kind, Kind::kOk);
  const auto knows_all = [&](uint32_t id) {
    const auto nodes = NodesAccordingTo(id);
    if (nodes.size() != 3) return false;
    for (const auto& node : nodes) {
      const auto& object = node.as_object();
      for (const char* name : {"id", "role", "voter", "address", "rest", "durable_end", "applied_end", "lag",
                               "digest", "digest_offset", "diverged", "version"}) {
        if (!object.contains(name)) return false;
      }
      const auto asked = static_cast<uint32_t>(object.at("id").as_int64());
      const std::string rest = "127.0.0.1:" + std::to_string(cluster_.rest(asked).port);
      if (object.at("rest").as_string() != rest || !object.at("voter").as_bool()) return false;
      if (asked != id && !object.contains("last_contact_ms")) return false;
    }
    return true;
  };
  for (uint32_t id : {1u, 2u, 3u})
    EXPECT_TRUE(Await([&] { return knows_all(id); })) << boost::json::serialize(NodesAccordingTo(id));
}

}  // namespace
}  // namespace mom::cluster
