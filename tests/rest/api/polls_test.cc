// Receives that wait, and what makes waiting pointless: they must be told at once. A poll that is not would
// be answered with an empty list when its 20 s are over.
#include "tests/rest/api/fixture.h"

namespace mom::rest {
namespace {

class PollsTest : public ApiTest {
 protected:
  PollsTest() : alice_(MakeUser("alice")), bob_(MakeUser("bob")) {
    MakeQueue(alice_, "work", R"("senders":"*","receivers":["bob"])");
  }
  ~PollsTest() override { replica_.on_read = nullptr; }

  std::shared_ptr<PendingAnswer> Poll(const std::string& token, const std::string& queue = "work") {
    return Start(token, "POST", "/v1/queues/" + queue + "/receive", R"({"wait_ms":20000})");
  }
  void ExpectEnd(const std::shared_ptr<PendingAnswer>& poll, int status, const std::string& code) {
    const Answer answer = poll->Wait();
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.Code(), code);
  }
  // The poll still waits, and gets what comes.
  void ExpectGoesOn(const std::shared_ptr<PendingAnswer>& poll, const std::string& queue = "work") {
    EXPECT_FALSE(poll->IsDone());
    EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/" + queue + "/messages", "x").status, 201);
    EXPECT_EQ(poll->Wait().Field("body"), "x");
  }

  // What was told before is heard: the thread that takes it in also answers receives, one after the other.
  void TellUpheaval() {
    replica_.TellUpheaval();
    EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/aside/messages", "aside").status, 201);
    EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/aside/receive", R"({"ack":"auto"})").Field("body"), "aside");
  }

