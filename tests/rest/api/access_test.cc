// Who may do what, what is refused before it reaches the log, and how failures look.
#include "tests/rest/api/fixture.h"

namespace mom::rest {
namespace {

class AccessTest : public ApiTest {};

// What each kind of caller gets. "none" and "bad" (a token that nobody got) are 401 on all of them.
struct Line {
  const char* method;
  const char* target;
  const char* body;
  int other, owner, admin;
};

constexpr const char* kReceipts = R"({"receipts":["0000000000000001-0000000000000001"]})";
constexpr const char* kExtend = R"({"receipts":["0000000000000001-0000000000000001"],"lease_ms":1000})";
constexpr const char* kBatch = R"({"messages":[{"body":"x"}]})";

// The queue is alice's alone; "other" has no grant. Deletions come last.
const Line kLines[] = {
    {"GET", "/v1/users", "", 200, 200, 200},
    {"GET", "/v1/users/alice", "", 403, 200, 200},
    {"PATCH", "/v1/users/alice", R"({"password":"correct horse","current_password":"correct horse"})", 403,
     204, 400},
    {"GET", "/v1/users/alice/queues", "", 403, 200, 200},
    {"GET", "/v1/sessions/current", "", 200, 200, 200},
    {"GET", "/v1/sessions?user=alice", "", 403, 200, 200},
    {"DELETE", "/v1/sessions/0000000000000001?user=alice", "", 403, 404, 404},
    {"DELETE", "/v1/sessions?except=current", "", 204, 204, 204},
    {"POST", "/v1/queues", R"({"name":"work"})", 409, 200, 409},
    {"GET", "/v1/queues", "", 200, 200, 200},
    {"GET", "/v1/queues/work", "", 404, 200, 200},
    {"PATCH", "/v1/queues/work", "{}", 404, 200, 403},
    {"POST", "/v1/queues/work/messages", "x", 404, 201, 403},
    {"POST", "/v1/queues/work/batch", kBatch, 404, 201, 403},
    {"POST", "/v1/queues/work/receive", "{}", 404, 200, 403},
    {"POST", "/v1/queues/work/ack", kReceipts, 404, 200, 200},
    {"POST", "/v1/queues/work/nack", kReceipts, 404, 200, 200},
    {"POST", "/v1/queues/work/extend", kExtend, 404, 200, 200},
    {"GET", "/v1/queues/work/messages", "", 404, 200, 200},
    {"GET", "/v1/queues/work/messages/0000000000000001", "", 404, 404, 404},
    {"DELETE", "/v1/queues/work/messages/0000000000000001", "", 404, 404, 403},
    {"POST", "/v1/queues/work/redrive", "{}", 404, 200, 403},
    {"POST", "/v1/topics", R"({"name":"news"})", 409, 200, 409},
    {"GET", "/v1/topics", "", 200, 200, 200},
    {"GET", "/v1/topics/news", "", 200, 200, 200},
    {"POST", "/v1/topics/news/messages", "x", 403, 201, 403},
    {"POST", "/v1/topics/news/batch", kBatch, 403, 201, 403},
    {"POST", "/v1/topics/news/subscriptions", R"({"queue":"work"})", 404, 201, 403},
    {"POST", "/v1/subscriptions", R"({"pattern":"a.#","queue":"work"})", 404, 201, 403},
    {"DELETE", "/v1/subscriptions/0000000000000001", "", 404, 404, 404},
    {"DELETE", "/v1/topics/news/subscriptions/me", "", 404, 204, 404},
    {"POST", "/v1/transactions", R"({"operations":[{"op":"publish","queue":"work","body":"x"}]})", 409, 200,
     409},
    {"GET", "/v1/cluster", "", 200, 200, 200},
    {"POST", "/v1/cluster/nodes", R"({"id":4,"address":"localhost:9084"})", 403, 403, 200},
    {"DELETE", "/v1/cluster/nodes/4", "", 403, 403, 204},
    {"POST", "/v1/cluster/transfer", R"({"to":2})", 403, 403, 204},
    {"POST", "/v1/queues/work/purge", "{}", 404, 200, 403},
    {"DELETE", "/v1/topics/news", "", 403, 204, 403},
    {"DELETE", "/v1/queues/work", "", 404, 409, 403},
    {"DELETE", "/v1/users/alice", "", 403, 409, 409},
    {"DELETE", "/v1/sessions/current", "", 204, 204, 204},
};

TEST_F(AccessTest, EveryRouteForEveryKindOfCaller) {
  const std::string admin = MakeAdmin();
  const std::string alice = MakeUser("alice");
  const std::string other = MakeUser("bob");
  MakeQueue(alice, "work");
  EXPECT_EQ(Ask(alice, "POST", "/v1/topics", R"({"name":"news"})").status, 201);
  const std::string bad = "mom_" + std::string(43, 'A');
  for (const Line& line : kLines) {
    SCOPED_TRACE(std::string(line.method) + " " + line.target);
    const uint64_t before = replica_.entries();
    const Answer none = Ask("", line.method, line.target, line.body);
    EXPECT_EQ(none.status, 401);
    EXPECT_EQ(none.Code(), "session-missing");
    EXPECT_EQ(Ask(bad, line.method, line.target, line.body).Code(), "session-invalid");
    EXPECT_EQ(Ask("garbage", line.method, line.target, line.body).status, 401);
    EXPECT_EQ(replica_.entries(), before);
    EXPECT_EQ(Ask(other, line.method, line.target, line.body).status, line.other);
    EXPECT_EQ(Ask(admin, line.method, line.target, line.body).status, line.admin);
    const Answer own = Ask(alice, line.method, line.target, line.body);
    EXPECT_EQ(own.status, line.owner) << own.body;
    if (std::string(line.method) == "GET") {
      EXPECT_EQ(own.headers.count("Mom-Offset"), 0u);
    }
  }
}

TEST_F(AccessTest, TheTableHasEveryRouteThatNeedsASession) {
  const std::set<std::string> without = {"POST /v1/users", "POST /v1/sessions", "GET /healthz",
                                         "GET /readyz",    "GET /metrics",      "GET /openapi.json"};
  size_t protected_routes = 0;
  for (const auto& [method, pattern] : Api::Routes())
    protected_routes += without.count(method + " " + pattern) == 0;
  EXPECT_EQ(protected_routes, std::size(kLines));
}

struct Refusal {
  const char* method;
  const char* target;
  std::string body;
  Headers headers;
  int status;
  const char* code;
  const char* names;  // Must be in the detail.
};

TEST_F(AccessTest, RefusalsThatNeverReachTheLog) {
  const std::string alice = MakeUser("alice");
  MakeQueue(alice, "work");
  const std::string long_name(129, 'a');
  const std::string big(1024 * 1024 + 1, 'x');
  const Refusal refusals[] = {
      {"GET", "/v1/nothing", "", {}, 404, "no-such-resource", ""},
      {"PUT", "/v1/queues", "", {}, 405, "method-not-allowed", "GET"},
      {"GET", "/v1/queues/a%zz", "", {}, 400, "malformed-path", "escape"},
      {"GET", "/v1/queues/work?x=1", "", {}, 400, "invalid-query", "x"},
      {"GET", "/v1/queues?limit=0", "", {}, 400, "invalid-query", "limit"},
      {"GET", "/v1/queues?limit=1001", "", {}, 400, "invalid-query", "limit"},
      {"GET", "/v1/queues?after=zz", "", {}, 400, "invalid-query", "after"},
      {"GET", "/v1/queues", "", {{"mom-min-offset", "-1"}}, 400, "invalid-header", "Mom-Min-Offset"},
      {"GET", "/v1/queues", "", {{"mom-consistency", "strict"}}, 400, "invalid-header", "Mom-Consistency"},
      {"POST", "/v1/queues", "{", {}, 400, "malformed-json", ""},
      {"POST",
       "/v1/queues",
       R"({"name":"a"})",
       {{"content-type", "text/plain"}},
       415,
       "not-json",
       "text/plain"},
      {"POST", "/v1/queues", R"({"name":"a","colour":1})", {}, 400, "invalid-field", "colour"},
      {"POST", "/v1/queues", R"({"name":"a","name":"b"})", {}, 400, "malformed-json", "name"},
      {"POST", "/v1/queues", R"({"name":1})", {}, 400, "invalid-field", "name"},
      {"POST", "/v1/queues", R"({"name":"-a"})", {}, 400, "invalid-field", "name"},
      {"POST", "/v1/queues", R"({"name":")" + long_name + "\"}", {}, 400, "invalid-field", "name"},
      {"POST", "/v1/queues", R"({"name":"a","lease_ms":0})", {}, 400, "invalid-field", "lease_ms"},
      {"POST", "/v1/queues", R"({"name":"a","senders":"bob"})", {}, 400, "invalid-field", "senders"},
      {"POST",
       "/v1/queues",
       R"({"name":"a","receiver":"b","senders":[]})",
       {},
       400,
       "invalid-field",
       "receiver"},
      {"POST", "/v1/users", R"({"name":"bob","password":"short"})", {}, 400, "invalid-field", "password"},
      {"POST", "/v1/users", R"({"name":"bob"})", {}, 400, "invalid-field", "password"},
      {"POST",
       "/v1/users",
       R"({"name":"alice","password":"correct horse"})",
       {},
       409,
       "user-exists",
       "alice"},
      {"POST", "/v1/queues/work/messages", big, {}, 413, "too-large", "1048576"},
      {"POST",
       "/v1/queues/work/batch",
       R"({"messages":[{"body":")" + big + "\"}]}",
       {},
       413,
       "too-large",
       "message 0"},
      {"POST",
       "/v1/queues/work/batch",
       std::string(4 * 1024 * 1024 + 1, ' '),
       {},
       413,
       "too-large",
       "4194304"},
      {"POST",
       "/v1/queues/work/messages",
       "x",
       {{"mom-priority", "10"}},
       400,
       "invalid-header",
       "mom-priority"},
      {"POST", "/v1/queues/work/messages", "x", {{"mom-dely-ms", "1"}}, 400, "invalid-header", "mom-dely-ms"},
      {"POST",
       "/v1/queues/work/messages",
       "x",
       {{"mom-group", std::string(256, 'g')}},
       400,
       "invalid-header",
       "group"},
      {"POST",
       "/v1/queues/work/messages",
       "x",
       {{"idempotency-key", ""}},
       400,
       "invalid-header",
       "Idempotency"},
      {"POST",
       "/v1/queues/work/messages",
       "x",
       {{"idempotency-key", long_name}},
       400,
       "invalid-header",
       "Idempotency"},
      {"POST", "/v1/queues/work/batch", R"({"messages":[]})", {}, 400, "invalid-field", "messages"},
      {"POST", "/v1/queues/work/batch", R"({"messages":[{}]})", {}, 400, "invalid-field", "messages[0].body"},
      {"POST",
       "/v1/queues/work/batch",
       R"({"messages":[{"body_base64":"?"}]})",
       {},
       400,
       "invalid-field",
       "body_base64"},
      {"POST", "/v1/queues/work/receive", R"({"max":1001})", {}, 400, "invalid-field", "max"},
      {"POST", "/v1/queues/work/receive", R"({"wait_ms":20001})", {}, 400, "invalid-field", "wait_ms"},
      {"POST", "/v1/queues/work/receive", R"({"ack":"maybe"})", {}, 400, "invalid-field", "ack"},
      {"POST", "/v1/queues/work/ack", R"({"receipts":[]})", {}, 400, "invalid-field", "receipts"},
      {"POST", "/v1/queues/work/ack", R"({"receipts":["x"]})", {}, 400, "invalid-field", "receipts"},
      {"POST",
       "/v1/transactions",
       R"({"operations":[{"op":"pop"}]})",
       {},
       400,
       "invalid-field",
       "operations[0]"},
      {"POST", "/v1/subscriptions", R"({"pattern":"a..b"})", {}, 400, "invalid-field", "pattern"},
      {"DELETE", "/v1/subscriptions/xyz", "", {}, 404, "subscription-not-found", ""},
  };
  const uint64_t before = replica_.entries();
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(std::string(refusal.method) + " " + refusal.target + " " + refusal.body.substr(0, 60));
    const Answer answer = Ask(alice, refusal.method, refusal.target, refusal.body, refusal.headers);
    EXPECT_EQ(answer.status, refusal.status) << answer.body;
    EXPECT_EQ(answer.Code(), refusal.code);
    EXPECT_NE(answer.body.find(refusal.names), std::string::npos) << answer.body;
    EXPECT_EQ(answer.headers.count("Mom-Node"), 1u);
  }
  EXPECT_EQ(replica_.entries(), before);
  EXPECT_EQ(Ask(alice, "PUT", "/v1/queues").headers.at("Allow"), "POST, GET, HEAD, OPTIONS");
  for (const std::string& token : {alice, std::string()}) {
    const Answer options = Ask(token, "OPTIONS", "/v1/queues");
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.headers.at("Allow"), "POST, GET, HEAD, OPTIONS");
  }
  const Answer node = Ask("", "OPTIONS", "*");
  EXPECT_EQ(node.status, 204);
  EXPECT_NE(node.headers.at("Allow").find("PATCH"), std::string::npos);
  EXPECT_EQ(Ask("", "OPTIONS", "/v1/nowhere").status, 404);
}

