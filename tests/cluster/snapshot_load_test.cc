// Goal: a node that was away for so long that the others' logs begin behind its end loads a snapshot and then
// holds what they hold. Method: three momd processes that keep 1 MiB of log; one is killed while more than
// that is written.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <thread>

#include "tests/cluster/broker_client.h"
#include "tests/cluster/cluster.h"

namespace mom::cluster {
namespace {

constexpr int kReadyMs = 60'000;
constexpr int kAskMs = 5'000;
constexpr int kMessagesMax = 200;

class SnapshotLoadTest : public testing::Test {
 protected:
  SnapshotLoadTest() : cluster_({MOMD_PATH, folder_, 3, false, 1}), client_(&cluster_, &recorder_, "client") {
    cluster_.StartAll();
  }
  ~SnapshotLoadTest() override {
    for (uint32_t id = 1; id <= 3; ++id) cluster_.node(id).Kill();
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  static std::string MakeFolder() {
    std::string folder = std::filesystem::temp_directory_path() / "mom-load-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) std::abort();
    return folder;
  }
  static bool Await(const std::function<bool()>& happened) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kReadyMs);
    while (!happened()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }

  std::string Log(uint32_t id) {
    std::ostringstream text;
    text << std::ifstream(cluster_.node(id).data_dir() + ".err").rdbuf();
    return text.str();
  }
  // Sends large messages until the leader's log begins behind `end`.
  void PublishUntilLogBeginsBehind(uint32_t leader, uint64_t end) {
    HttpLink link(cluster_.rest(leader));
    const Headers headers = {{"Authorization", "Bearer " + client_.session().token},
                             {"Content-Type", "text/plain"}};
    const std::string body(1000u << 10, 'b');
    for (int i = 0; i < kMessagesMax; ++i) {
      const auto view = cluster_.Look(leader, kAskMs);
      if (view && view->log_start > end) return;
      ASSERT_EQ(link.Send("POST", "/v1/queues/q/messages", headers, body, kAskMs).status, 201);
    }
    FAIL() << "the log's beginning stays";
  }
  // All have applied the same, and it made the same of all.
  bool AreEqual() {
    std::set<std::pair<uint64_t, std::string>> states;
    for (uint32_t id = 1; id <= 3; ++id) {
      const auto view = cluster_.Look(id, kAskMs);
      if (!view) return false;
      states.emplace(view->applied, view->digest);
    }
    return states.size() == 1;
  }

  const std::string folder_ = MakeFolder();
  Cluster cluster_;
  Recorder recorder_;
  BrokerClient client_;
};

TEST_F(SnapshotLoadTest, ANodeThatWasAwayForTooLongLoadsASnapshotAndIsEqual) {
  ASSERT_TRUE(cluster_.WaitAllReady(kReadyMs));
  client_.set_timeout_ms(10'000);
  ASSERT_EQ(client_.Login(1, "admin", kAdminPassword).kind, Kind::kOk);
  cluster_.set_token(client_.session().token);
  ASSERT_TRUE(Await([&] { return cluster_.Leader() != 0; }));
  const uint32_t leader = cluster_.Leader(), away = leader % 3 + 1;
  // The leader may not have applied the session yet.
  ASSERT_TRUE(Await([&] { return client_.CreateQueue(leader, "q", 30'000, "make-q").kind == Kind::kOk; }));
  const auto before = cluster_.Look(away, kAskMs);
  ASSERT_TRUE(before);
  ASSERT_TRUE(cluster_.node(away).Kill());
  ASSERT_NO_FATAL_FAILURE(PublishUntilLogBeginsBehind(leader, before->log_end));

  cluster_.node(away).Start();
  ASSERT_TRUE(cluster_.WaitAllReady(kReadyMs)) << Log(away);
  EXPECT_TRUE(Await([&] { return AreEqual(); }));
  const uint64_t loaded = cluster_.Metric(away, "mom_snapshots_loaded_total");
  EXPECT_NE(loaded, UINT64_MAX);
  EXPECT_GE(loaded, 1u) << Log(away);
  EXPECT_EQ(cluster_.SnapshotsLoaded(), loaded) << Log(away);
  // And they say so themselves.
  for (uint32_t id = 1; id <= 3; ++id) {
    EXPECT_TRUE(Await([&] {
      const uint64_t compared = cluster_.Metric(id, "mom_digest_comparisons_total");
      return compared != UINT64_MAX && compared > 0;
    }));
    EXPECT_EQ(cluster_.Metric(id, "mom_digest_mismatches_total"), 0u);
  }
}

}  // namespace
}  // namespace mom::cluster
