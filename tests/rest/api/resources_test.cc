// Users, sessions, queues, topics, transactions, operation: what every route answers.
#include "tests/rest/api/fixture.h"

#include <algorithm>

#include "rest/openapi.h"

namespace mom::rest {
namespace {

class ResourcesTest : public ApiTest {};

TEST_F(ResourcesTest, RegistersConnectsAndDisconnects) {
  const std::string token = MakeUser("alice");
  EXPECT_TRUE(token.starts_with("mom_"));
  EXPECT_EQ(token.size(), 47u);
  const Answer me = Ask(token, "GET", "/v1/sessions/current");
  EXPECT_EQ(me.status, 200);
  EXPECT_EQ(me.Field("user"), "alice");
  EXPECT_EQ(me.Field("admin"), "false");
  EXPECT_EQ(Ask(token, "DELETE", "/v1/sessions/current").status, 204);
  const Answer after = Ask(token, "GET", "/v1/sessions/current");
  EXPECT_EQ(after.status, 401);
  EXPECT_EQ(after.Code(), "session-invalid");
  EXPECT_EQ(after.headers.at("WWW-Authenticate"), "Bearer");
}

TEST_F(ResourcesTest, SessionsExpire) {
  MakeUser("alice");
  const std::string token =
      Ask("", "POST", "/v1/sessions", R"({"name":"alice","password":"correct horse","ttl_ms":1000})")
          .Field("token");
  EXPECT_EQ(Ask(token, "GET", "/v1/sessions/current").status, 200);
  replica_.Advance(1000);
  EXPECT_EQ(Ask(token, "GET", "/v1/sessions/current").status, 401);
}

TEST_F(ResourcesTest, WrongNameAndWrongPasswordLookAlike) {
  MakeUser("alice");
  const Answer password = Ask("", "POST", "/v1/sessions", R"({"name":"alice","password":"wrong horse"})");
  const Answer name = Ask("", "POST", "/v1/sessions", R"({"name":"bob","password":"correct horse"})");
  EXPECT_EQ(password.status, 401);
  EXPECT_EQ(name.status, 401);
  EXPECT_EQ(password.body, name.body);
}

TEST_F(ResourcesTest, RepeatedFailuresLockAnAccountForAWhile) {
  MakeUser("alice");
  MakeUser("bob");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(Ask("", "POST", "/v1/sessions", R"({"name":"alice","password":"wrong horse"})").status, 401);
  const Answer locked = Ask("", "POST", "/v1/sessions", R"({"name":"alice","password":"correct horse"})");
  EXPECT_EQ(locked.status, 429);
  EXPECT_EQ(locked.Code(), "locked-out");
  EXPECT_EQ(locked.headers.at("Retry-After"), "1");
  EXPECT_FALSE(Connect("bob").empty());
}

TEST_F(ResourcesTest, ClosedRegistrationIsForAdministrators) {
  const std::string admin = MakeAdmin();
  const std::string alice = MakeUser("alice");
  ApiOptions options = CheapOptions();
  options.registration_open = false;
  Restart(options);
  const std::string body = R"({"name":"bob","password":"correct horse"})";
  EXPECT_EQ(Ask("", "POST", "/v1/users", body).status, 401);
  EXPECT_EQ(Ask(alice, "POST", "/v1/users", body).status, 403);
  EXPECT_EQ(Ask(admin, "POST", "/v1/users", body).status, 201);
}

TEST_F(ResourcesTest, UsersAreListedInPagesAndShownToThemselves) {
  const std::string alice = MakeUser("alice");
  const std::string bob = MakeUser("bob");
  MakeUser("carol");
  MakeQueue(alice, "work");
  const Answer first = Ask(bob, "GET", "/v1/users?limit=2");
  EXPECT_EQ(first.Fields("name"), (std::vector<std::string>{"alice", "bob"}));
  const Answer second = Ask(bob, "GET", "/v1/users?limit=2&after=" + first.Field("next"));
  EXPECT_EQ(second.Fields("name"), std::vector<std::string>{"carol"});
  EXPECT_EQ(second.Field("next"), "null");
  const Answer own = Ask(alice, "GET", "/v1/users/alice");
  EXPECT_NE(own.body.find("\"queues\":[\"work\"]"), std::string::npos) << own.body;
  EXPECT_EQ(own.body.find("hash"), std::string::npos);
  EXPECT_EQ(Ask(bob, "GET", "/v1/users/alice").status, 403);
  EXPECT_EQ(Ask(bob, "GET", "/v1/users/dave").status, 404);
}

TEST_F(ResourcesTest, ChangingAPasswordEndsOtherSessions) {
  const std::string here = MakeUser("alice");
  const std::string there = Connect("alice");
  const Answer wrong =
      Ask(here, "PATCH", "/v1/users/alice", R"({"password":"new password","current_password":"nonsense"})");
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(wrong.Code(), "wrong-password");
  EXPECT_EQ(Ask(here, "PATCH", "/v1/users/alice",
                R"({"password":"new password","current_password":"correct horse"})")
                .status,
            204);
  EXPECT_EQ(Ask(here, "GET", "/v1/sessions/current").status, 200);
  EXPECT_EQ(Ask(there, "GET", "/v1/sessions/current").status, 401);
  EXPECT_EQ(Ask("", "POST", "/v1/sessions", R"({"name":"alice","password":"new password"})").status, 201);
}

TEST_F(ResourcesTest, DeletesUsersButNotWhoOwnsMessages) {
  const std::string alice = MakeUser("alice");
  MakeQueue(alice, "work");
  Ask(alice, "POST", "/v1/queues/work/messages", "x");
  const Answer refused = Ask(alice, "DELETE", "/v1/users/alice");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.Code(), "user-owns-messages");
  EXPECT_EQ(Ask(alice, "POST", "/v1/queues/work/purge").Field("purged"), "1");
  EXPECT_EQ(Ask(alice, "DELETE", "/v1/users/alice").status, 204);
  EXPECT_EQ(Ask(alice, "GET", "/v1/users").status, 401);
}

TEST_F(ResourcesTest, QueuesLiveFromCreationToDeletion) {
  const std::string alice = MakeUser("alice");
  const std::string bob = MakeUser("bob");
  const std::string body = R"({"name":"work","receivers":["bob"],"lease_ms":5000})";
  const Answer created = Ask(alice, "POST", "/v1/queues", body);
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.headers.at("Location"), "/v1/queues/work");
  EXPECT_EQ(created.headers.at("Mom-Durability"), "quorum-fsync");
  EXPECT_EQ(Ask(alice, "POST", "/v1/queues", body).status, 200);
  EXPECT_EQ(Ask(bob, "POST", "/v1/queues", body).Code(), "queue-exists");
  const Answer shown = Ask(bob, "GET", "/v1/queues/work");
  EXPECT_EQ(shown.Field("owner"), "alice");
  EXPECT_EQ(shown.Field("lease_ms"), "5000");
  EXPECT_EQ(shown.Field("ready"), "0");
  EXPECT_EQ(shown.Field("oldest_at"), "null");
  EXPECT_EQ(Ask(bob, "PATCH", "/v1/queues/work", R"({"closed":true})").Code(), "not-owner");
  EXPECT_EQ(Ask(alice, "PATCH", "/v1/queues/work", R"({"closed":true,"receivers":"*"})").status, 200);
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues/work").Field("receivers"), "*");
  EXPECT_EQ(Ask(alice, "POST", "/v1/queues/work/messages", "x").Code(), "queue-closed");
  EXPECT_EQ(Ask(bob, "DELETE", "/v1/queues/work").Code(), "not-owner");
  EXPECT_EQ(Ask(alice, "DELETE", "/v1/queues/work").status, 204);
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues/work").Code(), "queue-not-found");
}

