// Goal: what is due happens in time when nobody talks to the cluster. Method: one momd process, and three;
// everything that is done at a time, each kind alone and in random mixes; then silence, but for one consumer
// of each queue that waits in a long poll at some node.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/random.h"
#include "tests/cluster/cluster.h"

namespace mom::cluster {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kReadyMs = 60'000;
constexpr int kAskMs = 10'000;
constexpr int kPollMs = 8'000;
// Without a fault a few milliseconds. A forgotten timer is later than any machine is slow.
constexpr milliseconds kLate(1'500);
constexpr int kMixes = 4;

// What is done at a time, and the queue in which a message becomes ready by it.
struct Kind {
  const char* name;
  const char* ready_in;
};
constexpr Kind kKinds[] = {{"delay", "delay"},
                           {"lease", "lease"},
                           {"nack", "nack"},
                           {"ttl", "expired"},
                           {"queue-ttl", "expired-too"}};

class IdleClusterTest : public testing::TestWithParam<uint32_t> {
 protected:
  IdleClusterTest() : cluster_({MOMD_PATH, folder_, GetParam()}) { cluster_.StartAll(); }
  ~IdleClusterTest() override {
    for (uint32_t id = 1; id <= GetParam(); ++id) cluster_.node(id).Kill();
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  void SetUp() override {
    ASSERT_TRUE(cluster_.WaitAllReady(kReadyMs));
    const json::value session = Ask("/v1/sessions", {{"name", "admin"}, {"password", kAdminPassword}});
    token_ = session.at("token").as_string().c_str();
    for (const char* name : {"delay", "lease", "nack", "expired", "expired-too"}) MakeQueue({{"name", name}});
    MakeQueue({{"name", "ttl"}, {"dead_letter", "expired"}});
    MakeQueue({{"name", "queue-ttl"}, {"dead_letter", "expired-too"}, {"ttl_ms", 300}});
  }
  void MakeQueue(const json::object& settings) { Ask("/v1/queues", settings); }

  static std::string MakeFolder() {
    std::string folder = std::filesystem::temp_directory_path() / "mom-idle-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) std::abort();
    return folder;
  }

  uint32_t SomeNode() { return static_cast<uint32_t>(1 + random_.Next() % GetParam()); }
  HttpAnswer Send(uint32_t node, const std::string& method, const std::string& path,
                  const std::string& body) {
    HttpLink link(cluster_.rest(node));
    Headers headers = {{"Content-Type", "application/json"}};
    if (!token_.empty()) headers.emplace_back("Authorization", "Bearer " + token_);
    return link.Send(method, path, headers, body, kAskMs);
  }
  // A POST to some node that must do it.
  json::value Ask(const std::string& path, const json::object& body) {
    const HttpAnswer answer = Send(SomeNode(), "POST", path, json::serialize(body));
    EXPECT_EQ(answer.status / 100, 2) << path << " " << answer.body;
    json::error_code error;
    return json::parse(answer.body, error);
  }
  json::value LeaseOne(const std::string& queue, int64_t lease_ms) {
    return Ask("/v1/queues/" + queue + "/receive", {{"max", 1}, {"wait_ms", 5000}, {"lease_ms", lease_ms}});
  }

  // Returns when it is due.
  Clock::time_point Begin(const Kind& kind, int64_t ms) {
    const std::string queue = kind.name;
    json::object message{{"body", "m"}};
    if (queue == "delay") message["delay_ms"] = ms;
    if (queue == "ttl") message["ttl_ms"] = ms;
    Ask("/v1/queues/" + queue + "/batch", {{"messages", json::array{message}}});
    if (queue == "lease") LeaseOne(queue, ms);
    if (queue == "nack") {
      const json::value leased = LeaseOne(queue, 60'000);
      EXPECT_EQ(leased.at("messages").as_array().size(), 1u);
      if (HasFailure()) return Clock::now();
      const json::value& receipt = leased.at("messages").at(0).at("receipt");
      Ask("/v1/queues/nack/nack", {{"receipts", json::array{receipt}}, {"delay_ms", ms}});
    }
    return Clock::now() + milliseconds(queue == "queue-ttl" ? 300 : ms);
  }
  int64_t Ready(const std::string& queue) {
    const HttpAnswer answer = Send(SomeNode(), "GET", "/v1/queues/" + queue, "");
    json::error_code error;
    const json::value tree = json::parse(answer.body, error);
    return answer.status == 200 ? tree.at("ready").as_int64() : -1;
  }
  // Takes one from `queue`, which becomes ready at `due`. On a thread of its own.
  void AwaitOne(uint32_t node, const std::string& queue, Clock::time_point due, milliseconds* late) {
    const std::string body = R"({"max":1,"ack":"auto","wait_ms":)" + std::to_string(kPollMs) + "}";
    const HttpAnswer answer = Send(node, "POST", "/v1/queues/" + queue + "/receive", body);
    *late = std::chrono::duration_cast<milliseconds>(Clock::now() - due);
    json::error_code error;
    const json::value tree = json::parse(answer.body, error);
    const bool got = answer.status == 200 && tree.at("messages").as_array().size() == 1;
    if (!got) *late = milliseconds::max();
  }

  const std::string folder_ = MakeFolder();
  Cluster cluster_;
  std::string token_;
  SplitMix64 random_{1};
};

// Nobody waits for it: one look, which writes nothing, after it is due. Two of a kind, since the first timer
// must arm the second.
TEST_P(IdleClusterTest, EachKindHappensWhileNobodyAsks) {
  for (const Kind& kind : kKinds) {
    Begin(kind, 400);
    const Clock::time_point due = Begin(kind, 900);
    ASSERT_FALSE(HasFailure()) << kind.name;
    std::this_thread::sleep_until(due + kLate);
    EXPECT_EQ(Ready(kind.ready_in), 2) << kind.name;
  }
}

// More than one entry of the clock makes ready.
TEST_P(IdleClusterTest, ManyAreDueAtOnce) {
  json::array messages;
  for (int i = 0; i < 1000; ++i) messages.push_back({{"body", "m"}, {"delay_ms", 1000}});
  for (int i = 0; i < 3; ++i) Ask("/v1/queues/delay/batch", {{"messages", messages}});
  std::this_thread::sleep_for(milliseconds(1000) + kLate);
  EXPECT_EQ(Ready("delay"), 3000);
}

TEST_P(IdleClusterTest, WhoWaitsIsGivenWhatBecomesDue) {
  milliseconds latest(0);
  for (int mix = 0; mix < kMixes; ++mix) {
    std::vector<std::pair<const Kind*, Clock::time_point>> begun;
    for (const Kind& kind : kKinds) {
      if (mix > 0 && random_.Next() % 4 == 0) continue;
      begun.emplace_back(&kind, Begin(kind, static_cast<int64_t>(300 + random_.Next() % 1500)));
    }
    ASSERT_FALSE(HasFailure());
    std::vector<milliseconds> late(begun.size());
    std::vector<std::thread> consumers;
    for (size_t i = 0; i < begun.size(); ++i) {
      const uint32_t node = SomeNode();
      consumers.emplace_back(
          [&, node, i] { AwaitOne(node, begun[i].first->ready_in, begun[i].second, &late[i]); });
    }
    for (std::thread& consumer : consumers) consumer.join();
    for (size_t i = 0; i < begun.size(); ++i) {
      EXPECT_LT(late[i], kLate) << begun[i].first->name << " in mix " << mix;
      latest = std::max(latest, late[i]);
    }
  }
  std::printf("%u nodes: the latest came %lld ms after it was due\n", GetParam(),
              static_cast<long long>(latest.count()));
}

INSTANTIATE_TEST_SUITE_P(Nodes, IdleClusterTest, testing::Values(1u, 3u));

}  // namespace
}  // namespace mom::cluster
