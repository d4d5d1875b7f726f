// Goal: a call with an answer is answered exactly once, with the answer or with why there is none, and
// kNotFound is said only of what certainly was not done.
// Method: two transports over loopback; handlers that answer at once, later, twice or never.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/replication/transport_harness.h"

namespace mom::replication {
namespace {

class CallsTest : public testing::Test {
 protected:
  CallsTest() { Connect({&server_, &client_}); }

  Outcome Forward(NodeId to, int64_t timeout_ms = 30'000) {
    Promised<Outcome> outcome;
    client_.transport->Forward(to, "command", timeout_ms, [&](Outcome one) { outcome.Set(std::move(one)); });
    return outcome.Await();
  }

  // Does not wait for the outcome.
  void Begin(NodeId to, Promised<Outcome>* outcome) {
    client_.transport->Forward(to, "command", 30'000,
                               [outcome](Outcome one) { outcome->Set(std::move(one)); });
  }
  // The node's next commands are answered when the test does.
  static void Keep(TestNode* node, Promised<std::function<void(Outcome)>>* kept) {
    node->recorder.on_forward = [kept](const quorum::Identity&, const std::string&, auto reply) {
      kept->Set(std::move(reply));
    };
  }

  TestNode server_{1};
  TestNode client_{2};
};

TEST_F(CallsTest, GreetingsAreExchangedWithoutACluster) {
  TransportOptions options;
  Recorder recorder;
  const auto stranger = MakeGrpcTransport(options);  // Knows no identity yet.
  ASSERT_TRUE(stranger->Start(&recorder).ok());
  stranger->SetAddresses({{NodeId{1}, server_.transport->listening()}});
  server_.recorder.Look([&] {
    server_.recorder.greeting =
        Greeting{NodeId{1}, Uuid{1, 2}, kCluster, {{NodeId{1}, Uuid{1, 2}}}, "1=a:1,2=b:2"};
  });
  Promised<Greeting> answer;
  stranger->Greet(NodeId{1}, Greeting{NodeId{7}, Uuid{7, 7}, {}, {}, "7=c:3"},
                  [&](Result<Greeting> one) { answer.Set(one.value()); });
  const Greeting got = answer.Await();
  EXPECT_EQ(got.node, NodeId{1});
  EXPECT_EQ(got.disk, (Uuid{1, 2}));
  EXPECT_EQ(got.cluster, kCluster);
  EXPECT_EQ(got.founders.size(), 1u);
  EXPECT_EQ(got.peers, "1=a:1,2=b:2");
  const Greeting heard = server_.recorder.Look([&] { return server_.recorder.greeted[0]; });
  EXPECT_EQ(heard.node, NodeId{7});
  EXPECT_TRUE(heard.cluster.empty());

  // Everything else waits for the identity, at both ends.
  client_.transport->SetAddresses({{NodeId{7}, stranger->listening()}});
  EXPECT_EQ(Forward(NodeId{7}).status.code(), Status::kNotFound);
  client_.transport->OpenStream(Request(2, 7, 5, true));
  ASSERT_TRUE(client_.recorder.Await([&] { return !client_.recorder.closed.empty(); }));
  Promised<Outcome> outcome;
  stranger->Forward(NodeId{1}, "x", 1000, [&](Outcome one) { outcome.Set(std::move(one)); });
  EXPECT_EQ(outcome.Await().status.code(), Status::kNotFound);
  EXPECT_TRUE(recorder.Look([&] { return recorder.arrived.empty(); }));
}

TEST_F(CallsTest, WhatIsAskedOfTheClusterIsAnswered) {
  server_.recorder.on_administer = [](const AdminRequest& request, auto reply) {
    EXPECT_EQ(request.node, NodeId{5});
    EXPECT_EQ(request.address, "host:1");
    reply(Status(Status::kNotFound, "no such node"));
  };
  const auto ask = [this](NodeId to) {
    Promised<Status> answer;
    client_.transport->Administer(to, {AdminRequest::Kind::kAddNode, NodeId{5}, "host:1"}, 30'000,
                                  [&](Status one) { answer.Set(std::move(one)); });
    return answer.Await();
  };
  EXPECT_EQ(ask(NodeId{1}).ToString(), Status(Status::kNotFound, "no such node").ToString());
  EXPECT_EQ(ask(NodeId{9}).code(), Status::kNotLeader);  // Nobody knows where that is.
}

TEST_F(CallsTest, ForwardBringsTheOutcomeBack) {
  server_.recorder.on_forward = [](const quorum::Identity& from, std::string command, auto reply) {
    EXPECT_EQ(from, IdentityOf(2));
    Outcome outcome;
    outcome.reply.set_detail(command + "!");
    outcome.reply.mutable_count()->set_count(3);
    outcome.offset = Offset{1u << 30};
    outcome.epoch = Epoch{6};
    std::thread([reply, outcome] { reply(outcome); }).join();
    reply(Refused(Status::kBusy, "again"));  // A mistake that does no harm.
  };
  const Outcome outcome = Forward(NodeId{1});
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.reply.detail(), "command!");
  EXPECT_EQ(outcome.reply.count().count(), 3u);
  EXPECT_EQ(outcome.offset, Offset{1u << 30});
  EXPECT_EQ(outcome.epoch, Epoch{6});
}

TEST_F(CallsTest, ForwardBringsARefusalBack) {
  server_.recorder.on_forward = [](const quorum::Identity&, const std::string&, auto reply) {
    reply(Refused(Status::kNotLeader, "node 3 leads"));
  };
  const Outcome outcome = Forward(NodeId{1});
  EXPECT_EQ(outcome.status.code(), Status::kNotLeader);
  EXPECT_EQ(outcome.status.message(), "node 3 leads");
}

TEST_F(CallsTest, ForwardWithoutAnAnswerIsUncertain) {
  Promised<std::function<void(Outcome)>> late;
  Keep(&server_, &late);
  EXPECT_EQ(Forward(NodeId{1}, 50).status.code(), Status::kUncertain);
  late.Await()(Outcome());  // Nobody waits any more.
}

TEST_F(CallsTest, ForwardToNobodyIsNotDone) {
  client_.transport->SetAddresses({{NodeId{1}, "127.0.0.1:1"}});
  EXPECT_EQ(Forward(NodeId{1}).status.code(), Status::kNotFound);
  EXPECT_EQ(Forward(NodeId{1}).status.code(), Status::kNotFound);
  EXPECT_EQ(Forward(NodeId{5}).status.code(), Status::kNotFound);
}

TEST_F(CallsTest, ForwardToAnotherClusterIsNotDone) {
  quorum::Identity other = IdentityOf(2);
  other.cluster = Uuid{9, 9};
  client_.transport->SetIdentity(other);
  server_.recorder.on_forward = [](const quorum::Identity&, const std::string&, auto) { FAIL(); };
  EXPECT_EQ(Forward(NodeId{1}).status.code(), Status::kNotFound);
  client_.transport->SetIdentity(IdentityOf(2));
  client_.transport->SetAddresses({{NodeId{3}, server_.transport->listening()}});  // Not node 3.
  EXPECT_EQ(Forward(NodeId{3}).status.code(), Status::kNotFound);
}

TEST_F(CallsTest, TooManyCallsAreRefused) {
  TransportOptions options;
  options.calls_max = 1;
  TestNode narrow(3, options);
  Connect({&narrow, &client_});
  Promised<std::function<void(Outcome)>> first;
  Keep(&narrow, &first);
  Promised<Outcome> waits;
  Begin(NodeId{3}, &waits);
  const auto reply = first.Await();
  EXPECT_EQ(Forward(NodeId{3}).status.code(), Status::kOverloaded);
  reply(Outcome());
  EXPECT_TRUE(waits.Await().status.ok());
}

TEST_F(CallsTest, ReadBarriersAreAnsweredOrRefused) {
  std::atomic<int> asked{0};
  server_.recorder.on_barrier = [&](const quorum::Identity& from, auto reply) {
    EXPECT_EQ(from, IdentityOf(2));
    if (++asked == 1) return reply(Offset{77});
    reply(Status(Status::kNotLeader, "no"));
  };
  for (const auto code : {Status::kOk, Status::kNotLeader}) {
    Promised<Status> status;
    client_.transport->ReadBarrier(NodeId{1}, 30'000, [&](Result<Offset> end) {
      EXPECT_TRUE(!end.ok() || end.value() == Offset{77});
      status.Set(end.status());
    });
    EXPECT_EQ(status.Await().code(), code);
  }
  EXPECT_EQ(asked.load(), 2);
}