// Full and empty queues are looked at in different ways, and must look alike.
TEST_F(ResourcesTest, AQueueShowsItsOldestMessageWhileThereIsOne) {
  const std::string alice = MakeUser("alice");
  MakeQueue(alice, "work");
  Ask(alice, "POST", "/v1/queues/work/messages", "x");
  const Answer full = Ask(alice, "GET", "/v1/queues/work");
  EXPECT_EQ(full.Field("ready"), "1");
  EXPECT_NE(full.Field("oldest_at"), "null");
  EXPECT_EQ(Ask(alice, "POST", "/v1/queues/work/receive").status, 200);
  const Answer leased = Ask(alice, "GET", "/v1/queues/work");
  EXPECT_EQ(leased.Field("ready"), "0");
  EXPECT_EQ(leased.Field("leased"), "1");
  EXPECT_EQ(leased.Field("oldest_at"), "null");
}

TEST_F(ResourcesTest, TheOldestMessageIsLookedUpOnceUntilTheQueueChanges) {
  const std::string alice = MakeUser("alice");
  MakeQueue(alice, "work");
  Ask(alice, "POST", "/v1/queues/work/messages", "first");
  const Answer first = Ask(alice, "GET", "/v1/queues/work");
  const int snapshots = replica_.snapshots();
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues/work").body, first.body);
  EXPECT_EQ(replica_.snapshots(), snapshots);
  replica_.Advance(1000);
  Ask(alice, "POST", "/v1/queues/work/messages", "later");
  EXPECT_EQ(Ask(alice, "POST", "/v1/queues/work/receive").status, 200);
  const Answer second = Ask(alice, "GET", "/v1/queues/work");
  EXPECT_EQ(second.Field("ready"), "1");
  EXPECT_GT(second.Field("oldest_at"), first.Field("oldest_at"));
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues/work").body, second.body);
}

