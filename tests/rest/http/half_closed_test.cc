// Clients that end their side of the connection once their requests are sent, and read their answers then.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "rest/pistache_server.h"
#include "tests/rest/http/test_client.h"

namespace mom::rest {
namespace {

using namespace std::chrono_literals;

class HalfClosed : public testing::Test {
 protected:
  // /keep is left to the test, /large answers 8 MiB, the rest is echoed.
  HalfClosed() {
    HttpServerOptions options;
    options.threads = 1;
    server_ = MakePistacheServer(options);
    const Status started = server_->Start([this](HttpRequest request, Responder responder) {
      if (request.path == "/keep") {
        std::lock_guard lock(mutex_);
        kept_.emplace_back(std::move(request), std::move(responder));
        changed_.notify_all();
        return;
      }
      if (request.path == "/large") return responder.Send({200, {}, std::string(8u << 20, 'L')});
      responder.Send({200, {}, request.method + request.body});
    });
    EXPECT_TRUE(started.ok()) << started;
  }
  ~HalfClosed() override {
    kept_.clear();
    server_->Stop(0);
  }

  TestClient Client() { return TestClient(server_->port(), 10'000); }
  std::pair<HttpRequest, Responder> Take() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 10s, [this] { return !kept_.empty(); }));
    auto first = std::move(kept_.front());
    kept_.pop_front();
    return first;
  }
  // The server has read what was sent before this, ends of streams too.
  void AwaitServer() { EXPECT_EQ(Client().Ask(PostRequest("/echo", "")).status, 200); }
  static bool Eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<HttpRequest, Responder>> kept_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HalfClosed, AWholeRequestIsAnswered) {
  for (const std::string& request :
       {PostRequest("/echo", "x"), std::string("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"),
        std::string(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")}) {
    TestClient client = Client();
    client.Send(request);
    client.EndSending();
    EXPECT_EQ(client.ReadAnswer().status, 200) << request;
    EXPECT_TRUE(client.ReadsEnd());
  }
}

TEST_F(HalfClosed, AnAnswerThatComesLaterReachesTheClient) {
  TestClient client = Client();
  client.Send(PostRequest("/keep", "x", "X-Request-Id: one\r\n"));
  client.EndSending();
  auto [request, responder] = Take();
  // New clients must not be taken for this one: they get the descriptor that Pistache closed.
  for (int i = 0; i < 20; ++i) AwaitServer();
  EXPECT_FALSE(request.hung_up->load());
  TestClient other = Client();
  other.Send(PostRequest("/keep", "y"));
  auto [other_request, other_responder] = Take();
  responder.Send({200, {}, "late"});
  const TestAnswer answer = client.ReadAnswer();
  EXPECT_EQ(answer.body, "late");
  EXPECT_EQ(answer.headers.at("x-request-id"), "one");
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
  other_responder.Send({200, {}, "other"});
  EXPECT_EQ(other.ReadAnswer().body, "other");
  other.Close();
  EXPECT_TRUE(Eventually([this] { return server_->stats().connections_now == 0; }));
  EXPECT_EQ(server_->stats().aborted, 0u);
}

TEST_F(HalfClosed, AllPipelinedRequestsAreAnsweredInOrder) {
  TestClient client = Client();
  client.Send(PostRequest("/keep", "1") + PostRequest("/echo", "2") + PostRequest("/keep", "3") +
              PostRequest("/echo", "4") + "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
  client.EndSending();
  for (const char* body : {"1", "3"}) {
    auto [request, responder] = Take();
    EXPECT_EQ(request.body, body);
    AwaitServer();
    responder.Send({200, {}, request.body});
  }
  for (const char* body : {"1", "POST2", "3", "POST4"}) EXPECT_EQ(client.ReadAnswer().body, body);
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HalfClosed, ALargeAnswerIsSentWhole) {
  TestClient client = Client();
  client.Send(PostRequest("/large", ""));
  client.EndSending();
  AwaitServer();
  EXPECT_EQ(client.ReadAnswer().body.size(), 8u << 20);
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HalfClosed, HalfARequestIsTheEnd) {
  for (const char* half : {"POST /echo HTTP/1.1\r\nHost: a\r\n",
                           "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
                           "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"}) {
    TestClient client = Client();
    client.Send(half);
    client.EndSending();
    EXPECT_TRUE(client.ReadsEnd()) << half;
  }
  EXPECT_EQ(server_->stats().requests, 0u);
}

TEST_F(HalfClosed, AClientThatIsGoneIsNoticed) {
  TestClient client = Client();
  client.Send(PostRequest("/keep", "x"));
  client.EndSending();
  auto [request, responder] = Take();
  AwaitServer();
  EXPECT_FALSE(request.hung_up->load());
  client.Reset();
  EXPECT_TRUE(Eventually([&] { return request.hung_up->load(); }));
  EXPECT_EQ(server_->stats().aborted, 1u);
  responder.Send({200, {}, "nobody reads this"});
  // One that closed politely is noticed when the answer is sent to it.
  TestClient polite = Client();
  polite.Send(PostRequest("/keep", "y"));
  auto [polite_request, polite_responder] = Take();
  polite.Close();
  AwaitServer();
  polite_responder.Send({200, {}, "y"});
  EXPECT_TRUE(Eventually([&] { return polite_request.hung_up->load(); }));
  EXPECT_TRUE(Eventually([this] { return server_->stats().connections_now == 0; }));
}

TEST_F(HalfClosed, WaitingOnesAreAnsweredWhileTheServerDrains) {
  TestClient client = Client();
  client.Send(PostRequest("/keep", "x"));
  client.EndSending();
  auto [request, responder] = Take();
  AwaitServer();
  std::thread stop([this] { server_->Stop(10'000); });
  responder.Send({200, {}, "just in time"});
  EXPECT_EQ(client.ReadAnswer().body, "just in time");
  stop.join();
  EXPECT_EQ(server_->stats().connections_now, 0u);
}

TEST_F(HalfClosed, NobodyKeepsTheServerFromStopping) {
  TestClient client = Client();
  client.Send(PostRequest("/keep", "x"));
  client.EndSending();
  auto kept = Take();
  AwaitServer();
  server_->Stop(10);
  EXPECT_EQ(server_->stats().connections_now, 0u);
  EXPECT_EQ(client.ReadAnswer().status, 0);
}

}  // namespace
}  // namespace mom::rest
