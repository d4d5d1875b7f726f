// Publishing, receiving, settling and looking.
#include <chrono>
#include <thread>

#include "tests/rest/api/fixture.h"

namespace mom::rest {
namespace {

class MessagesTest : public ApiTest {
 protected:
  MessagesTest() : alice_(MakeUser("alice")) { MakeQueue(alice_, "work"); }
  Answer Publish(const std::string& body, Headers headers = {}) {
    return Ask(alice_, "POST", "/v1/queues/work/messages", body, std::move(headers));
  }
  Answer Receive(const std::string& body = "{}", Headers headers = {}) {
    return Ask(alice_, "POST", "/v1/queues/work/receive", body, std::move(headers));
  }
  std::string Count(const std::string& what) { return Ask(alice_, "GET", "/v1/queues/work").Field(what); }

  const std::string alice_;
};

TEST_F(MessagesTest, ARawMessageKeepsBytesTypeAndOptions) {
  const std::string bytes("\x00\xff\x80 raw", 7);
  const Answer sent = Publish(bytes, {{"content-type", "image/x-test"},
                                      {"mom-priority", "7"},
                                      {"mom-reply-to", "answers"},
                                      {"mom-correlation-id", "42"},
                                      {"mom-header-colour", "red"}});
  EXPECT_EQ(sent.status, 201) << sent.body;
  EXPECT_EQ(sent.Field("offset"), sent.headers.at("Mom-Offset"));
  const Answer got = Receive(R"({"max":1})", {{"accept", "application/octet-stream"}});
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, bytes);
  EXPECT_EQ(got.headers.at("Content-Type"), "image/x-test");
  EXPECT_EQ(got.headers.at("Mom-Id"), sent.Field("id"));
  EXPECT_EQ(got.headers.at("Mom-Priority"), "7");
  EXPECT_EQ(got.headers.at("Mom-Reply-To"), "answers");
  EXPECT_EQ(got.headers.at("Mom-Header-colour"), "red");
  EXPECT_EQ(got.headers.at("Mom-Sender"), "alice");
  const std::string ack = R"({"receipts":[")" + got.headers.at("Mom-Receipt") + R"("]})";
  EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/work/ack", ack).Field("acked"), "1");
  EXPECT_EQ(Receive(R"({"max":1})", {{"accept", "application/octet-stream"}}).status, 204);
}

TEST_F(MessagesTest, BodiesAreTextWhenTheyAreUtf8) {
  Ask(alice_, "POST", "/v1/queues/work/batch",
      R"({"messages":[{"body":"a \"quoted\" \u00e4\n"},{"body_base64":"gP8="},{"body":""}]})");
  const Answer got = Receive(R"({"max":10,"ack":"auto"})");
  EXPECT_NE(got.body.find(R"("body":"a \"quoted\" ä\n")"), std::string::npos) << got.body;
  EXPECT_EQ(got.Field("body_base64"), "gP8=");
  EXPECT_NE(got.body.find(R"("body":"",)"), std::string::npos);
  EXPECT_TRUE(got.Field("receipt").empty());
  EXPECT_EQ(Count("ready"), "0");
}

TEST_F(MessagesTest, RepeatedDedupIdsGiveTheFirstId) {
  const Answer first = Publish("x", {{"mom-dedup-id", "a"}});
  const Answer second = Publish("x", {{"mom-dedup-id", "a"}});
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.Field("id"), first.Field("id"));
  EXPECT_EQ(second.Field("duplicate"), "true");
  EXPECT_EQ(Count("ready"), "1");
}

TEST_F(MessagesTest, AKeyGivesTheFirstAnswerAgain) {
  const Headers key = {{"idempotency-key", "k1"}};
  const Answer first = Publish("x", key);
  const Answer second = Publish("x", key);
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.headers.at("Mom-Replayed"), "true");
  EXPECT_EQ(first.headers.count("Mom-Replayed"), 0u);
  EXPECT_EQ(Publish("y", key).Code(), "idempotency-key-reused");
  EXPECT_EQ(Publish("y", key).status, 422);
  const Headers other = {{"idempotency-key", "k2"}};
  const Answer got = Receive(R"({"max":1,"lease_ms":1000})", other);
  EXPECT_EQ(got.Fields("id").size(), 1u);
  EXPECT_EQ(Receive(R"({"max":1,"lease_ms":1000})", other).body, got.body);
}