TEST_F(ResourcesTest, AQueueWithMessagesIsNotDeleted) {
  const std::string alice = MakeUser("alice");
  MakeQueue(alice, "work");
  Ask(alice, "POST", "/v1/queues/work/messages", "x");
  const Answer refused = Ask(alice, "DELETE", "/v1/queues/work");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.Code(), "queue-not-empty");
  EXPECT_EQ(refused.Field("ready"), "1");
  EXPECT_EQ(refused.headers.at("Content-Type"), "application/problem+json");
}

TEST_F(ResourcesTest, QueuesAreListedForWhoMaySeeThem) {
  const std::string alice = MakeUser("alice");
  const std::string bob = MakeUser("bob");
  MakeQueue(alice, "a-private");
  MakeQueue(alice, "b-shared", R"("senders":"*")");
  MakeQueue(alice, "c-pair", R"("receiver":"bob")");
  EXPECT_EQ(Ask(bob, "GET", "/v1/queues").Fields("name"), (std::vector<std::string>{"b-shared", "c-pair"}));
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues?limit=1").Fields("name"), std::vector<std::string>{"a-private"});
  EXPECT_EQ(Ask(bob, "GET", "/v1/queues/a-private").status, 404);
}

TEST_F(ResourcesTest, PurgesMoreThanOneEntryTakes) {
  const std::string alice = MakeUser("alice");
  MakeQueue(alice, "work");
  std::string batch = R"({"messages":[{"body":"x"})";
  for (int i = 1; i < 1000; ++i) batch += R"(,{"body":"x"})";
  batch += "]}";
  for (int i = 0; i < 11; ++i) ASSERT_EQ(Ask(alice, "POST", "/v1/queues/work/batch", batch).status, 201);
  const Headers key = {{"idempotency-key", "purge-1"}};
  EXPECT_EQ(Ask(alice, "POST", "/v1/queues/work/purge", "", key).Field("purged"), "11000");
  Ask(alice, "POST", "/v1/queues/work/messages", "x");
  EXPECT_EQ(Ask(alice, "POST", "/v1/queues/work/purge", "", key).Field("purged"), "11000");
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues/work").Field("ready"), "1");
}

TEST_F(ResourcesTest, TopicsDeliverIntoQueuesOfSubscribers) {
  const std::string alice = MakeUser("alice");
  const std::string bob = MakeUser("bob");
  EXPECT_EQ(Ask(alice, "POST", "/v1/topics", R"({"name":"news.sport"})").status, 201);
  EXPECT_EQ(Ask(alice, "POST", "/v1/topics", R"({"name":"news.sport"})").status, 200);
  EXPECT_EQ(Ask(bob, "GET", "/v1/topics").Fields("name"), std::vector<std::string>{"news.sport"});
  EXPECT_EQ(Ask(bob, "GET", "/v1/topics/news.sport").Field("owner"), "alice");
  const Answer exact = Ask(bob, "POST", "/v1/topics/news.sport/subscriptions", "{}");
  EXPECT_EQ(exact.status, 201);
  EXPECT_EQ(Ask(bob, "POST", "/v1/topics/news.sport/subscriptions").status, 200);
  const Answer pattern = Ask(alice, "POST", "/v1/subscriptions", R"({"pattern":"news.*"})");
  EXPECT_EQ(pattern.status, 201);
  EXPECT_EQ(Ask(bob, "POST", "/v1/topics/news.sport/messages", "x").Code(), "not-allowed");
  const Answer sent = Ask(alice, "POST", "/v1/topics/news.sport/messages", "goal");
  EXPECT_EQ(sent.status, 201);
  EXPECT_EQ(sent.Field("delivered"), "2");
  EXPECT_EQ(
      Ask(alice, "POST", "/v1/topics/news.sport/batch", R"({"messages":[{"body":"a"}]})").Field("delivered"),
      "2");
  const Answer got = Ask(bob, "POST", "/v1/queues/" + exact.Field("queue") + "/receive", "{}");
  EXPECT_EQ(got.Field("topic"), "news.sport");
  EXPECT_EQ(got.Field("sender"), "alice");
  EXPECT_EQ(got.Field("receiver"), "bob");
  EXPECT_EQ(Ask(bob, "DELETE", "/v1/subscriptions/" + pattern.Field("id")).Code(), "subscription-not-found");
  EXPECT_EQ(Ask(alice, "DELETE", "/v1/subscriptions/" + pattern.Field("id")).status, 204);
  EXPECT_EQ(Ask(bob, "DELETE", "/v1/topics/news.sport/subscriptions/me").status, 204);
  EXPECT_EQ(Ask(bob, "DELETE", "/v1/topics/news.sport").Code(), "not-owner");
  EXPECT_EQ(Ask(alice, "DELETE", "/v1/topics/news.sport").status, 204);
}