TEST_F(AccessTest, FailuresOfTheNode) {
  const std::string alice = MakeUser("alice");
  const std::tuple<Status::Code, int, const char*> failures[] = {
      {Status::kNotLeader, 503, "no-leader"},      {Status::kStopping, 503, "stopping"},
      {Status::kOverloaded, 503, "overloaded"},    {Status::kUncertain, 503, "outcome-unknown"},
      {Status::kNoSpace, 507, "disk-nearly-full"},
  };
  for (const auto& [code, status, word] : failures) {
    replica_.failure = Status(code, "because");
    const Answer answer = Ask(alice, "POST", "/v1/queues", R"({"name":"work"})");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.Code(), word);
    EXPECT_EQ(answer.headers.count("Retry-After"), 1u);
    EXPECT_EQ(answer.headers.count("Mom-Outcome"), code == Status::kUncertain ? 1u : 0u);
    EXPECT_EQ(answer.headers.count("Mom-Offset"), 0u);
  }
}

TEST_F(AccessTest, AFullQueueSaysSo) {
  const std::string alice = MakeUser("alice");
  MakeQueue(alice, "work", R"("max_messages":1)");
  EXPECT_EQ(Ask(alice, "POST", "/v1/queues/work/messages", "x").status, 201);
  const Answer full = Ask(alice, "POST", "/v1/queues/work/messages", "x");
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.Code(), "queue-full");
  EXPECT_EQ(full.headers.at("Retry-After"), "1");
}

TEST_F(AccessTest, AMinimumOffsetIsWaitedFor) {
  const std::string alice = MakeUser("alice");
  const std::string end = std::to_string(replica_.entries());
  const auto waiting = Start(alice, "GET", "/v1/queues", "", {{"mom-min-offset", end}});
  EXPECT_FALSE(waiting->IsDone());
  MakeQueue(alice, "work");
  EXPECT_EQ(waiting->Wait().Field("name"), "work");
  EXPECT_EQ(Ask(alice, "GET", "/v1/queues", "", {{"mom-consistency", "linearizable"}}).status, 200);
  ApiOptions options = CheapOptions();
  options.offset_wait_ms = 1;
  Restart(options);
  const Answer late = Ask(alice, "GET", "/v1/queues", "", {{"mom-min-offset", "1000000"}});
  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(late.Code(), "min-offset-not-reached");
}

}  // namespace
}  // namespace mom::rest