TEST_F(MessagesTest, ARefusalIsNotGivenAgainForItsKey) {
  const std::string small = "/v1/queues/small/messages";
  ASSERT_EQ(Ask(alice_, "POST", "/v1/queues", R"({"name":"small","max_messages":1})").status, 201);
  const Headers key = {{"idempotency-key", "k"}};
  EXPECT_EQ(Ask(alice_, "POST", small, "first").status, 201);
  const Answer full = Ask(alice_, "POST", small, "second", key);
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.Code(), "queue-full");
  ASSERT_EQ(Ask(alice_, "POST", "/v1/queues/small/purge", "{}").status, 200);
  const Answer done = Ask(alice_, "POST", small, "second", key);
  EXPECT_EQ(done.status, 201);
  EXPECT_EQ(done.headers.count("Mom-Replayed"), 0u);
  EXPECT_EQ(Ask(alice_, "POST", small, "second", key).headers.at("Mom-Replayed"), "true");
}

// Headers make the message, too: the same key with others is another request, in whatever order they come.
TEST_F(MessagesTest, AKeyIsBoundToTheHeadersOfARawMessage) {
  const Headers first = {{"idempotency-key", "k"}, {"mom-priority", "3"}, {"mom-header-colour", "red"}};
  ASSERT_EQ(Publish("x", first).status, 201);
  const Headers moved = {{"mom-header-colour", "red"}, {"mom-priority", "3"}, {"idempotency-key", "k"}};
  EXPECT_EQ(Publish("x", moved).headers.at("Mom-Replayed"), "true");
  const Headers fresher = {{"idempotency-key", "k"},
                           {"mom-priority", "3"},
                           {"mom-header-colour", "red"},
                           {"mom-consistency", "local"}};  // How to answer, not what to send.
  EXPECT_EQ(Publish("x", fresher).headers.at("Mom-Replayed"), "true");
  for (Headers other :
       {Headers{{"mom-priority", "4"}, {"mom-header-colour", "red"}},
        Headers{{"mom-priority", "3"}, {"mom-header-colour", "blue"}}, Headers{{"mom-priority", "3"}},
        Headers{{"mom-priority", "3"}, {"mom-header-colour", "red"}, {"content-type", "a/b"}}}) {
    other.emplace_back("idempotency-key", "k");
    const Answer refused = Publish("x", other);
    EXPECT_EQ(refused.status, 422);
    EXPECT_EQ(refused.Code(), "idempotency-key-reused");
  }
  EXPECT_EQ(Count("ready"), "1");
}

TEST_F(MessagesTest, ReceiptsAreAckedNackedAndExtended) {
  for (const char* body : {"a", "b", "c"}) Publish(body);
  const auto receipts = Receive(R"({"max":3,"lease_ms":1000})").Fields("receipt");
  ASSERT_EQ(receipts.size(), 3u);
  const auto settle = [&](const char* verb, const std::string& receipt, const std::string& more) {
    return Ask(alice_, "POST", std::string("/v1/queues/work/") + verb,
               R"({"receipts":[")" + receipt + "\"]" + more + "}");
  };
  EXPECT_EQ(settle("ack", receipts[0], "").Field("acked"), "1");
  EXPECT_EQ(settle("ack", receipts[0], "").Field("acked"), "1");
  EXPECT_EQ(settle("nack", receipts[1], R"(,"reason":"busy")").Field("nacked"), "1");
  EXPECT_EQ(settle("extend", receipts[2], R"(,"lease_ms":60000)").Field("extended"), "1");
  replica_.Advance(2000);
  EXPECT_EQ(Count("leased"), "1");
  EXPECT_EQ(settle("ack", receipts[2], "").Field("acked"), "1");
  const Answer again = Receive();
  EXPECT_EQ(again.Field("body"), "b");
  EXPECT_EQ(again.Field("attempt"), "2");
  const Answer lost = settle("ack", receipts[1], "");
  EXPECT_EQ(lost.Field("acked"), "0");
  EXPECT_EQ(lost.Code(), "lease-lost");
  EXPECT_EQ(settle("ack", "nonsense", "").status, 400);
}

