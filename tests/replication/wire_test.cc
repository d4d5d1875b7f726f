// Goal: every message survives the way through bytes, and nothing that a peer could send and no correct node
// does is taken for a message.
#include "replication/transport/wire.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "replication/replica/voters_codec.h"
#include "tests/replication/transport_harness.h"

namespace mom::replication::wire {
namespace {

using quorum::Refusal;

// Through bytes.
template <typename Proto>
Proto Sent(const Proto& message) {
  Proto received;
  EXPECT_TRUE(received.ParseFromString(message.SerializeAsString()));
  return received;
}

template <typename Proto>
quorum::Message RoundTrip(const quorum::Message& message) {
  Proto out;
  Encode(message, &out);
  const auto back = Decode(Sent(out));
  EXPECT_TRUE(back.ok()) << back.status();
  Proto again;
  Encode(back.value(), &again);
  EXPECT_EQ(out.SerializeAsString(), again.SerializeAsString());
  EXPECT_EQ(back.value().from, message.from);
  EXPECT_EQ(back.value().to, message.to);
  EXPECT_EQ(back.value().body.index(), message.body.index());
  return back.value();
}

quorum::Message FromOne(quorum::Body body) {
  return {IdentityOf(1), NodeId{2}, std::move(body)};
}

TEST(Wire, VotesSurvive) {
  const auto request = std::get<quorum::VoteRequest>(
      RoundTrip<v1::Notice>(
          FromOne(quorum::VoteRequest{Epoch{7}, true, UINT64_MAX, Epoch{6}, quorum::kOffsetMax}))
          .body);
  EXPECT_EQ(request.epoch, Epoch{7});
  EXPECT_TRUE(request.pre_vote);
  EXPECT_EQ(request.round, UINT64_MAX);
  EXPECT_EQ(request.last_epoch, Epoch{6});
  EXPECT_EQ(request.log_end, quorum::kOffsetMax);
  const auto reply = std::get<quorum::VoteReply>(
      RoundTrip<v1::Notice>(FromOne(quorum::VoteReply{Epoch{7}, NodeId{3}, true, 8, Refusal::kVoted})).body);
  EXPECT_EQ(reply.leader, NodeId{3});
  EXPECT_EQ(reply.round, 8u);
  EXPECT_EQ(reply.refusal, Refusal::kVoted);
  EXPECT_TRUE(reply.pre_vote);
}

TEST(Wire, NoticesSurvive) {
  RoundTrip<v1::Notice>(FromOne(quorum::BeginEpoch{Epoch{1}}));
  RoundTrip<v1::Notice>(FromOne(quorum::HandOver{Epoch{2}}));
  RoundTrip<v1::Notice>(FromOne(quorum::EpochReply{Epoch{3}, NodeId{4}, Refusal::kFencedEpoch}));
  const auto end = std::get<quorum::EndEpoch>(
      RoundTrip<v1::Notice>(FromOne(quorum::EndEpoch{Epoch{5}, {NodeId{3}, NodeId{1}}})).body);
  EXPECT_EQ(end.successors, (std::vector<NodeId>{NodeId{3}, NodeId{1}}));
  EXPECT_EQ(end.epoch, Epoch{5});
}

TEST(Wire, FetchRequestsSurvive) {
  const auto request =
      std::get<quorum::FetchRequest>(RoundTrip<v1::FetchUp>(Request(1, 2, 9, true, 55)).body);
  EXPECT_EQ(request.session, quorum::SessionId{9});
  EXPECT_EQ(request.durable_end, Offset{55});
  EXPECT_EQ(request.probe, 7u);
  EXPECT_TRUE(request.open);
}

Result<Received> RoundTripDown(const quorum::Message& message, const std::vector<Entry>& entries) {
  v1::FetchDown out;
  Encode(message, entries, &out);
  v1::FetchDown in = Sent(out);
  return Decode(&in);
}

TEST(Wire, FramesSurvive) {
  const std::vector<Entry> entries = {EntryAt(40, "1", EntryKind::kLeaderChange), EntryAt(41, "cmd"),
                                      EntryAt(42, "", EntryKind::kClock),
                                      EntryAt(43, "v", EntryKind::kVoters)};
  const auto back = RoundTripDown(Reply(1, 2, 9, FrameAt(40, 3)), entries);
  ASSERT_TRUE(back.ok()) << back.status();
  const auto& reply = std::get<quorum::FetchReply>(back.value().message.body);
  EXPECT_EQ(reply.epoch, Epoch{3});
  EXPECT_EQ(reply.leader, NodeId{1});
  EXPECT_EQ(reply.session, quorum::SessionId{9});
  EXPECT_EQ(reply.high_watermark, Offset{5});
  EXPECT_EQ(std::get<quorum::Frame>(reply.body).base, Offset{40});
  EXPECT_EQ(std::get<quorum::Frame>(reply.body).probe, 3u);
  ASSERT_EQ(back.value().entries.size(), entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = back.value().entries[i];
    EXPECT_EQ(entry.offset, entries[i].offset);
    EXPECT_EQ(entry.epoch, entries[i].epoch);
    EXPECT_EQ(entry.timestamp, entries[i].timestamp);
    EXPECT_EQ(entry.kind, entries[i].kind);
    ASSERT_NE(entry.payload, nullptr);
    EXPECT_EQ(entry.bytes(), entries[i].bytes());
  }
}

TEST(Wire, LastMessagesSurvive) {
  const auto body = [](auto sent) {
    const auto back = RoundTripDown(Reply(1, 2, 9, sent), {});
    EXPECT_TRUE(back.ok()) << back.status();
    return std::get<decltype(sent)>(std::get<quorum::FetchReply>(back.value().message.body).body);
  };
  EXPECT_EQ(body(quorum::EpochEnd{Epoch{2}, Offset{8}}), (quorum::EpochEnd{Epoch{2}, Offset{8}}));
  EXPECT_EQ(body(quorum::SnapshotId{Offset{8}, Epoch{2}}), (quorum::SnapshotId{Offset{8}, Epoch{2}}));
  const auto refused = body(quorum::FetchRefused{Refusal::kStaleSession, quorum::SessionId{77}});
  EXPECT_EQ(refused.refusal, Refusal::kStaleSession);
  EXPECT_EQ(refused.known_session, quorum::SessionId{77});
}

// The numbers on the wire are those of the core: compares the names.
TEST(Wire, RefusalsMeanTheSame) {
  for (int i = 0; i <= v1::PeerRefusal_MAX; ++i) {
    std::ostringstream name;
    name << static_cast<Refusal>(i);
    std::string expected = "PEER_REFUSAL_" + name.str();
    std::transform(expected.begin(), expected.end(), expected.begin(),
                   [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
    EXPECT_EQ(v1::PeerRefusal_Name(i), expected);
  }
}

TEST(Wire, StatusCodesSurvive) {
  for (int code = Status::kOk; code <= Status::kStopping; ++code) {
    const auto sent = EncodeCode(static_cast<Status::Code>(code));
    EXPECT_EQ(DecodeStatus(sent, "why").code(), code);
  }
  EXPECT_EQ(DecodeStatus(static_cast<v1::PeerStatus>(99), "").code(), Status::kUncertain);
}

void ExpectRefused(v1::FetchDown down) {
  const auto result = Decode(&down);
  ASSERT_FALSE(result.ok()) << down.ShortDebugString();
  EXPECT_EQ(result.status().code(), Status::kInvalidArgument);
}

v1::FetchDown GoodFrame() {
  v1::FetchDown down;
  Encode(Reply(1, 2, 9, FrameAt(40)), {EntryAt(40, "x")}, &down);
  return down;
}

TEST(Wire, BadFramesAreRefused) {
  v1::FetchDown down = GoodFrame();
  EXPECT_TRUE(Decode(&down).ok());
  for (const uint32_t kind : {0u, 5u, 257u, 0xffff'ff02u}) {
    down = GoodFrame();
    down.mutable_frame()->mutable_entries(0)->set_kind(kind);
    ExpectRefused(down);
  }
  down = GoodFrame();
  down.mutable_frame()->mutable_entries(0)->set_payload(std::string(kEntryPayloadBytesMax + 1, 'x'));
  ExpectRefused(down);
  for (const uint64_t base : {quorum::kOffsetMax.value, quorum::kOffsetMax.value + 1, UINT64_MAX}) {
    down = GoodFrame();
    down.mutable_frame()->set_base(base);
    ExpectRefused(down);
  }
  down = GoodFrame();
  for (uint32_t i = 0; i < quorum::kFrameEntriesMax; ++i) down.mutable_frame()->add_entries()->set_kind(3);
  ExpectRefused(down);
  for (const uint64_t session : {uint64_t{0}, quorum::kSessionMax.value + 1}) {
    down = GoodFrame();
    down.set_session(session);
    ExpectRefused(down);
  }
  down = GoodFrame();
  down.clear_body();
  ExpectRefused(down);
  down.mutable_refused()->set_refusal(static_cast<v1::PeerRefusal>(21));
  ExpectRefused(down);
  down = GoodFrame();
  down.mutable_header()->set_node(0);
  ExpectRefused(down);
}

TEST(Wire, AnotherVersionIsSaidToBeOne) {
  v1::FetchDown down = GoodFrame();
  down.mutable_header()->set_protocol(kProtocol + 1);
  EXPECT_EQ(Decode(&down).status().code(), Status::kWrongOwner);
  EXPECT_EQ(Decode(v1::Notice()).status().code(), Status::kWrongOwner);
  EXPECT_EQ(Decode(v1::FetchUp()).status().code(), Status::kWrongOwner);
  EXPECT_EQ(Decode(v1::Greeting()).status().code(), Status::kWrongOwner);
}

TEST(Wire, BadNoticesAreRefused) {
  v1::Notice notice;
  Encode(IdentityOf(1), NodeId{2}, notice.mutable_header());
  EXPECT_FALSE(Decode(notice).ok());  // No body.
  notice.mutable_vote_reply()->set_refusal(static_cast<v1::PeerRefusal>(-1));
  EXPECT_FALSE(Decode(notice).ok());
  notice.mutable_epoch_reply()->set_refusal(static_cast<v1::PeerRefusal>(21));
  EXPECT_FALSE(Decode(notice).ok());
  for (size_t i = 0; i <= quorum::kVotersMax; ++i) notice.mutable_end_epoch()->add_successors(1);
  EXPECT_FALSE(Decode(notice).ok());
}

TEST(Wire, BadGreetingsAreRefused) {
  const Greeting good{NodeId{1}, Uuid{1, 1}, kCluster, {{NodeId{1}, Uuid{1, 1}}}, "p"};
  v1::Greeting greeting;
  Encode(good, &greeting);
  EXPECT_TRUE(Decode(greeting).ok());
  v1::Greeting bad = greeting;
  bad.set_peers(std::string(kPeersBytesMax + 1, 'x'));
  EXPECT_FALSE(Decode(bad).ok());
  bad = greeting;
  *bad.add_founders() = greeting.founders(0);  // Twice.
  EXPECT_FALSE(Decode(bad).ok());
  bad = greeting;
  bad.mutable_header()->clear_cluster();
  EXPECT_FALSE(Decode(bad).ok());
  bad = greeting;
  bad.mutable_header()->clear_disk();
  EXPECT_FALSE(Decode(bad).ok());
  bad = greeting;
  bad.set_voters("nonsense");
  EXPECT_FALSE(Decode(bad).ok());
}

TEST(Wire, WhatIsAskedOfTheClusterSurvives) {
  using Kind = AdminRequest::Kind;
  for (const Kind kind : {Kind::kAddNode, Kind::kRemoveNode, Kind::kTransfer}) {
    v1::AdministerRequest message;
    Encode(IdentityOf(1), NodeId{2}, message.mutable_header());
    Encode(AdminRequest{kind, NodeId{4}, "host:1"}, &message);
    const Result<AdminRequest> got = Decode(message);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->kind, kind);
    EXPECT_EQ(got->node, NodeId{4});
    EXPECT_EQ(got->address, "host:1");
    v1::AdministerRequest bad = message;
    bad.set_kind(v1::ADMINISTER_NONE);
    EXPECT_FALSE(Decode(bad).ok());
    bad = message;
    bad.set_kind(static_cast<v1::AdministerKind>(4));
    EXPECT_FALSE(Decode(bad).ok());
    bad = message;
    bad.set_address("two words");
    EXPECT_FALSE(Decode(bad).ok());
  }
  v1::AdministerReply reply;
  Encode(IdentityOf(1), NodeId{2}, reply.mutable_header());
  Encode(Status(Status::kNotFound, "nobody"), &reply);
  EXPECT_EQ(Decode(reply).code(), Status::kNotFound);
  EXPECT_EQ(Decode(reply).message(), "nobody");
  EXPECT_EQ(Decode(v1::AdministerReply()).code(), Status::kUncertain);  // It answered, but what?
}

TEST(Wire, AddressesTravelWithTheVoters) {
  const quorum::VoterSet voters({{NodeId{1}, Uuid{1, 1}}, {NodeId{2}, Uuid{2, 2}}});
  const std::string bytes = EncodeVoters(voters, {{NodeId{2}, "b:2"}, {NodeId{9}, "gone:9"}});
  const auto members = DecodeMembers(bytes);
  ASSERT_TRUE(members);
  EXPECT_EQ(members->voters, voters);
  EXPECT_EQ(members->addresses, (PeerAddresses{{NodeId{2}, "b:2"}}));
  EXPECT_EQ(EncodeVoters(voters).find("b:2"), std::string::npos);
  EXPECT_FALSE(DecodeMembers(EncodeVoters(voters, {{NodeId{1}, "a line\nbreak"}})));
  EXPECT_FALSE(DecodeMembers(EncodeVoters(voters, {{NodeId{1}, std::string(kAddressBytesMax + 1, 'x')}})));
}

TEST(Wire, BadSnapshotsAreRefused) {
  SnapshotChunk chunk;
  chunk.pairs = {{"a", "1"}, {"b", "2"}};
  v1::SnapshotChunkReply good;
  Encode(IdentityOf(1), NodeId{2}, good.mutable_header());
  Encode(Result<SnapshotChunk>(chunk), &good);
  const auto decode = [](v1::SnapshotChunkReply reply) { return Decode(&reply).status().code(); };
  EXPECT_EQ(decode(good), Status::kOk);
  auto bad = good;
  bad.mutable_chunk()->mutable_pairs()->SwapElements(0, 1);
  EXPECT_EQ(decode(bad), Status::kInvalidArgument);
  bad = good;
  bad.mutable_chunk()->clear_pairs();
  EXPECT_EQ(decode(bad), Status::kInvalidArgument);
  bad.mutable_chunk()->set_last(true);
  EXPECT_EQ(decode(bad), Status::kOk);
  bad.mutable_chunk()->add_voters()->set_node(1);  // Without a disk.
  EXPECT_EQ(decode(bad), Status::kInvalidArgument);
  bad = good;
  bad.set_status(v1::PEER_STATUS_NOT_FOUND);
  EXPECT_EQ(decode(bad), Status::kNotFound);
}

TEST(Wire, ForwardedCommandsSurvive) {
  v1::ForwardUp up;
  Encode(IdentityOf(1), NodeId{2}, up.mutable_header());
  Encode(ForwardedCommand{7, "seven", true}, up.add_commands());
  up.set_applied_end(12);
  Encode(ForwardedCommand{9, std::string(1, '\0')}, up.add_commands());
  v1::ForwardUp sent = Sent(up);
  const auto back = Decode(&sent);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back.value().header.from, IdentityOf(1));
  EXPECT_EQ(back.value().header.to, NodeId{2});
  ASSERT_EQ(back.value().commands.size(), 2u);
  EXPECT_EQ(back.value().commands[0].id, 7u);
  EXPECT_EQ(back.value().commands[0].command, "seven");
  EXPECT_TRUE(back.value().commands[0].is_watched);
  EXPECT_FALSE(back.value().commands[1].is_watched);
  EXPECT_EQ(back.value().applied_end, Offset{12});
  EXPECT_EQ(back.value().commands[1].id, 9u);
  EXPECT_EQ(back.value().commands[1].command, std::string(1, '\0'));
}

TEST(Wire, ForwardedOutcomesSurvive) {
  Outcome outcome;
  outcome.reply.mutable_count()->set_count(3);
  outcome.offset = quorum::kOffsetMax;
  outcome.epoch = Epoch{6};
  v1::ForwardDown down;
  Encode(IdentityOf(1), NodeId{2}, down.mutable_header());
  Encode(ForwardedOutcome{9, outcome}, down.add_outcomes());
  Encode(ForwardedOutcome{2, Refused(Status::kNoSpace, "full")}, down.add_outcomes());
  v1::ForwardDown sent = Sent(down);
  const auto back = Decode(&sent);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back.value().header.from, IdentityOf(1));
  ASSERT_EQ(back.value().outcomes.size(), 2u);
  const auto& [id, first] = back.value().outcomes[0];
  EXPECT_EQ(id, 9u);
  EXPECT_TRUE(first.status.ok());
  EXPECT_EQ(first.reply.count().count(), 3u);
  EXPECT_EQ(first.offset, quorum::kOffsetMax);
  EXPECT_EQ(first.epoch, Epoch{6});
  EXPECT_EQ(back.value().outcomes[1].id, 2u);
  EXPECT_EQ(back.value().outcomes[1].outcome.status.code(), Status::kNoSpace);
  EXPECT_EQ(back.value().outcomes[1].outcome.status.message(), "full");
}

}  // namespace
}  // namespace mom::replication::wire
