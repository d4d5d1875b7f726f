// Goal: a node's status survives the way to another node, only nodes of the cluster learn it, and nothing
// that a peer could send and no correct node does is taken for one.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>

#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/wire.h"
#include "tests/replication/transport_harness.h"

namespace mom::replication {
namespace {

NodeStatus Full() {
  NodeStatus status;
  status.node = NodeId{1};
  status.role = "candidate";
  status.epoch = Epoch{7};
  status.leader = NodeId{3};
  status.log_start = Offset{1};
  status.log_end = quorum::kOffsetMax;
  status.durable_end = Offset{300};
  status.high_watermark = Offset{299};
  status.applied = {Offset{200}, UINT64_MAX};
  status.snapshot = SnapshotLoad{NodeId{3}, Offset{70}, 40, 100, 4000, "No space left on device"};
  status.damaged = status.loading_snapshot = status.caught_up = status.disk_nearly_full = true;
  status.version = "1.2.3-rc4";
  status.rest = "[::1]:8080";
  status.marks = {{Offset{64}, 1}, {Offset{128}, 2}, {Offset{200}, UINT64_MAX}};
  return status;
}

v1::StatusReply Encoded(const Result<NodeStatus>& status) {
  v1::StatusReply reply;
  wire::Encode(IdentityOf(1), NodeId{2}, reply.mutable_header());
  wire::Encode(status, &reply);
  return reply;
}

class StatusTest : public testing::Test {
 protected:
  StatusTest() {
    Connect({&server_, &client_});
    server_.recorder.on_status = [this](const quorum::Identity& from, auto reply) {
      EXPECT_EQ(from, IdentityOf(2));
      ++served_;
      reply(Full());
    };
  }

  Result<NodeStatus> Ask(NodeId to, int64_t timeout_ms = 30'000) {
    Promised<Result<NodeStatus>> answer;
    client_.transport->FetchStatus(to, timeout_ms,
                                   [&](Result<NodeStatus> one) { answer.Set(std::move(one)); });
    return answer.Await();
  }