TEST_F(MessagesTest, ReceiptsThatAreNotOfThisQueueFailByName) {
  MakeQueue(alice_, "other");
  Publish("a");
  const std::string own = Receive().Field("receipt");
  for (const std::string verb : {"ack", "nack", "extend"}) {
    const std::string more = verb == "extend" ? R"("],"lease_ms":1000})" : R"("]})";
    const auto settle = [&](const std::string& queue, const std::string& receipt) {
      const std::string body = R"({"receipts":[")" + receipt + more;
      return Ask(alice_, "POST", "/v1/queues/" + queue + "/" + verb, body);
    };
    for (const Answer& answer : {settle("other", own), settle("work", "ffffffffffffffff-ffffffffffffffff")}) {
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(answer.Field(verb + "ed"), "0") << answer.body;
      EXPECT_EQ(answer.Code(), "receipt-unknown") << answer.body;
    }
  }
  EXPECT_EQ(Count("leased"), "1");
}

TEST_F(MessagesTest, ATransactionWhoseLeaseIsOverNamesTheOperation) {
  Publish("a");
  const std::string receipt = Receive(R"({"lease_ms":1000})").Field("receipt");
  replica_.Advance(1000);
  const Answer failed = Ask(
      alice_, "POST", "/v1/transactions",
      R"({"operations":[{"op":"publish","queue":"work","body":"b"},{"op":"ack","queue":"work","receipts":[")" +
          receipt + R"("]}]})");
  EXPECT_EQ(failed.status, 409);
  EXPECT_EQ(failed.Code(), "transaction-failed");
  EXPECT_EQ(failed.Field("operation"), "1");
  EXPECT_EQ(failed.Field("cause"), "lease-lost");
  EXPECT_EQ(Count("ready"), "1");
}

TEST_F(MessagesTest, ATimeToLiveThatEndsWithTheDelayIsRefusedByBothNames) {
  const Answer raw = Publish("x", {{"mom-delay-ms", "1000"}, {"mom-ttl-ms", "1000"}});
  EXPECT_EQ(raw.status, 400);
  EXPECT_EQ(raw.Code(), "invalid-field");
  EXPECT_NE(raw.body.find("mom-ttl-ms"), std::string::npos) << raw.body;
  EXPECT_NE(raw.body.find("mom-delay-ms"), std::string::npos) << raw.body;
  const Answer batch = Ask(alice_, "POST", "/v1/queues/work/batch",
                           R"({"messages":[{"body":"a"},{"body":"b","delay_ms":1000,"ttl_ms":10}]})");
  EXPECT_EQ(batch.status, 400);
  EXPECT_EQ(batch.Code(), "invalid-field");
  EXPECT_NE(batch.body.find("messages[1].ttl_ms"), std::string::npos) << batch.body;
  EXPECT_NE(batch.body.find("than \\\"delay_ms"), std::string::npos) << batch.body;
  EXPECT_EQ(Count("ready"), "0");
  EXPECT_EQ(Publish("x", {{"mom-delay-ms", "1000"}, {"mom-ttl-ms", "1001"}}).status, 201);
}

TEST_F(MessagesTest, WhatWaitsForItsGroupIsShownAsBlocked) {
  for (const char* body : {"a1", "a2", "a3"}) Publish(body, {{"mom-group", "a"}});
  const std::string receipt = Receive(R"({"max":10})").Field("receipt");
  EXPECT_EQ(Count("ready"), "0");
  EXPECT_EQ(Count("leased"), "1");
  EXPECT_EQ(Count("blocked"), "2");
  EXPECT_NE(Count("oldest_at"), "null");
  const Answer blocked = Ask(alice_, "GET", "/v1/queues/work/messages?state=blocked");
  EXPECT_EQ(blocked.Fields("body"), (std::vector<std::string>{"a2", "a3"}));
  EXPECT_EQ(blocked.Field("state"), "blocked");
  EXPECT_TRUE(Ask(alice_, "GET", "/v1/queues/work/messages?state=ready").Fields("id").empty());
  EXPECT_EQ(Ask(alice_, "DELETE", "/v1/queues/work").Field("blocked"), "2");
  Ask(alice_, "POST", "/v1/queues/work/ack", R"({"receipts":[")" + receipt + R"("]})");
  EXPECT_EQ(Count("ready"), "1");
  EXPECT_EQ(Count("blocked"), "1");
}

