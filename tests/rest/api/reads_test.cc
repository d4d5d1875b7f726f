// Of which state an answer says that it is.
#include <vector>

#include "rest/session_token.h"
#include "tests/rest/api/fixture.h"

namespace mom::rest {
namespace {

class ReadsTest : public ApiTest {
 protected:
  ReadsTest() : alice_(MakeUser("alice")) {
    MakeQueue(alice_, "work");
    EXPECT_EQ(Ask(alice_, "POST", "/v1/topics", R"({"name":"news"})").status, 201);
  }
  ~ReadsTest() override { replica_.on_read = nullptr; }

  // From now on a message arrives after every read.
  void PublishAfterEveryRead() {
    replica_.on_read = [this, hash = HashToken(alice_)] {
      read_end_ = replica_.applied_end().value;
      v1::Command command;
      command.set_user("alice");
      command.set_session_hash(hash);
      command.mutable_publish()->set_queue("work");
      command.mutable_publish()->add_messages()->set_body("x");
      replica_.Propose(std::move(command), [this](replication::Outcome outcome) {
        ASSERT_EQ(outcome.reply.error(), v1::ERROR_NONE);
        published_.push_back(outcome.offset.value);
      });
    };
  }
  size_t PublishedBelow(uint64_t end) const {
    return static_cast<size_t>(
        std::count_if(published_.begin(), published_.end(), [end](uint64_t offset) { return offset < end; }));
  }

  const std::string alice_;
  uint64_t read_end_ = 0;  // Of the state that the newest read was given.
  std::vector<uint64_t> published_;
};

// Goal: an answer never says that it is of a later state than its data. Method: an entry is applied after
// every read, so that the state when an answer is sent is always later than the one it was read from.
TEST_F(ReadsTest, AnAnswerIsNeverOlderThanItSays) {
  EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/work/messages", "x").status, 201);
  const std::string id = Ask(alice_, "GET", "/v1/queues/work/messages?limit=1").Field("id");
  PublishAfterEveryRead();
  for (const char* target :
       {"/v1/queues", "/v1/queues/work", "/v1/queues/work/messages?limit=1", "/v1/topics", "/v1/topics/news",
        "/v1/users", "/v1/users/alice", "/v1/users/nobody", "/v1/sessions/current", "/v1/queues/nothing",
        "/v1/cluster"}) {
    for (int i = 0; i < 3; ++i) {  // The first one may find no note.
      const Answer answer = Ask(alice_, "GET", target);
      EXPECT_LE(std::stoull(answer.headers.at("Mom-Applied")), read_end_) << target;
    }
  }
  const Answer one = Ask(alice_, "GET", "/v1/queues/work/messages/" + id);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(std::stoull(one.headers.at("Mom-Applied")), read_end_);
}

TEST_F(ReadsTest, WhatIsReadFromASnapshotIsExactlyOfTheStateThatItSays) {
  PublishAfterEveryRead();
  for (int i = 0; i < 20; ++i) {
    const Answer answer = Ask(alice_, "GET", "/v1/queues/work/messages?limit=1000");
    EXPECT_EQ(answer.Fields("id").size(), PublishedBelow(std::stoull(answer.headers.at("Mom-Applied"))));
  }
}

TEST_F(ReadsTest, CountsFromRecordsAreNotOlderThanTheySay) {
  PublishAfterEveryRead();
  for (int i = 0; i < 20; ++i) {
    const Answer answer = Ask(alice_, "GET", "/v1/queues/work");
    EXPECT_GE(std::stoull(answer.Field("ready")),
              PublishedBelow(std::stoull(answer.headers.at("Mom-Applied"))));
  }
}

TEST_F(ReadsTest, AWriteIsOfItsOwnEntryAtLeast) {
  PublishAfterEveryRead();
  const Answer sent = Ask(alice_, "POST", "/v1/queues/work/messages", "x");
  EXPECT_EQ(std::stoull(sent.headers.at("Mom-Applied")), std::stoull(sent.headers.at("Mom-Offset")) + 1);
  const Answer made = Ask(alice_, "POST", "/v1/queues", R"({"name":"other"})");
  EXPECT_GT(std::stoull(made.headers.at("Mom-Applied")), std::stoull(made.headers.at("Mom-Offset")));
  EXPECT_LE(std::stoull(made.headers.at("Mom-Applied")), read_end_);
}

}  // namespace
}  // namespace mom::rest
