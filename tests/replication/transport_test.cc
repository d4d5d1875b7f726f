// Goal: what one node's transport is given arrives at another's handler, in order and once, and the end of a
// stream is told exactly when nobody asked for it.
// Method: two or three transports in one process, connected over loopback.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/replication/transport_harness.h"

namespace mom::replication {
namespace {

using quorum::SessionId;

class TransportTest : public testing::Test {
 protected:
  TransportTest() { Connect({&leader_, &follower_}); }

  // The follower's stream, seen by the leader.
  void Open(uint64_t session) {
    const size_t before = leader_.recorder.Look([&] { return leader_.recorder.arrived.size(); });
    follower_.transport->OpenStream(Request(2, 1, session, true));
    ASSERT_TRUE(leader_.recorder.Await([&] { return leader_.recorder.arrived.size() > before; }));
  }
  void AwaitArrived(TestNode* node, size_t count) {
    ASSERT_TRUE(node->recorder.Await([&] { return node->recorder.arrived.size() >= count; }));
  }
  void AwaitSent(size_t count) {
    ASSERT_TRUE(leader_.recorder.Await([&] { return leader_.recorder.sent.size() >= count; }));
  }
  void AwaitClosed(TestNode* node, size_t count) {
    ASSERT_TRUE(node->recorder.Await([&] { return node->recorder.closed.size() >= count; }));
  }
  // A way to know that nothing else is on its way: a stream and a notice of each direction.
  void ExpectNoneClosed(TestNode* node) {
    EXPECT_EQ(node->recorder.Look([&] { return node->recorder.closed.size(); }), 0u);
  }