TEST_F(ResourcesTest, TransactionsAreAllOrNothing) {
  const std::string alice = MakeUser("alice");
  MakeQueue(alice, "in");
  MakeQueue(alice, "out");
  Ask(alice, "POST", "/v1/queues/in/messages", "x");
  const std::string receipt = Ask(alice, "POST", "/v1/queues/in/receive").Field("receipt");
  const std::string ack = R"({"op":"ack","queue":"in","receipts":[")" + receipt + R"("]})";
  const Answer refused = Ask(alice, "POST", "/v1/transactions",
                             R"({"operations":[)" + ack + R"(,{"op":"publish","queue":"none","body":"y"}]})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.Code(), "transaction-failed");
  EXPECT_EQ(refused.Field("operation"), "1");
  EXPECT_EQ(refused.Field("cause"), "queue-not-found");
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues/in").Field("leased"), "1");
  const Answer done = Ask(alice, "POST", "/v1/transactions",
                          R"({"operations":[)" + ack + R"(,{"op":"publish","queue":"out","body":"y"}]})");
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.Field("done"), "1");
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues/out").Field("ready"), "1");
}

TEST_F(ResourcesTest, OperationAnswersWithoutASession) {
  EXPECT_EQ(Ask("", "GET", "/healthz").status, 200);
  EXPECT_EQ(Ask("", "GET", "/readyz").status, 200);
  replica_.shape.role = "nobody";
  EXPECT_EQ(Ask("", "GET", "/readyz").Code(), "not-ready");
  replica_.shape.role = "leader";
  replica_.shape.leader_id = 1;
  replica_.shape.failure = "fsync failed";
  EXPECT_NE(Ask("", "GET", "/readyz").body.find("fsync failed"), std::string::npos);
  const std::string text = Ask("", "GET", "/metrics").body;
  for (const char* name : {"mom_wal_syncs_total", "mom_run_ahead_entries_total 0", "mom_applied_end",
                           "mom_role{role=\"leader\"} 1", "mom_wal_sync_seconds_bucket{le=\"0.3\"} 0",
                           "mom_wal_sync_seconds_count 0",
                           "mom_http_requests_total{method=\"GET\",route=\"/readyz\",status=\"503\"} 2",
                           "mom_http_request_seconds_bucket", "mom_waiting_requests 0"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
  EXPECT_EQ(Ask("", "GET", "/openapi.json").body, OpenApiJson());
  EXPECT_EQ(Ask("", "GET", "/v1/cluster").status, 401);
  EXPECT_EQ(Ask(MakeUser("alice"), "GET", "/v1/cluster").Field("leader"), "1");
}

TEST_F(ResourcesTest, ANodeThatDivergedIsNotReadyAndSaysSo) {
  replica_.shape.role = "follower";
  replica_.shape.leader_id = 2;
  replica_.shape.digest_comparisons = 9;
  replica_.shape.digest_mismatches = 2;
  EXPECT_EQ(Ask("", "GET", "/readyz").status, 200);
  EXPECT_NE(Ask("", "GET", "/metrics").body.find("\nmom_diverged 0\n"), std::string::npos);
  replica_.shape.diverged = true;
  EXPECT_EQ(Ask("", "GET", "/readyz").status, 503);
  EXPECT_EQ(Ask("", "GET", "/readyz").Code(), "diverged");
  const std::string text = Ask("", "GET", "/metrics").body;
  for (const char* line :
       {"\nmom_digest_comparisons_total 9\n", "\nmom_digest_mismatches_total 2\n", "\nmom_diverged 1\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line;
}

TEST_F(ResourcesTest, AnyNodeTellsOfAllNodes) {
  const std::string token = MakeUser("alice");
  replication::ReplicaInfo& shape = replica_.shape;
  shape.role = "follower";
  shape.leader_id = 2;
  shape.voters = {1, 2, 4};
  shape.addresses = {{1, "a:1"}, {2, "old:2"}};
  shape.rest_address = "a:8";
  replication::NodeStatus status;
  status.role = "leader";
  status.high_watermark = Offset{1000};
  status.applied = {Offset{990}, 0xabc};
  status.version = "9.9";
  status.rest = "b:8";
  shape.nodes.push_back({NodeId{2}, "b:2", status, 1500, false});
  status.role = "leader";  // Of an older epoch.
  status.high_watermark = Offset{};
  status.applied = {Offset{400}, 0xdef};
  shape.nodes.push_back({NodeId{3}, "c:3", status, 2500, true});
  const Answer answer = Ask(token, "GET", "/v1/cluster");
  EXPECT_EQ(answer.Fields("id"), (std::vector<std::string>{"1", "2", "3", "4"}));
  EXPECT_EQ(answer.Fields("role"), (std::vector<std::string>{"follower", "leader", "follower", "unknown"}));
  EXPECT_EQ(answer.Fields("voter"), (std::vector<std::string>{"true", "true", "false", "true"}));
  EXPECT_EQ(answer.Fields("address"), (std::vector<std::string>{"a:1", "b:2", "c:3"}));
  EXPECT_EQ(answer.Fields("rest"), (std::vector<std::string>{"a:8", "b:8", "b:8"}));
  EXPECT_EQ(answer.Fields("diverged"), (std::vector<std::string>{"false", "false", "true"}));
  EXPECT_EQ(answer.Fields("last_contact_ms"), (std::vector<std::string>{"1500", "2500"}));
  EXPECT_EQ(answer.Fields("version"), (std::vector<std::string>{"0.1.0", "9.9", "9.9"}));
  const std::vector<std::string> ends = answer.Fields("digest_offset"), lags = answer.Fields("lag");
  ASSERT_EQ(ends.size(), 3u);
  EXPECT_EQ(ends[1] + " " + ends[2], "990 400");
  EXPECT_EQ(lags[1] + " " + lags[2], "10 600");  // Behind what the leader has, not what this node knows.
  EXPECT_EQ(answer.Fields("digest")[2], "0000000000000def");
}

// The leader knows who pulls from it, also of a node that does not answer questions.
TEST_F(ResourcesTest, TheLeaderTellsWhoPulls) {
  const std::string token = MakeUser("alice");
  replication::ReplicaInfo& shape = replica_.shape;
  shape.role = "leader";
  shape.leader_id = 1;
  shape.voters = {1, 2};
  shape.peers = {{2, true, true, Offset{1}}, {3, false, false, Offset{}}};
  const Answer answer = Ask(token, "GET", "/v1/cluster");
  EXPECT_EQ(answer.Fields("role"), (std::vector<std::string>{"leader", "follower", "unknown"}));
  EXPECT_EQ(answer.Fields("voter"), (std::vector<std::string>{"true", "true", "false"}));
  EXPECT_EQ(answer.Fields("connected"), (std::vector<std::string>{"true", "false"}));
  EXPECT_EQ(answer.Fields("durable_end").size(), 3u);
  EXPECT_EQ(answer.Fields("lag").size(), 3u);
}

// Goal: the published contract and the routes are the same set.
// Method: paths stand at one level of the document ("    \"/v1/...\": {"), methods at the next.
TEST_F(ResourcesTest, TheContractNamesExactlyTheRoutes) {
  std::vector<std::string> published;
  std::string path;
  const std::string text(OpenApiJson());
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("    \"/")) path = line.substr(5, line.find('"', 5) - 5);
    for (const auto& [word, method] :
         {std::pair{"get", "GET"}, {"post", "POST"}, {"patch", "PATCH"}, {"delete", "DELETE"}})
      if (line.starts_with("      \"" + std::string(word) + "\": {"))
        published.push_back(method + (" " + path));
  }
  std::vector<std::string> real;
  for (const auto& [method, pattern] : Api::Routes()) real.push_back(method + " " + pattern);
  std::sort(published.begin(), published.end());
  std::sort(real.begin(), real.end());
  EXPECT_EQ(published, real);
}

}  // namespace
}  // namespace mom::rest