  const std::string alice_;
  const std::string bob_;
};

TEST_F(PollsTest, TheQueueIsDeleted) {
  const auto of_owner = Poll(alice_);
  const auto of_receiver = Poll(bob_);
  MakeQueue(alice_, "other");
  const auto elsewhere = Poll(alice_, "other");
  EXPECT_EQ(Ask(alice_, "DELETE", "/v1/queues/work").status, 204);
  ExpectEnd(of_owner, 404, "queue-not-found");
  ExpectEnd(of_receiver, 404, "queue-not-found");
  ExpectGoesOn(elsewhere, "other");
}

TEST_F(PollsTest, TheRightIsTaken) {
  const auto of_owner = Poll(alice_);
  const auto of_receiver = Poll(bob_);
  EXPECT_EQ(Ask(alice_, "PATCH", "/v1/queues/work", R"({"receivers":["alice"]})").status, 200);
  ExpectEnd(of_receiver, 403, "not-allowed");
  ExpectGoesOn(of_owner);
  MakeQueue(alice_, "secret", R"("receivers":["bob"])");
  const auto hidden = Poll(bob_, "secret");
  EXPECT_EQ(Ask(alice_, "PATCH", "/v1/queues/secret", R"({"receivers":[]})").status, 200);
  ExpectEnd(hidden, 404, "queue-not-found");
}

TEST_F(PollsTest, WhoMayReceiveAsBeforeWaitsOn) {
  const auto poll = Poll(bob_);
  EXPECT_EQ(Ask(alice_, "PATCH", "/v1/queues/work", R"({"receivers":"*","lease_ms":1000})").status, 200);
  ExpectGoesOn(poll);
}

TEST_F(PollsTest, TheSessionEnds) {
  const std::string second = Connect("bob");
  const auto poll = Poll(bob_);
  const auto of_second = Poll(second);
  EXPECT_EQ(Ask(bob_, "DELETE", "/v1/sessions/current").status, 204);
  ExpectEnd(poll, 401, "session-invalid");
  EXPECT_FALSE(of_second->IsDone());
  const std::string third = Connect("bob");
  EXPECT_EQ(Ask(third, "PATCH", "/v1/users/bob",
                R"({"password":"another horse","current_password":"correct horse"})")
                .status,
            204);
  ExpectEnd(of_second, 401, "session-invalid");
}

TEST_F(PollsTest, TheSessionExpires) {
  const Answer connected =
      Ask("", "POST", "/v1/sessions", R"({"name":"bob","password":"correct horse","ttl_ms":60000})");
  const auto poll = Poll(connected.Field("token"));
  const auto of_other = Poll(bob_);
  replica_.Advance(60'000);
  ExpectEnd(poll, 401, "session-invalid");
  ExpectGoesOn(of_other);
}

TEST_F(PollsTest, TheUserIsDeleted) {
  MakeQueue(bob_, "bobs", R"("receivers":["alice"])");
  const auto poll = Poll(bob_);
  const auto of_other = Poll(alice_, "bobs");
  EXPECT_EQ(Ask(bob_, "DELETE", "/v1/users/bob").status, 204);
  ExpectEnd(poll, 401, "session-invalid");
  ExpectEnd(of_other, 404, "queue-not-found");
}

TEST_F(PollsTest, TheNodeDivergesOrFails) {
  MakeQueue(alice_, "aside");
  auto poll = Poll(bob_);
  replica_.shape.diverged = true;
  TellUpheaval();
  ExpectEnd(poll, 503, "diverged");
  ExpectEnd(Poll(bob_), 503, "diverged");
  replica_.shape.diverged = false;
  TellUpheaval();
  poll = Poll(bob_);
  ExpectGoesOn(poll);
  poll = Poll(bob_);
  replica_.shape.failure = "the disk";
  TellUpheaval();
  ExpectEnd(poll, 503, "unavailable");
}

// A snapshot from another node holds what nobody was told of in parts.
TEST_F(PollsTest, AnotherStateTakesThePlaceOfThisOne) {
  MakeQueue(alice_, "gone");
  MakeQueue(alice_, "kept");
  FakeReplica ahead;
  ahead.SetWokenListener([](const std::set<std::string>&, const broker::Revoked&) {});
  ahead.SetUpheavalListener([] {});
  ahead.Install(replica_);
  Api there(&ahead, CheapOptions());
  const auto ask = [&](const std::string& method, const std::string& target, const std::string& body) {
    HttpRequest request{method, target,      "",     {{"authorization", "Bearer " + alice_}},
                        body,   "127.0.0.1", nullptr};
    auto pending = std::make_shared<PendingAnswer>();
    there.handler()(std::move(request), Responder(pending, 1));
    return pending->Wait().status;
  };
  const auto ready = Poll(alice_);
  const auto gone = Poll(alice_, "gone");
  const auto kept = Poll(alice_, "kept");
  EXPECT_EQ(ask("POST", "/v1/queues/work/messages", "x"), 201);
  EXPECT_EQ(ask("DELETE", "/v1/queues/gone", ""), 204);
  replica_.Install(ahead);
  EXPECT_EQ(ready->Wait().Field("body"), "x");
  ExpectEnd(gone, 404, "queue-not-found");
  ExpectGoesOn(kept, "kept");
}

// Goal: no gap between the look at the queue and the entry into the line. Method: what makes waiting
// pointless is applied right after that look.
TEST_F(PollsTest, WhatIsTakenBetweenTheLookAndTheWaitIsSeen) {
  struct Case {
    const std::string token;
    const char* method;
    const char* target;
    const char* body;
    int status;
  };
  MakeQueue(alice_, "other", R"("receivers":["bob"])");
  const std::string second = Connect("bob");
  for (const Case& one : {Case{second, "DELETE", "/v1/sessions/current", "", 401},
                          Case{bob_, "PATCH", "/v1/queues/work", R"({"receivers":[]})", 403},
                          Case{alice_, "DELETE", "/v1/queues/work", "", 404}}) {
    const std::string& actor = one.status == 401 ? one.token : alice_;
    int reads = 0;
    replica_.on_read = [&] {
      if (++reads != 2) return;  // 1: the session.
      EXPECT_LT(Ask(actor, one.method, one.target, one.body).status, 300);
    };
    const auto poll = Poll(one.token);
    EXPECT_EQ(poll->Wait().status, one.status);
    EXPECT_GE(reads, 2);
    replica_.on_read = nullptr;
  }
}

}  // namespace
}  // namespace mom::rest
