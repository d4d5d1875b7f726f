// Goal: a connection that carries nothing any more, and that nobody closed, is not waited for.
// Method: a relay between two nodes that stops forwarding what it has, and goes on with new connections.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "tests/replication/transport_harness.h"

namespace mom::replication {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class Relay {
 public:
  explicit Relay(const std::string& target)
      : target_(Loopback(static_cast<uint16_t>(std::stoi(target.substr(target.rfind(':') + 1))))) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    MOM_CHECK(bind(listener_, any, size) == 0 && listen(listener_, 16) == 0);
    MOM_CHECK(getsockname(listener_, any, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Relay() {
    stop_ = true;
    thread_.join();
    for (const auto& [from, to] : lines_) close(from);
    for (int fd : frozen_) close(fd);
    close(listener_);
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // Of the connections there are now nothing is forwarded any more, nor are they closed.
  void Freeze() {
    freeze_ = true;
    while (freeze_) std::this_thread::yield();
  }

 private:
  void Run() {
    while (!stop_) {
      if (freeze_) {
        for (const auto& [from, to] : std::exchange(lines_, {})) frozen_.push_back(from);
        freeze_ = false;
      }
      std::vector<pollfd> polled{{listener_, POLLIN, 0}};
      for (const auto& [from, to] : lines_) polled.push_back({from, POLLIN, 0});
      if (poll(polled.data(), polled.size(), 5) <= 0) continue;
      for (size_t i = polled.size() - 1; i > 0; --i) {
        if (polled[i].revents != 0) Forward(i - 1);
      }
      if (polled[0].revents != 0) Accept();
    }
  }
  void Accept() {
    const int in = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MOM_CHECK(in >= 0 && connect(out, reinterpret_cast<const sockaddr*>(&target_), sizeof target_) == 0);
    lines_.emplace_back(in, out);
    lines_.emplace_back(out, in);
  }
  // The end of one direction is passed on; the descriptors are closed at the end of the test.
  void Forward(size_t line) {
    char bytes[16384];
    const auto [from, to] = lines_[line];
    const ssize_t count = read(from, bytes, sizeof bytes);
    if (count > 0 && send(to, bytes, static_cast<size_t>(count), MSG_NOSIGNAL) == count) return;
    shutdown(to, SHUT_WR);
    frozen_.push_back(from);
    lines_.erase(lines_.begin() + static_cast<ptrdiff_t>(line));
  }

  const sockaddr_in target_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::vector<std::pair<int, int>> lines_;  // From, to. Of the thread, like the next.
  std::vector<int> frozen_;
  std::atomic<bool> stop_{false}, freeze_{false};
  std::thread thread_;
};

// Nothing but silence tells these nodes that a connection is dead.
TransportOptions Deaf() {
  TransportOptions options;
  options.keepalive_ms = 600'000;
  options.notice_timeout_ms = 200;
  return options;
}

class SilenceTest : public testing::Test {
 protected:
  SilenceTest() { follower_.transport->SetAddresses({{NodeId{1}, relay_.address()}}); }

  size_t Arrived() {
    return leader_.recorder.Look([this] { return leader_.recorder.arrived.size(); });
  }

  TestNode leader_{1, Deaf()};
  Relay relay_{leader_.transport->listening()};
  TestNode follower_{2, Deaf()};
};

TEST_F(SilenceTest, AStreamIsOpenedOverAnotherConnection) {
  follower_.transport->OpenStream(Request(2, 1, 5, true));
  ASSERT_TRUE(leader_.recorder.Await([this] { return leader_.recorder.arrived.size() == 1; }));
  relay_.Freeze();
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  follower_.transport->Close(NodeId{1}, quorum::SessionId{5});
  follower_.transport->OpenStream(Request(2, 1, 6, true));
  EXPECT_TRUE(leader_.recorder.Await([this] { return leader_.recorder.arrived.size() == 2; }));
}

TEST_F(SilenceTest, NoticesTakeAnotherConnection) {
  const quorum::Message notice{IdentityOf(2), NodeId{1}, quorum::BeginEpoch{Epoch{3}}};
  follower_.transport->Send(notice);
  ASSERT_TRUE(leader_.recorder.Await([this] { return leader_.recorder.arrived.size() == 1; }));
  relay_.Freeze();
  for (int i = 0; i < 200 && Arrived() == 1; ++i) {
    follower_.transport->Send(notice);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_GT(Arrived(), 1u);
}

}  // namespace
}  // namespace mom::replication
