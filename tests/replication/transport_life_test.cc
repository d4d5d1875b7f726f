// Goal: nodes that die, restart, stop in the middle or are no nodes at all.
// Method: child processes that are killed, raw sockets, transports that come and go.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/replication/transport_harness.h"

extern char** environ;

namespace mom::replication {
namespace {

using quorum::SessionId;
using Clock = std::chrono::steady_clock;

int64_t MillisecondsSince(Clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - then).count();
}

// A running transport_child, node 1; killed at the end, if not before.
class Child {
 public:
  explicit Child(const std::string& parent) {
    int out[2];
    MOM_CHECK(pipe(out) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    std::string program = MOM_TRANSPORT_CHILD, address = parent;
    char* arguments[] = {program.data(), address.data(), nullptr};
    MOM_CHECK(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    char byte = 0;
    while (read(out[0], &byte, 1) == 1 && byte != '\n') listening_ += byte;
    close(out[0]);
    MOM_CHECK(!listening_.empty());
  }
  ~Child() { Kill(); }
  void Kill() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  const std::string& listening() const { return listening_; }

 private:
  pid_t pid_ = 0;
  std::string listening_;
};

TEST(TransportLife, ThePeerIsKilled) {
  TestNode node(2);
  Child child(node.transport->listening());
  node.transport->SetAddresses({{NodeId{1}, child.listening()}});
  auto& recorder = node.recorder;
  node.transport->OpenStream(Request(2, 1, 5, true));
  ASSERT_TRUE(recorder.Await([&] { return recorder.arrived.size() >= 2; }));  // Its stream, our frame.
  Promised<Outcome> outcome;
  node.transport->Forward(NodeId{1}, "command", 30'000, [&](Outcome one) { outcome.Set(std::move(one)); });
  ASSERT_TRUE(recorder.Await([&] { return recorder.arrived.size() >= 3; }));  // It has the command.

  const auto killed = Clock::now();
  child.Kill();
  ASSERT_TRUE(recorder.Await([&] { return recorder.closed.size() >= 2; }));
  RecordProperty("ms_until_both_streams_were_closed", std::to_string(MillisecondsSince(killed)));
  EXPECT_EQ(outcome.Await().status.code(), Status::kUncertain);
  recorder.Look([&] {
    std::sort(recorder.closed.begin(), recorder.closed.end());
    EXPECT_EQ(recorder.closed, (std::vector<Closed>{{NodeId{1}, SessionId{5}}, {NodeId{1}, SessionId{9}}}));
  });
}

TEST(TransportLife, ARestartedPeerIsReachedSoon) {
  TestNode follower(2);
  TransportOptions options;
  {
    TestNode leader(1);
    Connect({&leader, &follower});
    options.listen = leader.transport->listening();
    follower.transport->OpenStream(Request(2, 1, 1, true));
    ASSERT_TRUE(leader.recorder.Await([&] { return leader.recorder.arrived.size() == 1; }));
  }
  auto& closed = follower.recorder.closed;
  uint64_t session = 1;
  ASSERT_TRUE(follower.recorder.Await([&] { return closed.size() == session; }));
  for (; session < 40;) {  // Long enough for gRPC's back-off to reach its end.
    follower.transport->OpenStream(Request(2, 1, ++session, true));
    ASSERT_TRUE(follower.recorder.Await([&] { return closed.size() == session; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  TestNode leader(1, options);
  const auto started = Clock::now();
  for (;; ++session) {
    ASSERT_LT(MillisecondsSince(started), std::chrono::milliseconds(kPatience).count());
    follower.transport->OpenStream(Request(2, 1, session + 1, true));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (leader.recorder.Look([&] { return !leader.recorder.arrived.empty(); })) break;
  }
  RecordProperty("ms_until_the_restarted_node_was_reached", std::to_string(MillisecondsSince(started)));
}

TEST(TransportLife, GarbageAtThePortDoesNothing) {
  TestNode node(1);
  TestNode follower(2);
  Connect({&node, &follower});
  const std::string listening = node.transport->listening();
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(70'000, '\xff'), std::string(1, '\0'),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string(100, '\x7f')}) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::stoi(listening.substr(listening.rfind(':') + 1))));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    (void)!send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    close(socket);
  }
  follower.transport->OpenStream(Request(2, 1, 5, true));
  ASSERT_TRUE(node.recorder.Await([&] { return !node.recorder.arrived.empty(); }));
  node.recorder.Look([&] {
    EXPECT_EQ(node.recorder.arrived.size(), 1u);
    EXPECT_TRUE(node.recorder.closed.empty());
  });
}

TEST(TransportLife, APortIsTakenOnce) {
  TestNode node(1);
  TransportOptions options;
  options.listen = node.transport->listening();
  Recorder recorder;
  const auto second = MakeGrpcTransport(options);
  EXPECT_EQ(second->Start(&recorder).code(), Status::kBusy);
}

TEST(TransportLife, PlaintextStaysOnThisMachine) {
  Recorder recorder;
  for (const char* listen : {"0.0.0.0:0", "[::]:0", "127.example.org:0", "192.0.2.1:0"}) {
    TransportOptions options;
    options.listen = listen;
    const Status status = MakeGrpcTransport(options)->Start(&recorder);
    EXPECT_EQ(status.code(), Status::kInvalidArgument) << listen;
    EXPECT_NE(status.message().find("plaintext"), std::string::npos) << status;
  }
  TransportOptions options;
  options.listen = "0.0.0.0:0";
  options.allow_plaintext = true;
  EXPECT_TRUE(MakeGrpcTransport(options)->Start(&recorder).ok());
}

// Three nodes that stream, acknowledge, vote, forward and fetch in all directions, each from several threads;
// they stop one after the other. Nothing hangs, every call is answered once, no handler runs afterwards.
TEST(TransportLife, StopInTheMiddleOfEverything) {
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<TestNode>> nodes;
    std::atomic<int> asked{0}, answered{0};
    std::atomic<bool> is_over{false};
    for (uint32_t id = 1; id <= 3; ++id) nodes.push_back(std::make_unique<TestNode>(id));
    Connect({nodes[0].get(), nodes[1].get(), nodes[2].get()});
    for (auto& node : nodes) {
      Transport* transport = node->transport.get();
      const uint32_t id = node->id.value;
      node->recorder.on_message = [transport, id](const Arrived& one) {
        const uint32_t from = one.message.from.node.value;
        if (const auto* request = std::get_if<quorum::FetchRequest>(&one.message.body)) {
          if (!request->open) return;
          transport->SendFrame(Reply(id, from, request->session.value, FrameAt(0)),
                               {EntryAt(0, std::string(100'000, 'x'))});
        } else if (const auto* reply = std::get_if<quorum::FetchReply>(&one.message.body)) {
          transport->Acknowledge(Request(id, from, reply->session.value, false, 1));
        }
      };
      node->recorder.on_sent = [transport, id](const Sent& one) {
        if (one.end >= Offset{20}) {
          return transport->SendLast(Reply(id, one.peer.value, one.session.value, quorum::EpochEnd{}));
        }
        transport->SendFrame(Reply(id, one.peer.value, one.session.value, FrameAt(one.end.value)),
                             {EntryAt(one.end.value, std::string(100'000, 'x'))});
      };
      node->recorder.on_forward = [](const quorum::Identity&, const std::string& command, auto reply) {
        if (command == "answer") reply(Outcome());
      };
      node->recorder.on_barrier = [](const quorum::Identity&, auto reply) { reply(Offset{1}); };
    }
    std::vector<std::thread> threads;
    for (auto& node : nodes) {
      threads.emplace_back([&, transport = node->transport.get(), id = node->id.value] {
        for (uint64_t i = 1; !is_over; ++i) {
          const uint32_t to = (id + static_cast<uint32_t>(i % 2)) % 3 + 1;
          transport->OpenStream(Request(id, to, i, true));
          transport->Send({IdentityOf(id), NodeId{to}, quorum::BeginEpoch{Epoch{3}}});
          if (i % 5 == 0) transport->Close(NodeId{to}, SessionId{i});
          if (asked - answered < 500) {
            asked += 2;
            transport->Forward(NodeId{to}, i % 3 == 0 ? "never" : "answer", 20'000,
                               [&](const Outcome&) { ++answered; });
            transport->ReadBarrier(NodeId{to}, 20'000, [&](const Result<Offset>&) { ++answered; });
          }
          std::this_thread::sleep_for(std::chrono::microseconds(300));
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    for (auto& node : nodes) {
      node->transport->Stop();
      const auto heard = [&] { return node->recorder.arrived.size() + node->recorder.closed.size(); };
      const size_t before = node->recorder.Look(heard);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      EXPECT_EQ(node->recorder.Look(heard), before);
    }
    is_over = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(asked.load(), answered.load());
  }
}

}  // namespace
}  // namespace mom::replication
