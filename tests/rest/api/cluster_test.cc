// Changes of the cluster, as administrators ask for them.
#include "rest/start_gate.h"
#include "tests/rest/api/fixture.h"

namespace mom::rest {
namespace {

using replication::AdminRequest;

class ClusterTest : public ApiTest {
 protected:
  const std::string admin_ = MakeAdmin();
};

TEST_F(ClusterTest, RequestsReachTheReplica) {
  const Answer added =
      Ask(admin_, "POST", "/v1/cluster/nodes", R"({"id":4,"address":"host-4.example:9081"})");
  EXPECT_EQ(added.status, 200) << added.body;
  EXPECT_EQ(added.Field("id"), "4");
  EXPECT_EQ(added.Field("address"), "host-4.example:9081");
  EXPECT_EQ(Ask(admin_, "DELETE", "/v1/cluster/nodes/4294967295").status, 204);
  EXPECT_EQ(Ask(admin_, "POST", "/v1/cluster/transfer", R"({"to":2})").status, 204);
  EXPECT_EQ(Ask(admin_, "POST", "/v1/cluster/transfer").status, 204);
  ASSERT_EQ(replica_.administered.size(), 4u);
  EXPECT_EQ(replica_.administered[0].kind, AdminRequest::Kind::kAddNode);
  EXPECT_EQ(replica_.administered[0].node, NodeId{4});
  EXPECT_EQ(replica_.administered[0].address, "host-4.example:9081");
  EXPECT_EQ(replica_.administered[1].kind, AdminRequest::Kind::kRemoveNode);
  EXPECT_EQ(replica_.administered[1].node, NodeId{UINT32_MAX});
  EXPECT_EQ(replica_.administered[2].kind, AdminRequest::Kind::kTransfer);
  EXPECT_EQ(replica_.administered[2].node, NodeId{2});
  EXPECT_EQ(replica_.administered[3].node, NodeId{});
}

TEST_F(ClusterTest, WhatMakesNoSenseDoesNotGetThere) {
  for (const char* body :
       {"{}", R"({"id":4})", R"({"address":"a:1"})", R"({"id":0,"address":"a:1"})",
        R"({"id":4294967296,"address":"a:1"})", R"({"id":4,"address":"a"})", R"({"id":4,"address":":1"})",
        R"({"id":4,"address":"a:0"})", R"({"id":4,"address":"a:65536"})", R"({"id":4,"address":"a b:1"})",
        R"({"id":4,"address":"a=b:1"})", R"({"id":4,"address":"a:1","role":"voter"})"}) {
    EXPECT_EQ(Ask(admin_, "POST", "/v1/cluster/nodes", body).status, 400) << body;
  }
  EXPECT_EQ(Ask(admin_, "POST", "/v1/cluster/transfer", R"({"to":0})").status, 400);
  for (const char* id : {"0", "x", "1x", "4294967296", "-1"})
    EXPECT_EQ(Ask(admin_, "DELETE", std::string("/v1/cluster/nodes/") + id).status, 404) << id;
  EXPECT_TRUE(replica_.administered.empty());
}

TEST_F(ClusterTest, EveryRefusalHasItsCode) {
  const struct {
    Status::Code code;
    int status;
    const char* word;
  } kLines[] = {{Status::kNotFound, 404, "node-not-found"},  {Status::kInvalidArgument, 409, "node-refused"},
                {Status::kWrongOwner, 409, "node-refused"},  {Status::kBusy, 409, "change-in-progress"},
                {Status::kOverloaded, 503, "not-caught-up"}, {Status::kNotLeader, 503, "no-leader"},
                {Status::kStopping, 503, "stopping"},        {Status::kUncertain, 503, "outcome-unknown"}};
  for (const auto& line : kLines) {
    replica_.admin_answer = Status(line.code, "because");
    const Answer answer = Ask(admin_, "DELETE", "/v1/cluster/nodes/4");
    EXPECT_EQ(answer.status, line.status) << line.word;
    EXPECT_EQ(answer.Code(), line.word);
    EXPECT_EQ(answer.headers.contains("Retry-After"), line.status == 503) << line.word;
  }
}

TEST_F(ClusterTest, WhoAskedForWhatIsTold) {
  std::vector<std::string> lines;
  ApiOptions options = CheapOptions();
  options.on_cluster_change = [&](const std::string& line) { lines.push_back(line); };
  Restart(options);
  Ask(admin_, "POST", "/v1/cluster/nodes", R"({"id":4,"address":"host-4.example:9081"})");
  Ask(admin_, "POST", "/v1/cluster/transfer", R"({"to":2})");
  Ask(admin_, "POST", "/v1/cluster/transfer");
  replica_.admin_answer = Status(Status::kBusy, "another change is under way");
  Ask(admin_, "DELETE", "/v1/cluster/nodes/4");
  Ask(MakeUser("eve"), "DELETE", "/v1/cluster/nodes/4");  // Is none of hers, and never gets there.
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "user admin asked to make node 4 at host-4.example:9081 a voter: done",
                       "user admin asked to let node 2 lead: done",
                       "user admin asked to let another node lead: done",
                       "user admin asked to remove node 4: not done, another change is under way"}));
}