  std::atomic<int> served_{0};
  TestNode server_{1};
  TestNode client_{2};
};

TEST_F(StatusTest, ArrivesWhole) {
  const Result<NodeStatus> got = Ask(NodeId{1});
  ASSERT_TRUE(got.ok()) << got.status();
  const NodeStatus want = Full();
  EXPECT_EQ(got->node, want.node);
  EXPECT_EQ(got->role, want.role);
  EXPECT_EQ(got->epoch, want.epoch);
  EXPECT_EQ(got->leader, want.leader);
  EXPECT_EQ(got->log_start, want.log_start);
  EXPECT_EQ(got->log_end, want.log_end);
  EXPECT_EQ(got->durable_end, want.durable_end);
  EXPECT_EQ(got->high_watermark, want.high_watermark);
  EXPECT_EQ(got->applied, want.applied);
  EXPECT_TRUE(got->damaged && got->loading_snapshot && got->caught_up && got->disk_nearly_full);
  EXPECT_EQ(got->version, want.version);
  EXPECT_EQ(got->rest, want.rest);
  EXPECT_EQ(got->snapshot, want.snapshot);
  EXPECT_EQ(got->marks, want.marks);
}

TEST_F(StatusTest, FlagsAreNotMixedUp) {
  for (bool NodeStatus::*flag : {&NodeStatus::damaged, &NodeStatus::loading_snapshot, &NodeStatus::caught_up,
                                 &NodeStatus::disk_nearly_full}) {
    NodeStatus one;
    one.role = "leader";
    one.*flag = true;
    const auto back = wire::Decode(Encoded(one));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->damaged, one.damaged);
    EXPECT_EQ(back->loading_snapshot, one.loading_snapshot);
    EXPECT_EQ(back->caught_up, one.caught_up);
    EXPECT_EQ(back->disk_nearly_full, one.disk_nearly_full);
  }
}

TEST_F(StatusTest, OfAnotherClusterOrToAnotherNodeIsRefused) {
  quorum::Identity other = IdentityOf(2);
  other.cluster = Uuid{9, 9};
  client_.transport->SetIdentity(other);
  EXPECT_EQ(Ask(NodeId{1}).status().code(), Status::kNotFound);
  client_.transport->SetIdentity(IdentityOf(2));
  client_.transport->SetAddresses({{NodeId{3}, server_.transport->listening()}});  // Not node 3.
  EXPECT_EQ(Ask(NodeId{3}).status().code(), Status::kNotFound);
  EXPECT_EQ(served_, 0);
  EXPECT_EQ(client_.transport->Addresses(), (PeerAddresses{{NodeId{3}, server_.transport->listening()}}));
}

TEST_F(StatusTest, AStrangerLearnsNothing) {
  const auto stub = v1::Peer::NewStub(
      grpc::CreateChannel(server_.transport->listening(), grpc::InsecureChannelCredentials()));
  for (const bool is_of_no_cluster : {true, false}) {
    v1::StatusRequest request;
    wire::Encode(IdentityOf(2), NodeId{1}, request.mutable_header());
    if (is_of_no_cluster) request.mutable_header()->clear_cluster();
    if (!is_of_no_cluster) request.mutable_header()->set_node(0);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::StatusReply reply;
    EXPECT_EQ(stub->Status(&context, request, &reply).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_FALSE(reply.has_report());
  }
  EXPECT_EQ(served_, 0);
}

TEST_F(StatusTest, ARefusalAndSilenceAreAnswersToo) {
  server_.recorder.on_status = [](const quorum::Identity&, auto reply) {
    reply(Status(Status::kNotFound, "the node is starting"));
  };
  EXPECT_EQ(Ask(NodeId{1}).status().message(), "the node is starting");
  Promised<std::function<void(Result<NodeStatus>)>> kept;
  server_.recorder.on_status = [&](const quorum::Identity&, auto reply) { kept.Set(std::move(reply)); };
  EXPECT_EQ(Ask(NodeId{1}, 50).status().code(), Status::kUncertain);
  kept.Await()(Full());  // Nobody waits any more.
  EXPECT_EQ(Ask(NodeId{5}).status().code(), Status::kNotFound);
}

TEST(WireStatus, BadOnesAreRefused) {
  const std::vector<std::pair<const char*, std::function<void(v1::StatusReply*)>>> cases = {
      {"no header", [](auto* r) { r->clear_header(); }},
      {"another protocol", [](auto* r) { r->mutable_header()->set_protocol(99); }},
      {"unknown role", [](auto* r) { r->mutable_report()->set_role(static_cast<v1::PeerRole>(4)); }},
      {"log end", [](auto* r) { r->mutable_report()->set_log_end(quorum::kOffsetMax.value + 1); }},
      {"log start", [](auto* r) { r->mutable_report()->set_log_start(UINT64_MAX); }},
      {"durable end", [](auto* r) { r->mutable_report()->set_durable_end(UINT64_MAX); }},
      {"high watermark", [](auto* r) { r->mutable_report()->set_high_watermark(UINT64_MAX); }},
      {"applied", [](auto* r) { r->mutable_report()->mutable_applied()->set_end(UINT64_MAX); }},
      {"long version", [](auto* r) { r->mutable_report()->set_version(std::string(65, '1')); }},
      {"version with a line", [](auto* r) { r->mutable_report()->set_version("1\n2"); }},
      {"long address", [](auto* r) { r->mutable_report()->set_rest(std::string(257, 'a')); }},
      {"address with a blank", [](auto* r) { r->mutable_report()->set_rest("a b:1"); }},
      {"address with a byte", [](auto* r) { r->mutable_report()->set_rest("\xff:1"); }},
      {"marks out of order", [](auto* r) { r->mutable_report()->mutable_marks()->SwapElements(0, 1); }},
      {"a mark twice", [](auto* r) { r->mutable_report()->mutable_marks(1)->set_end(64); }},
      {"a mark at 0", [](auto* r) { r->mutable_report()->mutable_marks(0)->set_end(0); }},
      {"a mark beyond", [](auto* r) { r->mutable_report()->mutable_marks(2)->set_end(UINT64_MAX); }},
      {"many marks",
       [](auto* r) {
         for (uint64_t end = 201; r->report().marks_size() <= 256; ++end)
           r->mutable_report()->add_marks()->set_end(end);
       }},
  };
  ASSERT_TRUE(wire::Decode(Encoded(Full())).ok());
  for (const auto& [name, spoil] : cases) {
    v1::StatusReply reply = Encoded(Full());
    spoil(&reply);
    EXPECT_FALSE(wire::Decode(reply).ok()) << name;
  }
}

// What a host is called must not stop a node.
TEST(WireStatus, TextsThatMayNotBeSentAreLeftOut) {
  NodeStatus status = Full();
  status.version = std::string(65, '1');
  status.rest = "a host:1";
  const auto back = wire::Decode(Encoded(status));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->version + back->rest, "");
}

}  // namespace
}  // namespace mom::replication
