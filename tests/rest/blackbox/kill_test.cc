// Goal: kill -9 at any moment under load loses nothing that was acknowledged, does nothing twice, keeps the
// order, and honours idempotency keys across the restart. Method: one real momd, killed again and again,
// while publishers and consumers repeat every unanswered request with the same key until it is answered.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "tests/rest/blackbox/asio_http_client.h"
#include "tests/rest/blackbox/momd_process.h"

namespace mom::blackbox {
namespace {

constexpr int kQueues = 3;

int Kills() {
  const char* given = std::getenv("MOM_KILLS");
  return given ? std::atoi(given) : 100;
}

struct Record {
  std::mutex mutex;
  std::vector<std::string> acknowledged;     // Payloads whose publishing was answered 201, in order.
  std::map<std::string, std::string> id_of;  // Payload to message id.
  std::vector<std::string> consumed;         // Payloads acknowledged by the consumer, in order.
  std::set<std::string> settled;             // The same as a set.
  std::vector<std::string> wrong;            // What must not happen.
};

class KillTest : public testing::Test {
 protected:
  // Repeats until there is a definite answer; a new port is taken up from port_.
  std::optional<Answer> Insist(HttpClient* client, const std::string& target, const std::string& body,
                               const std::string& key) {
    uint16_t port = 0;
    while (!stop_) {
      if (port_ != port) client->set_port(port = port_);
      auto answer = client->Send("POST", target, body, {{"Idempotency-Key", key}});
      if (answer && answer->status != 503) return answer;
      if (answer)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      else
        std::this_thread::yield();
    }
    return std::nullopt;
  }

  void Publish(int q) {
    HttpClient client(port_);
    client.set_token(token_);
    const std::string target = "/v1/queues/q" + std::to_string(q) + "/messages";
    for (int n = 0; !stop_; ++n) {
      const std::string payload = "q" + std::to_string(q) + "-" + std::to_string(n);
      auto answer = Insist(&client, target, payload, "publish-" + payload);
      if (!answer) return;
      std::lock_guard lock(records_[q].mutex);
      if (answer->status != 201) {
        records_[q].wrong.push_back("publishing " + payload + ": " + answer->body);
        return;
      }
      records_[q].acknowledged.push_back(payload);
      records_[q].id_of[payload] = answer->json().at("id").as_string().c_str();
      if (answer->headers.contains("mom-replayed")) ++replayed_;
    }
  }

  // One round of receive and acknowledge; false when told to stop.
  bool ConsumeOnce(HttpClient* client, int q, const std::string& key) {
    const std::string queue = "/v1/queues/q" + std::to_string(q);
    auto received = Insist(client, queue + "/receive", R"({"max":5,"lease_ms":600000})", "receive-" + key);
    if (!received) return false;
    Record& record = records_[q];
    if (received->status != 200) {
      std::lock_guard lock(record.mutex);
      record.wrong.push_back("receiving: " + received->body);
      return false;
    }
    boost::json::array receipts;
    std::vector<std::string> payloads;
    const auto json = received->json();
    for (const auto& message : json.at("messages").as_array()) {
      receipts.push_back(message.at("receipt"));
      payloads.emplace_back(message.at("body").as_string().c_str());
    }
    if (receipts.empty()) return true;
    if (received->headers.contains("mom-replayed")) ++replayed_;
    const size_t count = receipts.size();
    auto acked =
        Insist(client, queue + "/ack",
               boost::json::serialize(boost::json::object{{"receipts", std::move(receipts)}}), "ack-" + key);
    if (!acked) return false;
    std::lock_guard lock(record.mutex);
    if (acked->status != 200 || acked->json().at("acked").to_number<size_t>() != count) {
      record.wrong.push_back("acknowledging: " + acked->body);
    }
    for (const auto& payload : payloads) {
      if (!record.settled.insert(payload).second)
        record.wrong.push_back(payload + " was given out again after its ack");
      record.consumed.push_back(payload);
    }
    return true;
  }

  void Consume(int q) {
    HttpClient client(port_);
    client.set_token(token_);
    for (int n = 0; !stop_; ++n) {
      if (!ConsumeOnce(&client, q, std::to_string(q) + "-" + std::to_string(n))) return;
    }
  }

