// Black-box tests of the web server over real sockets.
#include "rest/pistache_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/rest/http/slow_events.h"
#include "tests/rest/http/test_client.h"

namespace mom::rest {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience = 5s) {
  const auto deadline = steady_clock::now() + patience;
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

// Responders that the handler keeps for the test to answer.
class Kept {
 public:
  void Add(HttpRequest request, Responder responder) {
    std::lock_guard lock(mutex_);
    kept_.emplace_back(std::move(request), std::move(responder));
  }
  std::pair<HttpRequest, Responder> Take() {
    EXPECT_TRUE(Eventually([this] { return size() > 0; }));
    std::lock_guard lock(mutex_);
    auto first = std::move(kept_.front());
    kept_.pop_front();
    return first;
  }
  size_t size() {
    std::lock_guard lock(mutex_);
    return kept_.size();
  }

 private:
  std::mutex mutex_;
  std::deque<std::pair<HttpRequest, Responder>> kept_;
};

class PistacheServerTest : public testing::Test {
 protected:
  // /keep is left to the test, /throw throws, /large answers 8 MiB, the rest is echoed.
  void Start() {
    server_ = MakePistacheServer(options_);
    const Status started = server_->Start([this](HttpRequest request, Responder responder) {
      if (request.path == "/keep") return kept_.Add(std::move(request), std::move(responder));
      if (request.path == "/throw") throw std::runtime_error("secret text");
      if (request.path == "/drop") return;
      if (request.path == "/large") return responder.Send({200, {}, std::string(8u << 20, 'L')});
      responder.Send(
          {200, {{"X-Method", request.method}, {"X-Query", request.query}}, std::move(request.body)});
    });
    ASSERT_TRUE(started.ok()) << started;
  }
  void TearDown() override {
    if (server_) server_->Stop(0);
  }
  TestClient Client() { return TestClient(server_->port()); }

