// Goal: a node on a disk that is really full stays up, hands out and takes acknowledgements, starts again,
// and publishes again once there is room; nothing that was acknowledged is lost. Method: a small tmpfs,
// filled over REST as fast as it goes, stopped and killed full, filled up by somebody else, drained, filled
// again and enlarged. Where no file system may be mounted, the limit for publishing stands for the end of the
// disk.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/rest/blackbox/asio_http_client.h"
#include "tests/rest/blackbox/momd_process.h"
#include "tests/rest/blackbox/small_disk.h"

namespace mom::blackbox {
namespace {

constexpr uint64_t kDiskMib = 160;
constexpr int kPublishers = 4;
constexpr int kBatch = 40;
constexpr size_t kBodyBytes = 8192;
constexpr auto kFullFor = std::chrono::seconds(3);  // Refused so long: it does not go by itself.
constexpr auto kLimit = std::chrono::seconds(40);   // For what is awaited; far more than it takes.

template <typename Condition>
bool Becomes(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

class FullDiskProcessTest : public testing::Test {
 protected:
  FullDiskProcessTest() {
    if (disk_.mounted()) return;
    std::printf("no file system may be mounted here (%s): a limit stands for it\n", disk_.why().c_str());
    options_ = {"--disk-free-min-mib", std::to_string((disk_.FreeBytes() >> 20) - kDiskMib)};
  }

  void Start() {
    ASSERT_TRUE(momd_.Start(data_, options_)) << momd_.log();
    client_.set_port(momd_.port());
  }
  bool IsAlive() {
    const auto answer = client_.Send("GET", "/healthz");
    return answer && answer->status == 200;
  }
  int StatusOfPublish() {
    const auto answer = client_.Send("POST", "/v1/queues/q/messages", "m" + std::to_string(++last_));
    if (answer && answer->status == 201) acknowledged_.insert("m" + std::to_string(last_));
    return answer ? answer->status : 0;
  }

  // Until publishing has been refused for a while, and by nobody else than the full disk.
  void FillWithMessages() {
    std::vector<std::thread> publishers;
    for (int i = 0; i < kPublishers; ++i) publishers.emplace_back([this] { PublishUntilFull(); });
    for (auto& publisher : publishers) publisher.join();
    ASSERT_FALSE(HasFailure());
    ASSERT_TRUE(IsAlive()) << momd_.log();
    EXPECT_TRUE(Becomes([this] { return client_.Send("GET", "/readyz")->status == 503; }));
  }
  void PublishUntilFull() {
    HttpClient client(momd_.port());
    client.Login("alice", "a long password");
    auto refused_since = std::chrono::steady_clock::time_point::max();
    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    for (;;) {
      std::vector<std::string> names;
      std::string batch = "{\"messages\":[";
      for (int i = 0; i < kBatch; ++i) {
        names.push_back("m" + std::to_string(++last_));
        batch += (i == 0 ? "" : ",") + ("{\"body\":\"" + names.back() + " ") + std::string(kBodyBytes, 'x') +
                 "\"}";
      }
      const auto answer = client.Send("POST", "/v1/queues/q/batch", batch + "]}");
      const auto now = std::chrono::steady_clock::now();
      ASSERT_TRUE(answer) << "no answer";
      ASSERT_LT(now, deadline) << "the disk never got full";
      if (answer->status == 201) {
        std::lock_guard lock(mutex_);
        acknowledged_.insert(names.begin(), names.end());
        refused_since = std::chrono::steady_clock::time_point::max();
        continue;
      }
      ASSERT_EQ(answer->status, 507) << answer->body;
      refused_since = std::min(refused_since, now);
      if (now - refused_since > kFullFor) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  // What arrived, acknowledged at once; `transacted`: by a transaction that does nothing else.
  std::set<std::string> Take(int max, bool transacted) {
    std::set<std::string> names;
    const auto got = client_.Send("POST", "/v1/queues/q/receive", "{\"max\":" + std::to_string(max) + "}");
    EXPECT_TRUE(got && got->status == 200) << (got ? got->body : "no answer") << momd_.log();
    if (!got || got->status != 200) return names;
    std::string receipts;
    const boost::json::value tree = got->json();
    for (const auto& message : tree.at("messages").as_array()) {
      const std::string body(message.at("body").as_string());
      names.insert(body.substr(0, body.find(' ')));
      const std::string receipt(message.at("receipt").as_string());
      receipts += (receipts.empty() ? "\"" : ",\"") + receipt + "\"";
    }
    if (names.empty()) return names;
    const auto acknowledged =
        transacted
            ? client_.Send("POST", "/v1/transactions",
                           R"({"operations":[{"op":"ack","queue":"q","receipts":[)" + receipts + "]}]}")
            : client_.Send("POST", "/v1/queues/q/ack", "{\"receipts\":[" + receipts + "]}");
    EXPECT_TRUE(acknowledged && acknowledged->status == 200)
        << (acknowledged ? acknowledged->body : "no answer") << momd_.log();
    return names;
  }
  void TakeSome(int times, bool transacted) {
    for (int i = 0; i < times && !HasFailure(); ++i) {
      const auto names = Take(1, transacted);
      EXPECT_FALSE(names.empty());
      taken_.insert(names.begin(), names.end());
    }
  }
  void Drain() {
    for (;;) {
      const auto names = Take(100, false);
      if (names.empty() || HasFailure()) break;
      taken_.insert(names.begin(), names.end());
    }
    size_t missing = 0;
    for (const auto& name : acknowledged_) missing += taken_.contains(name) ? 0 : 1;
    EXPECT_EQ(missing, 0u) << "of " << acknowledged_.size() << " acknowledged";
  }

  TempDir dir_;
  const std::string data_ = dir_ / "data";
  SmallDisk disk_{data_, kDiskMib};
  std::vector<std::string> options_ = {"--disk-free-min-mib", "16"};
  MomdProcess momd_;
  HttpClient client_{0};
  std::mutex mutex_;
  std::set<std::string> acknowledged_;  // Guarded by mutex_ while publishers run.
  std::set<std::string> taken_;
  std::atomic<uint64_t> last_{0};
};

TEST_F(FullDiskProcessTest, NothingIsLostAndTheNodeStaysUp) {
  ASSERT_NO_FATAL_FAILURE(Start());
  client_.Login("alice", "a long password");
  ASSERT_EQ(client_.Send("POST", "/v1/queues", R"({"name":"q"})")->status, 201);
  ASSERT_NO_FATAL_FAILURE(FillWithMessages());
  EXPECT_GT(acknowledged_.size() * kBodyBytes, 20u << 20) << "refused too early";
  TakeSome(5, false);
  TakeSome(5, true);

  ASSERT_EQ(momd_.Terminate(), 0) << momd_.log();
  ASSERT_NO_FATAL_FAILURE(Start());
  // A start may find a little more than the minimum.
  const int status = StatusOfPublish();
  EXPECT_TRUE(status == 507 || status == 201) << status;
  TakeSome(5, true);
  momd_.Kill();
  ASSERT_NO_FATAL_FAILURE(Start());
  TakeSome(5, false);

  // Somebody else takes the rest: what is held back for that is used now.
  if (disk_.mounted()) {
    disk_.FillUp();
    TakeSome(50, false);
    TakeSome(50, true);
    ASSERT_TRUE(IsAlive()) << momd_.log();
    disk_.FillUp();
    ASSERT_EQ(momd_.Terminate(), 0) << momd_.log();
    disk_.FillUp();
    momd_.Launch(data_, options_);  // Comes up, or waits; says so then.
    const auto waits_or_serves = [this] {
      const std::string log = momd_.log();
      return log.find("the disk is full; this node starts once there is room") != std::string::npos ||
             log.rfind("leads epoch") > log.rfind("stopped");
    };
    EXPECT_TRUE(Becomes(waits_or_serves)) << momd_.log();
    disk_.RemoveFilling();
    ASSERT_TRUE(momd_.WaitReady()) << momd_.log();
    client_.set_port(momd_.port());
  }
  ASSERT_FALSE(HasFailure());

  Drain();
  EXPECT_TRUE(Becomes([this] { return StatusOfPublish() == 201; })) << momd_.log();
  ASSERT_NO_FATAL_FAILURE(FillWithMessages());
  if (disk_.mounted()) {
    ASSERT_TRUE(disk_.Resize(4 * kDiskMib));
  } else {
    ASSERT_EQ(momd_.Terminate(), 0);
    options_ = {"--disk-free-min-mib", "0"};
    ASSERT_NO_FATAL_FAILURE(Start());
  }
  EXPECT_TRUE(Becomes([this] { return StatusOfPublish() == 201; })) << momd_.log();
  EXPECT_TRUE(Becomes([this] { return client_.Send("GET", "/readyz")->status == 200; })) << momd_.log();
  Drain();
  EXPECT_EQ(momd_.Terminate(), 0) << momd_.log();
}

}  // namespace
}  // namespace mom::blackbox