  TestNode leader_{1};
  TestNode follower_{2};
};

const quorum::FetchReply& FetchReplyOf(const Arrived& arrived) {
  return std::get<quorum::FetchReply>(arrived.message.body);
}

TEST_F(TransportTest, NoticesArrive) {
  leader_.transport->Send(
      {IdentityOf(1), NodeId{2}, quorum::VoteRequest{Epoch{4}, true, 99, Epoch{3}, Offset{17}}});
  AwaitArrived(&follower_, 1);
  const quorum::Message message =
      follower_.recorder.Look([&] { return follower_.recorder.arrived[0].message; });
  EXPECT_EQ(message.from, IdentityOf(1));
  EXPECT_EQ(message.to, NodeId{2});
  const auto& vote = std::get<quorum::VoteRequest>(message.body);
  EXPECT_EQ(vote.epoch, Epoch{4});
  EXPECT_TRUE(vote.pre_vote);
  EXPECT_EQ(vote.round, 99u);
  EXPECT_EQ(vote.last_epoch, Epoch{3});
  EXPECT_EQ(vote.log_end, Offset{17});

  follower_.transport->Send({IdentityOf(2), NodeId{1},
                             quorum::VoteReply{Epoch{4}, NodeId{3}, true, 99, quorum::Refusal::kLogBehind}});
  AwaitArrived(&leader_, 1);
}

TEST_F(TransportTest, FramesArriveInOrderAndAreSaidToBeSent) {
  Open(5);
  const std::vector<std::string> payloads = {"x", std::string(1u << 20, 'm'),
                                             std::string(kEntryPayloadBytesMax, 'l')};
  Offset next{10};
  for (size_t i = 0; i < payloads.size(); ++i) {
    leader_.transport->SendFrame(Reply(1, 2, 5, FrameAt(next.value, i)), {EntryAt(next.value, payloads[i])});
    AwaitSent(i + 1);
    next = Next(next);
  }
  std::vector<Entry> many;
  for (uint64_t i = 0; i < 1000; ++i) many.push_back(EntryAt(next.value + i, "entry" + std::to_string(i)));
  leader_.transport->SendFrame(Reply(1, 2, 5, FrameAt(next.value)), many);
  AwaitArrived(&follower_, 4);
  AwaitSent(4);
  follower_.recorder.Look([&] {
    const auto& arrived = follower_.recorder.arrived;
    for (size_t i = 0; i < payloads.size(); ++i) {
      const auto& frame = std::get<quorum::Frame>(FetchReplyOf(arrived[i]).body);
      EXPECT_EQ(frame.base, Offset{10 + i});
      EXPECT_EQ(frame.probe, i);
      ASSERT_EQ(arrived[i].entries.size(), 1u);
      EXPECT_EQ(arrived[i].entries[0].offset, Offset{10 + i});
      EXPECT_TRUE(arrived[i].entries[0].bytes() == payloads[i]);
      EXPECT_EQ(arrived[i].entries[0].timestamp, Timestamp{1'700'000'000'000});
    }
    EXPECT_EQ(arrived[3].entries.size(), 1000u);
    EXPECT_EQ(arrived[3].entries[999].bytes(), "entry999");
  });
  leader_.recorder.Look([&] {
    EXPECT_EQ(leader_.recorder.sent[1].bytes, 1u << 20);
    EXPECT_EQ(leader_.recorder.sent[3].end, Offset{1013});
    EXPECT_EQ(leader_.recorder.sent[3].session, SessionId{5});
    EXPECT_EQ(leader_.recorder.sent[3].peer, NodeId{2});
  });
}

// Each acknowledgement stands for all before it.
TEST_F(TransportTest, AcknowledgementsKeepTheirOrderAndTheLastArrives) {
  Open(5);
  constexpr uint64_t kLast = 2000;
  for (uint64_t end = 1; end <= kLast; ++end) follower_.transport->Acknowledge(Request(2, 1, 5, false, end));
  auto last_end = [&] {
    return std::get<quorum::FetchRequest>(leader_.recorder.arrived.back().message.body).durable_end;
  };
  ASSERT_TRUE(leader_.recorder.Await([&] { return last_end() == Offset{kLast}; }));
  leader_.recorder.Look([&] {
    Offset before;
    for (const Arrived& one : leader_.recorder.arrived) {
      const auto& request = std::get<quorum::FetchRequest>(one.message.body);
      EXPECT_GE(request.durable_end, before);
      before = request.durable_end;
    }
    EXPECT_LE(leader_.recorder.arrived.size(), kLast + 1);
  });
}

TEST_F(TransportTest, TheLastMessageArrivesBehindTheFrame) {
  Open(5);
  leader_.transport->SendFrame(Reply(1, 2, 5, FrameAt(0)), {EntryAt(0, std::string(4u << 20, 'x'))});
  leader_.transport->SendLast(Reply(1, 2, 5, quorum::EpochEnd{Epoch{2}, Offset{9}}));
  leader_.transport->Close(NodeId{2}, SessionId{5});
  AwaitArrived(&follower_, 2);
  follower_.recorder.Look([&] {
    EXPECT_EQ(follower_.recorder.arrived[0].entries.size(), 1u);
    EXPECT_EQ(std::get<quorum::EpochEnd>(FetchReplyOf(follower_.recorder.arrived[1]).body).end, Offset{9});
  });
  // Neither end is told of an end that was asked for; the next stream's messages come behind.
  Open(6);
  leader_.transport->SendLast(
      Reply(1, 2, 6, quorum::FetchRefused{quorum::Refusal::kStaleSession, SessionId{8}}));
  AwaitArrived(&follower_, 3);
  Open(7);
  leader_.transport->SendLast(Reply(1, 2, 7, quorum::SnapshotId{Offset{4}, Epoch{1}}));
  AwaitArrived(&follower_, 4);
  ExpectNoneClosed(&leader_);
  ExpectNoneClosed(&follower_);
}

TEST_F(TransportTest, TheFollowerClosesQuietly) {
  Open(5);
  follower_.transport->Close(NodeId{1}, SessionId{5});
  AwaitClosed(&leader_, 1);
  EXPECT_EQ(leader_.recorder.Look([&] { return leader_.recorder.closed[0]; }),
            (Closed{NodeId{2}, SessionId{5}}));
  Open(6);
  ExpectNoneClosed(&follower_);
  leader_.transport->SendFrame(Reply(1, 2, 5, FrameAt(0)), {});  // Nobody is there any more: dropped.
  leader_.transport->SendLast(Reply(1, 2, 5, quorum::EpochEnd{}));
  leader_.transport->Close(NodeId{2}, SessionId{5});
  leader_.transport->SendFrame(Reply(1, 2, 6, FrameAt(0)), {});
  AwaitArrived(&follower_, 1);
  EXPECT_EQ(leader_.recorder.Look([&] { return leader_.recorder.closed.size(); }), 1u);
}

TEST_F(TransportTest, TheLeaderClosesQuietly) {
  Open(5);
  leader_.transport->Close(NodeId{2}, SessionId{5});
  AwaitClosed(&follower_, 1);
  EXPECT_EQ(follower_.recorder.Look([&] { return follower_.recorder.closed[0]; }),
            (Closed{NodeId{1}, SessionId{5}}));
  ExpectNoneClosed(&leader_);
}

TEST_F(TransportTest, ANewerStreamEndsTheOlder) {
  Open(5);
  Open(6);
  AwaitClosed(&leader_, 1);
  EXPECT_EQ(leader_.recorder.Look([&] { return leader_.recorder.closed[0].second; }), SessionId{5});
  leader_.transport->SendFrame(Reply(1, 2, 6, FrameAt(0)), {});
  AwaitArrived(&follower_, 1);
  ExpectNoneClosed(&follower_);
}

// A node that restarted, or another with the same number: the core decides which stream is the right one.
TEST_F(TransportTest, StreamsOfOneNodeLiveSideBySide) {
  Open(5);
  TestNode twin{2};
  Connect({&leader_, &twin});
  twin.transport->OpenStream(Request(2, 1, 6, true));
  AwaitArrived(&leader_, 2);
  leader_.transport->SendFrame(Reply(1, 2, 6, FrameAt(0)), {});
  leader_.transport->SendFrame(Reply(1, 2, 5, FrameAt(0)), {});
  AwaitArrived(&follower_, 1);
  AwaitArrived(&twin, 1);
  AwaitSent(2);
  leader_.transport->Close(NodeId{2}, SessionId{5});
  AwaitClosed(&follower_, 1);
  leader_.transport->SendFrame(Reply(1, 2, 6, FrameAt(0)), {});
  AwaitArrived(&twin, 2);
  ExpectNoneClosed(&leader_);
}

TEST_F(TransportTest, ASessionThatIsOpenIsNotOpenedTwice) {
  Open(5);
  TestNode twin{2};
  Connect({&leader_, &twin});
  twin.transport->OpenStream(Request(2, 1, 5, true));
  AwaitClosed(&twin, 1);
  leader_.transport->SendFrame(Reply(1, 2, 5, FrameAt(0)), {});
  AwaitArrived(&follower_, 1);
  ExpectNoneClosed(&leader_);
}

TEST_F(TransportTest, AStreamToNobodyClosesAtOnce) {
  follower_.transport->SetAddresses({{NodeId{1}, "127.0.0.1:1"}});
  follower_.transport->OpenStream(Request(2, 1, 5, true));
  AwaitClosed(&follower_, 1);
  follower_.transport->OpenStream(Request(2, 9, 6, true));  // No address.
  AwaitClosed(&follower_, 2);
  follower_.recorder.Look([&] {
    EXPECT_EQ(follower_.recorder.closed[0], (Closed{NodeId{1}, SessionId{5}}));
    EXPECT_EQ(follower_.recorder.closed[1], (Closed{NodeId{9}, SessionId{6}}));
  });
}

// A node that has no descriptors to spare keeps what it has and takes nothing new.
TEST_F(TransportTest, NothingNewWhileNothingIsAdmitted) {
  std::atomic<bool> admits{true};
  TransportOptions options;
  options.admits = [&] { return admits.load(); };
  TestNode scarce(3, options);
  Connect({&leader_, &follower_, &scarce});
  follower_.transport->OpenStream(Request(2, 3, 5, true));
  AwaitArrived(&scarce, 1);
  admits = false;
  leader_.transport->OpenStream(Request(1, 3, 6, true));  // To it.
  AwaitClosed(&leader_, 1);
  scarce.transport->OpenStream(Request(3, 1, 7, true));  // From it.
  AwaitClosed(&scarce, 1);
  EXPECT_EQ(scarce.recorder.Look([&] { return scarce.recorder.arrived.size(); }), 1u);
  EXPECT_EQ(leader_.recorder.Look([&] { return leader_.recorder.arrived.size(); }), 0u);
  scarce.transport->SendFrame(Reply(3, 2, 5, FrameAt(0)), {});
  AwaitArrived(&follower_, 1);
  admits = true;
  leader_.transport->OpenStream(Request(1, 3, 8, true));
  AwaitArrived(&scarce, 2);
  scarce.transport->OpenStream(Request(3, 1, 9, true));
  AwaitArrived(&leader_, 1);
}

TEST_F(TransportTest, AWrongNodeAtAnAddressIsNotBelieved) {
  follower_.transport->SetAddresses({{NodeId{3}, leader_.transport->listening()}});
  follower_.transport->OpenStream(Request(2, 3, 5, true));
  AwaitArrived(&leader_, 1);
  leader_.transport->SendFrame(Reply(1, 2, 5, FrameAt(0)), {});
  AwaitClosed(&follower_, 1);
  EXPECT_TRUE(follower_.recorder.Look([&] { return follower_.recorder.arrived.empty(); }));
}

}  // namespace
}  // namespace mom::replication