  HttpServerOptions options_;
  Kept kept_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(PistacheServerTest, KeepsTheConnectionAlive) {
  Start();
  TestClient client = Client();
  for (int i = 0; i < 20; ++i) {
    const std::string text = "message " + std::to_string(i);
    const TestAnswer answer =
        client.Ask(PostRequest("/echo?a=1", text, "X-Request-Id: id-" + std::to_string(i) + "\r\n"));
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, text);
    EXPECT_EQ(answer.headers.at("connection"), "Keep-Alive");
    EXPECT_EQ(answer.headers.at("x-request-id"), "id-" + std::to_string(i));
    EXPECT_EQ(answer.headers.at("x-query"), "a=1");
  }
  EXPECT_EQ(server_->stats().connections, 1u);
  EXPECT_EQ(server_->stats().requests, 20u);
}

TEST_F(PistacheServerTest, ClosesWhenTheClientAsksForIt) {
  Start();
  TestClient client = Client();
  const TestAnswer answer = client.Ask(PostRequest("/echo", "x", "Connection: close\r\n"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
  TestClient old = Client();
  EXPECT_EQ(old.Ask("GET / HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_TRUE(old.ReadsEnd());
}

// Goal: where connections are not admitted, those that are there go on.
TEST_F(PistacheServerTest, ClosesConnectionsThatAreNotAdmitted) {
  std::atomic<bool> admits{true};
  options_.admits = [&] { return admits.load(); };
  Start();
  TestClient client = Client();
  EXPECT_EQ(client.Ask(PostRequest("/echo", "a")).body, "a");
  admits = false;
  TestClient refused = Client();
  EXPECT_TRUE(refused.ReadsEnd());
  EXPECT_EQ(client.Ask(PostRequest("/echo", "b")).body, "b");
  admits = true;
  TestClient next = Client();
  EXPECT_EQ(next.Ask(PostRequest("/echo", "c")).body, "c");
}

TEST_F(PistacheServerTest, AnswersHeadWithoutABody) {
  Start();
  TestClient client = Client();
  client.Send("HEAD /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  const TestAnswer head = client.ReadAnswer(false);
  EXPECT_EQ(head.headers.at("content-length"), "3");
  EXPECT_EQ(client.Ask(PostRequest("/echo", "next")).body, "next");
}

TEST_F(PistacheServerTest, TakesBodiesOfAnyTypeAndAnyBytes) {
  Start();
  TestClient client = Client();
  std::string bytes;
  for (int i = 0; i < 256 * 1024; ++i) bytes.push_back(static_cast<char>(i * 7));
  for (const std::string type :
       {"application/x-protobuf", "x", "///;;;==", "text/plain; charset=\"", "", "application/vnd.a+b;q=x"}) {
    const TestAnswer answer = client.Ask(PostRequest(
        "/echo", bytes, "Content-Type: " + type + "\r\nAccept: %%%\r\nDate: x\r\nCookie: ;;=\r\n"));
    EXPECT_EQ(answer.status, 200) << type;
    EXPECT_EQ(answer.body, bytes) << type;
  }
}

TEST_F(PistacheServerTest, AnswersPipelinedRequestsInOrder) {
  Start();
  TestClient client = Client();
  std::string all;
  for (int i = 0; i < 300; ++i) all += PostRequest("/echo", std::to_string(i));
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 300; ++i) ASSERT_EQ(client.ReadAnswer().body, std::to_string(i));
}

TEST_F(PistacheServerTest, LetsTheClientSendOnWhenItAsks) {
  Start();
  TestClient client = Client();
  ASSERT_TRUE(
      client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
  EXPECT_EQ(client.ReadAnswer().status, 100);
  EXPECT_EQ(client.Ask("body").body, "body");
}

TEST_F(PistacheServerTest, TakesAnswersFromAnotherThread) {
  Start();
  TestClient client = Client();
  for (int i = 0; i < 50; ++i) {
    client.Send(PostRequest("/keep", std::to_string(i)));
    std::thread([this] {
      auto [request, responder] = kept_.Take();
      responder.Send({200, {}, "for " + request.body});
    }).join();
    ASSERT_EQ(client.ReadAnswer().body, "for " + std::to_string(i));
  }
}

TEST_F(PistacheServerTest, LetsAnswersWaitAndOvertakeEachOther) {
  Start();
  std::vector<TestClient> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(Client());
    clients.back().Send(PostRequest("/keep", std::to_string(i)));
  }
  ASSERT_TRUE(Eventually([this] { return kept_.size() == 40; }));
  EXPECT_EQ(server_->stats().waiting_now, 40u);
  std::this_thread::sleep_for(2100ms);  // Longer than a tick and Pistache's own timer.
  std::vector<std::pair<HttpRequest, Responder>> all;
  for (int i = 0; i < 40; ++i) all.push_back(kept_.Take());
  std::reverse(all.begin(), all.end());
  for (auto& [request, responder] : all) responder.Send({200, {}, request.body});
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(clients[static_cast<size_t>(i)].ReadAnswer().body, std::to_string(i));
  EXPECT_EQ(server_->stats().waiting_now, 0u);
}

TEST_F(PistacheServerTest, AnswersForAResponderThatWasDropped) {
  Start();
  EXPECT_EQ(Client().Ask(PostRequest("/drop", "")).status, 503);
}

TEST_F(PistacheServerTest, HidesExceptions) {
  Start();
  TestClient client = Client();
  const TestAnswer answer = client.Ask(PostRequest("/throw", ""));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("secret"), std::string::npos) << answer.body;
  EXPECT_EQ(client.Ask(PostRequest("/echo", "still here")).body, "still here");
}

TEST_F(PistacheServerTest, TellsThatTheClientHungUp) {
  Start();
  TestClient client = Client();
  client.Send(PostRequest("/keep", "x"));
  auto [request, responder] = kept_.Take();
  EXPECT_FALSE(*request.hung_up);
  EXPECT_EQ(request.peer, "127.0.0.1");
  client.Reset();
  EXPECT_TRUE(Eventually([&] { return request.hung_up->load(); }));
  EXPECT_TRUE(Eventually([this] { return server_->stats().aborted == 1; }));
  responder.Send({200, {}, "nobody reads this"});
  EXPECT_EQ(server_->stats().waiting_now, 0u);
}

TEST_F(PistacheServerTest, RefusesAndClosesWithoutReadingOn) {
  options_.request_bytes_max = 100'000;
  Start();
  const std::pair<std::string, int> examples[] = {
      {PostRequest("/echo", std::string(200'000, 'x')), 413},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 501},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
      {"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + std::string(19000, 'x') + "\r\n\r\n", 431},
      {"nonsense\r\n\r\n", 400},
  };
  for (const auto& [request, status] : examples) {
    TestClient client = Client();
    ASSERT_TRUE(client.Send(request + PostRequest("/echo", "smuggled")));
    const TestAnswer answer = client.ReadAnswer();
    EXPECT_EQ(answer.status, status) << request.substr(0, 80);
    EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
    EXPECT_EQ(answer.headers.at("connection"), "close");
    EXPECT_TRUE(client.ReadsEnd()) << request.substr(0, 80);
  }
  EXPECT_EQ(server_->stats().requests, 0u);
}

TEST_F(PistacheServerTest, RefusesMoreWaitingRequestsThanItMay) {
  options_.waiting_requests_max = 3;
  Start();
  std::vector<TestClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Client());
    clients.back().Send(PostRequest("/keep", ""));
  }
  ASSERT_TRUE(Eventually([this] { return kept_.size() == 3; }));
  TestClient late = Client();
  const TestAnswer refused = late.Ask(PostRequest("/echo", ""));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  kept_.Take().second.Send({200, {}, ""});
  EXPECT_EQ(late.Ask(PostRequest("/echo", "now")).body, "now");
}

TEST_F(PistacheServerTest, GivesUpOnRequestsThatTakeTooLong) {
  options_.request_seconds_max = 1;
  Start();
  TestClient half = Client();
  TestClient waiting = Client();
  TestClient idle = Client();
  half.Send("POST /echo HTTP/1.1\r\nHost:");
  waiting.Send(PostRequest("/keep", ""));
  EXPECT_EQ(half.ReadAnswer().status, 408);
  EXPECT_EQ(waiting.ReadAnswer().status, 503);
  EXPECT_TRUE(idle.ReadsEnd());
  EXPECT_TRUE(half.ReadsEnd());
}

// Pistache itself would spin here, and no other connection of its worker would be served.
TEST_F(PistacheServerTest, ServesOthersWhileAClientDoesNotRead) {
  options_.threads = 1;
  Start();
  TestClient slow = Client();
  slow.Send(PostRequest("/large", ""));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Client().Ask(PostRequest("/echo", "x")).status, 200);
  const TestAnswer answer = slow.ReadAnswer();
  EXPECT_EQ(answer.body, std::string(8u << 20, 'L'));
  EXPECT_EQ(slow.Ask(PostRequest("/echo", "after")).body, "after");
}

TEST_F(PistacheServerTest, CutsAClientThatNeverReads) {
  Start();
  TestClient client = Client();
  client.Send(PostRequest("/large", ""));
  ASSERT_TRUE(Eventually([this] { return server_->stats().answers == 1; }));
  EXPECT_TRUE(Eventually([this] { return server_->stats().connections_now == 0; }, 12s));
}

// Goal: no connection is forgotten between Pistache's accepting thread and its workers.
// Method: bursts of connections, with and without pauses; then the same with slow reads of events, which
// makes the lost wake-up of Pistache's queue likely (it hung here before PistacheWorker::Nudge).
TEST_F(PistacheServerTest, ServesEveryConnectionOfABurst) {
  Start();
  std::mt19937 random(1);
  for (int round = 0; round < 160; ++round) {
    if (round == 120) event_read_delay_us = 200;
    std::vector<TestClient> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(Client());
      if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 600));
    }
    for (TestClient& client : clients) client.Send(PostRequest("/echo", "b"));
    const auto begin = steady_clock::now();
    for (TestClient& client : clients) EXPECT_EQ(client.ReadAnswer().body, "b") << round;
    EXPECT_LT(steady_clock::now() - begin, 1500ms) << "round " << round;
    if (HasFailure()) break;
  }
  event_read_delay_us = 0;
}

TEST_F(PistacheServerTest, SaysThatThePortIsInUse) {
  Start();
  HttpServerOptions options;
  options.port = server_->port();
  const auto second = MakePistacheServer(options);
  const Status status = second->Start([](HttpRequest, Responder) {});
  EXPECT_EQ(status.code(), Status::kBusy);
  EXPECT_EQ(status.message(), "127.0.0.1:" + std::to_string(options.port) + " is in use");
}

TEST_F(PistacheServerTest, RefusesAnAddressThatIsNone) {
  HttpServerOptions options;
  options.host = "no such host";
  EXPECT_EQ(MakePistacheServer(options)->Start([](HttpRequest, Responder) {}).code(),
            Status::kInvalidArgument);
}

TEST_F(PistacheServerTest, LetsWaitingRequestsEndWhenItStops) {
  Start();
  TestClient client = Client();
  TestClient other = Client();
  ASSERT_EQ(other.Ask(PostRequest("/echo", "")).status, 200);
  client.Send(PostRequest("/keep", "x"));
  auto [request, responder] = kept_.Take();
  std::thread stop([this] { server_->Stop(5000); });
  EXPECT_TRUE(other.ReadsEnd());
  responder.Send({200, {}, "just in time"});
  const TestAnswer answer = client.ReadAnswer();
  EXPECT_EQ(answer.body, "just in time");
  EXPECT_EQ(answer.headers.at("connection"), "close");
  stop.join();
  EXPECT_EQ(server_->stats().connections_now, 0u);
  EXPECT_FALSE(Client().connected());
}

TEST_F(PistacheServerTest, StopsInTimeWhateverStillWaits) {
  Start();
  std::vector<TestClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(Client());
    clients.back().Send(PostRequest("/keep", "x"));
  }
  ASSERT_TRUE(Eventually([this] { return kept_.size() == 20; }));
  const auto begin = steady_clock::now();
  server_->Stop(200);
  EXPECT_LT(steady_clock::now() - begin, 2s);
  EXPECT_EQ(server_->stats().connections_now, 0u);
  for (TestClient& client : clients) EXPECT_EQ(client.ReadAnswer().status, 0);
  while (kept_.size() > 0) kept_.Take().second.Send({200, {}, "too late"});
  server_.reset();
}

TEST_F(PistacheServerTest, StartsAndStopsManyTimes) {
  for (int i = 0; i < 20; ++i) {
    Start();
    if (i % 2 == 0) {
      EXPECT_EQ(Client().Ask(PostRequest("/echo", "x")).status, 200);
    }
    server_->Stop(i % 3);
  }
}

}  // namespace
}  // namespace mom::rest