  void Prepare() {
    HttpClient client(momd_.port());
    client.Login("alice", "alice's long password");
    auto session =
        client.Send("POST", "/v1/sessions", R"({"name":"alice","password":"alice's long password"})");
    ASSERT_TRUE(session && session->status == 201);
    token_ = session->json().at("token").as_string().c_str();
    for (int q = 0; q < kQueues; ++q) {
      auto made = client.Send("POST", "/v1/queues", R"({"name":"q)" + std::to_string(q) + R"("})");
      ASSERT_TRUE(made && made->status == 201) << made->body;
    }
  }

  // After everything was told to stop: what is left in the queue, in order, with the leases run out or not.
  void CheckQueue(int q) {
    HttpClient client(momd_.port());
    client.set_token(token_);
    Record& record = records_[q];
    EXPECT_TRUE(record.wrong.empty()) << record.wrong.front();
    const std::string queue = "/v1/queues/q" + std::to_string(q);
    std::set<std::string> left;
    std::string after;
    for (;;) {
      auto page = client.Send("GET", queue + "/messages?state=ready,leased,delayed,dead&limit=1000" + after);
      ASSERT_TRUE(page && page->status == 200) << page->body;
      const auto json = page->json();
      for (const auto& message : json.at("items").as_array()) {
        const std::string payload = message.at("body").as_string().c_str();
        EXPECT_TRUE(left.insert(payload).second) << payload << " is in the queue twice";
        if (auto id = record.id_of.find(payload); id != record.id_of.end()) {
          EXPECT_EQ(id->second, message.at("id").as_string().c_str()) << payload;
        }
      }
      if (json.at("next").is_null()) break;
      after = "&after=" + std::string(json.at("next").as_string().c_str());
    }
    for (const auto& payload : record.acknowledged) {
      EXPECT_NE(record.settled.contains(payload), left.contains(payload))
          << payload << " was acknowledged and is " << (left.contains(payload) ? "there twice" : "lost");
    }
    int last = -1;
    for (const auto& payload : record.consumed) {
      const int n = std::atoi(payload.c_str() + payload.find('-') + 1);
      EXPECT_EQ(n, last + 1) << "queue " << q << " lost its order";
      last = n;
    }
    // One at most may be there without an answer: the request that was cut off by the end.
    EXPECT_LE(left.size() + record.settled.size(), record.acknowledged.size() + 1);
  }

  TempDir dir_;
  MomdProcess momd_;
  std::atomic<uint16_t> port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<int> replayed_ = 0;
  std::string token_;
  Record records_[kQueues];
};

TEST_F(KillTest, NothingAcknowledgedIsLostOrDoneTwice) {
  ASSERT_TRUE(momd_.Start(dir_ / "data")) << momd_.log();
  Prepare();
  port_ = momd_.port();
  std::vector<std::thread> threads;
  for (int q = 0; q < kQueues; ++q) {
    threads.emplace_back([this, q] { Publish(q); });
    threads.emplace_back([this, q] { Consume(q); });
  }
  std::mt19937 random(20261123);
  bool started = true;
  for (int kill = 0; kill < Kills() && started; ++kill) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 120'000));
    momd_.Kill();
    started = momd_.Start(dir_ / "data");
    port_ = momd_.port();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  stop_ = true;
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(started) << momd_.log();
  size_t acknowledged = 0;
  for (int q = 0; q < kQueues; ++q) {
    CheckQueue(q);
    acknowledged += records_[q].acknowledged.size();
    EXPECT_FALSE(records_[q].consumed.empty());
  }
  // A run in which nothing happened, or in which no kill hit a request, proves nothing.
  EXPECT_GE(acknowledged, static_cast<size_t>(Kills()) * 2);
  EXPECT_GT(replayed_, Kills() / 20);
  std::printf("kills %d, acknowledged %zu, answered from the idempotency table %d\n", Kills(), acknowledged,
              replayed_.load());
  EXPECT_EQ(momd_.Terminate(), 0) << momd_.log();
}

}  // namespace
}  // namespace mom::blackbox