TEST_F(MessagesTest, DeadMessagesAreShownAndRedriven) {
  Ask(alice_, "PATCH", "/v1/queues/work", R"({"max_attempts":1})");
  Publish("x");
  const std::string nack = R"({"receipts":[")" + Receive().Field("receipt") + R"("],"reason":"broken"})";
  Ask(alice_, "POST", "/v1/queues/work/nack", nack);
  const Answer dead = Ask(alice_, "GET", "/v1/queues/work/messages?state=dead");
  EXPECT_EQ(dead.Field("state"), "dead");
  EXPECT_EQ(dead.Field("reason"), "broken");
  EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/work/redrive").Field("redriven"), "1");
  EXPECT_EQ(Count("ready"), "1");
}

TEST_F(MessagesTest, LookingPagesThroughAllStatesInOrder) {
  for (const char* body : {"a", "b", "c", "d"}) Publish(body);
  Publish("urgent", {{"mom-priority", "9"}});
  Publish("later", {{"mom-delay-ms", "60000"}});
  const Answer leased = Receive();
  EXPECT_EQ(leased.Field("body"), "urgent");
  std::vector<std::string> bodies;
  std::string next;
  for (int page = 0; page < 10 && next != "null"; ++page) {
    const Answer answer =
        Ask(alice_, "GET", "/v1/queues/work/messages?limit=2" + (next.empty() ? "" : "&after=" + next));
    for (const auto& body : answer.Fields("body")) bodies.push_back(body);
    next = answer.Field("next");
  }
  EXPECT_EQ(bodies, (std::vector<std::string>{"a", "b", "c", "d", "urgent", "later"}));
  const Answer one = Ask(alice_, "GET", "/v1/queues/work/messages/" + leased.Field("id"));
  EXPECT_EQ(one.Field("state"), "leased");
  EXPECT_EQ(one.Field("receiver"), "alice");
  EXPECT_EQ(Ask(alice_, "DELETE", "/v1/queues/work/messages/" + leased.Field("id")).Code(), "message-leased");
  const std::string ready = Ask(alice_, "GET", "/v1/queues/work/messages?state=ready&limit=1").Field("id");
  EXPECT_EQ(Ask(alice_, "DELETE", "/v1/queues/work/messages/" + ready).status, 204);
  EXPECT_EQ(Ask(alice_, "GET", "/v1/queues/work/messages/" + ready).Code(), "message-not-found");
  EXPECT_EQ(Ask(alice_, "GET", "/v1/queues/work/messages?state=lost").status, 400);
}

TEST_F(MessagesTest, AnAnswerStopsAtItsByteLimit) {
  ApiOptions options = CheapOptions();
  options.answer_bytes_max = 1000;
  Restart(options);
  for (int i = 0; i < 3; ++i) Publish(std::string(600, 'x'));
  EXPECT_EQ(Receive(R"({"max":10})").Fields("id").size(), 1u);
  EXPECT_EQ(Ask(alice_, "GET", "/v1/queues/work/messages?state=ready").Fields("id").size(), 2u);
}

TEST_F(MessagesTest, AnEmptyQueueIsAnsweredWithoutTheLog) {
  const uint64_t before = replica_.entries();
  EXPECT_EQ(Receive().body, R"({"messages":[]})");
  EXPECT_EQ(replica_.entries(), before);
}

TEST_F(MessagesTest, AWaitingReceiveGetsTheFirstMessage) {
  const auto waiting = Start(alice_, "POST", "/v1/queues/work/receive", R"({"wait_ms":20000})");
  EXPECT_FALSE(waiting->IsDone());
  Publish("x");
  EXPECT_EQ(waiting->Wait().Field("body"), "x");
}

TEST_F(MessagesTest, WaitersAreServedInOrderAndNobodyIsForgotten) {
  std::vector<std::shared_ptr<PendingAnswer>> waiting;
  for (int i = 0; i < 20; ++i)
    waiting.push_back(Start(alice_, "POST", "/v1/queues/work/receive", R"({"wait_ms":20000})"));
  std::vector<std::thread> senders;
  for (int i = 0; i < 4; ++i)
    senders.emplace_back([this] {
      for (int k = 0; k < 5; ++k) Publish("x");
    });
  for (auto& sender : senders) sender.join();
  for (auto& one : waiting) EXPECT_EQ(one->Wait().Field("body"), "x");
  EXPECT_EQ(Count("leased"), "20");
}