TEST_F(ClusterTest, ANodeThatLoadsASnapshotSaysHowFarItIsAndWhatWentWrong) {
  replication::ReplicaInfo& shape = replica_.shape;
  shape.role = "follower";
  shape.leader_id = 2;
  shape.loading_snapshot = true;
  shape.snapshot = replication::SnapshotLoad{NodeId{2}, Offset{70}, 40, 100, 4000, ""};
  Answer ready = Ask("", "GET", "/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("the node is loading a snapshot from node 2: 40 % (40 of 100 pairs)"),
            std::string::npos)
      << ready.body;
  shape.snapshot->error = "No space left on device";
  ready = Ask("", "GET", "/readyz");
  EXPECT_NE(ready.body.find("what went wrong last: No space left on device"), std::string::npos)
      << ready.body;
  const std::string wanted =
      R"("snapshot":{"from":2,"end":70,"pairs":40,"bytes":4000,"pairs_total":100,"error":"No space left on device"})";
  EXPECT_NE(Ask(admin_, "GET", "/v1/cluster").body.find(wanted), std::string::npos);

  // Of another node any node tells.
  replication::WatchedNode other;
  other.node = NodeId{3};
  other.status.emplace();
  other.status->role = "follower";
  other.status->snapshot = std::exchange(shape.snapshot, std::nullopt);
  shape.loading_snapshot = false;
  shape.nodes = {other};
  shape.snapshots_loaded = 3;
  EXPECT_NE(Ask(admin_, "GET", "/v1/cluster").body.find(wanted), std::string::npos);
  EXPECT_NE(Ask("", "GET", "/metrics").body.find("\nmom_snapshots_loaded_total 3\n"), std::string::npos);
}

// Goal: a client that compares what nodes say of their state sees none go back when it starts: a view that is
// only just applying the log again stands before what was answered from it.
TEST_F(ClusterTest, ANodeThatStartsDoesNotSayThatItWentBack) {
  StartGate gate(3);
  const auto ask = [&] {
    HttpRequest request;
    request.method = "GET";
    request.path = "/v1/cluster";
    auto pending = std::make_shared<PendingAnswer>();
    gate.handler()(std::move(request), Responder(pending, 1));
    return pending->Wait();
  };
  EXPECT_EQ(ask().status, 503);
  EXPECT_FALSE(ask().headers.contains("Mom-Applied"));
  replication::ReplicaInfo info;
  info.applied_end = Offset{70};
  gate.Tell("loading", info);
  EXPECT_FALSE(ask().headers.contains("Mom-Applied"));
}

}  // namespace
}  // namespace mom::rest