TEST_F(CallsTest, SnapshotsArriveInPieces) {
  const std::string value(1u << 20, 'v');
  server_.recorder.on_snapshot = [value](const quorum::Identity&, const SnapshotChunkRequest& request,
                                         auto reply) {
    EXPECT_EQ(request.id, (quorum::SnapshotId{Offset{100}, Epoch{2}}));
    EXPECT_EQ(request.epoch, Epoch{3});
    SnapshotChunk chunk;
    chunk.epoch = Epoch{4};
    const int next = request.after.empty() ? 0 : std::stoi(request.after.substr(3)) + 1;
    chunk.pairs.emplace_back("key" + std::to_string(next), value);
    chunk.last = next == 4;
    if (chunk.last) {
      chunk.pairs_total = 5;
      chunk.checksum = 0xfeed;
      chunk.snapshot_checksum = 0xbeef;
      chunk.format = 4;
      chunk.timestamp = Timestamp{12};
      chunk.voters = {IdentityOf(1).key(), IdentityOf(2).key()};
    }
    reply(std::move(chunk));
  };
  std::string after;
  for (int i = 0; i < 5; ++i) {
    Promised<SnapshotChunk> promised;
    client_.transport->FetchSnapshot(NodeId{1}, {quorum::SnapshotId{Offset{100}, Epoch{2}}, Epoch{3}, after},
                                     [&](Result<SnapshotChunk> one) { promised.Set(*std::move(one)); });
    const SnapshotChunk chunk = promised.Await();
    ASSERT_EQ(chunk.pairs.size(), 1u);
    EXPECT_TRUE(chunk.pairs[0].second == value);
    EXPECT_EQ(chunk.last, i == 4);
    EXPECT_EQ(chunk.epoch, Epoch{4});
    EXPECT_EQ(chunk.voters.size(), i == 4 ? 2u : 0u);
    EXPECT_EQ(chunk.pairs_total, i == 4 ? 5u : 0u);
    EXPECT_EQ(chunk.checksum, i == 4 ? 0xfeedu : 0u);
    EXPECT_EQ(chunk.snapshot_checksum, i == 4 ? 0xbeefu : 0u);
    EXPECT_EQ(chunk.format, i == 4 ? 4u : 0u);
    after = chunk.pairs[0].first;
  }
}

// Every `done` is called, and what may have been done is not said to be certain.
TEST_F(CallsTest, StopAnswersWhatWaits) {
  Promised<std::function<void(Outcome)>> kept;
  Keep(&server_, &kept);
  Promised<Outcome> here;
  Begin(NodeId{1}, &here);
  kept.Await();
  client_.transport->Stop();
  EXPECT_EQ(here.count(), 1u);
  EXPECT_EQ(here.Await().status.code(), Status::kUncertain);
  EXPECT_EQ(Forward(NodeId{1}).status.code(), Status::kStopping);
  server_.transport->Stop();
  kept.Await()(Outcome());
}

TEST_F(CallsTest, AServerThatStopsAnswersWhatWaits) {
  Promised<std::function<void(Outcome)>> kept;
  Keep(&server_, &kept);
  Promised<Outcome> here;
  Begin(NodeId{1}, &here);
  kept.Await();
  server_.transport->Stop();
  EXPECT_EQ(here.Await().status.code(), Status::kUncertain);
  kept.Await()(Outcome());
}

}  // namespace
}  // namespace mom::replication