TEST_F(MessagesTest, WaitingEndsEmptyInTimeOrWithTheNode) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Receive(R"({"wait_ms":50})").body, R"({"messages":[]})");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
  const auto waiting = Start(alice_, "POST", "/v1/queues/work/receive", R"({"wait_ms":20000})");
  api_->Stop();
  EXPECT_EQ(waiting->Wait().status, 503);
}

TEST_F(MessagesTest, WhoHungUpTakesNoMessage) {
  hung_up_ = std::make_shared<std::atomic<bool>>(false);
  Start(alice_, "POST", "/v1/queues/work/receive", R"({"wait_ms":20000})");
  *hung_up_ = true;
  hung_up_ = nullptr;
  const auto waiting = Start(alice_, "POST", "/v1/queues/work/receive", R"({"wait_ms":20000})");
  Publish("x");
  EXPECT_EQ(waiting->Wait().Field("body"), "x");
}

TEST_F(MessagesTest, WaitingIsLimitedPerUser) {
  ApiOptions options = CheapOptions();
  options.waiting.per_user_max = 2;
  Restart(options);
  for (int i = 0; i < 2; ++i) Start(alice_, "POST", "/v1/queues/work/receive", R"({"wait_ms":20000})");
  const Answer full = Receive(R"({"wait_ms":20000})");
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.Code(), "too-many-waiting");
  EXPECT_EQ(full.Field("limit"), "2");
  EXPECT_EQ(full.Field("setting"), "waits-per-user-max");
}

TEST_F(MessagesTest, WaitingIsLimitedPerNode) {
  ApiOptions options = CheapOptions();
  options.waiting.per_node_max = 2;
  Restart(options);
  for (int i = 0; i < 2; ++i) Start(alice_, "POST", "/v1/queues/work/receive", R"({"wait_ms":20000})");
  const Answer full = Receive(R"({"wait_ms":20000})");
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.Code(), "too-many-waiting");
  EXPECT_EQ(full.headers.at("Mom-Outcome"), "not-done");  // NGINX may give it to another node.
  EXPECT_EQ(full.Field("limit"), "2");
}

// 150 workers that share one user's token, as fleets do.
TEST_F(MessagesTest, AFleetOfWorkersMayWait) {
  std::vector<std::shared_ptr<PendingAnswer>> fleet;
  for (int i = 0; i < 150; ++i)
    fleet.push_back(Start(alice_, "POST", "/v1/queues/work/receive", R"({"wait_ms":20000})"));
  for (int i = 0; i < 150; ++i) Publish("x");
  for (auto& worker : fleet) EXPECT_EQ(worker->Wait().Field("body"), "x");
}

TEST_F(MessagesTest, AnEmptyHeaderIsKeptAndAsManyAsInABatch) {
  Headers headers = {{"mom-header-0", ""}};
  std::string members = R"("0":"")";
  for (int i = 1; i < 64; ++i) {
    headers.emplace_back("mom-header-" + std::to_string(i), "v");
    members += ",\"" + std::to_string(i) + R"(":"v")";
  }
  EXPECT_EQ(Publish("x", headers).status, 201);
  EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/work/batch",
                R"({"messages":[{"body":"x","headers":{)" + members + "}}]}")
                .status,
            201);
  for (int i = 0; i < 2; ++i) {
    const Answer got = Receive("{}", {{"accept", "APPLICATION/octet-stream;q=0.9, */*;q=0.1"}});
    ASSERT_TRUE(got.headers.contains("Mom-Header-0"));
    EXPECT_EQ(got.headers.at("Mom-Header-0"), "");
    EXPECT_EQ(got.headers.at("Mom-Header-63"), "v");
  }
  headers.emplace_back("mom-header-64", "v");
  EXPECT_EQ(Publish("x", headers).status, 400);
  EXPECT_EQ(Publish("x", {{"mom-header-a", std::string(4097, 'v')}}).status, 400);
}

}  // namespace
}  // namespace mom::rest
