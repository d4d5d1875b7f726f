// What was sent comes back: encodings, headers, the history of dead letters; no answer has a key twice.
#include <zlib.h>

#include "rest/json_body.h"
#include "rest/zlib_gunzip.h"
#include "tests/rest/api/fixture.h"

namespace mom::rest {
namespace {

// As `gzip` packs it.
std::string Gzip(std::string_view text) {
  std::string packed(text.size() + 64, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

class MessageFieldsTest : public ApiTest {
 protected:
  MessageFieldsTest() : alice_(MakeUser("alice")) {
    MakeQueue(alice_, "dlq2", R"("max_attempts":1)");
    MakeQueue(alice_, "dlq1", R"("max_attempts":1,"dead_letter":"dlq2")");
    MakeQueue(alice_, "work", R"("max_attempts":1,"dead_letter":"dlq1")");
  }
  Answer Publish(const std::string& body, Headers headers = {}) {
    return Ask(alice_, "POST", "/v1/queues/work/messages", body, std::move(headers));
  }
  Answer Batch(const std::string& message) {
    return Ask(alice_, "POST", "/v1/queues/work/batch", "{\"messages\":[" + message + "]}");
  }
  Answer Receive(const std::string& queue, const std::string& body = "{}") {
    return Ask(alice_, "POST", "/v1/queues/" + queue + "/receive", body);
  }
  Answer ReceiveRaw(const std::string& queue) {
    return Ask(alice_, "POST", "/v1/queues/" + queue + "/receive", R"({"ack":"auto"})",
               {{"accept", "application/octet-stream"}});
  }
  // Receives one and gives it back, for the last time.
  Answer Reject(const std::string& queue, const std::string& reason) {
    const Answer got = Receive(queue);
    const std::string receipts = R"({"receipts":[")" + got.Field("receipt");
    const std::string nack = receipts + R"("],"reason":")" + reason + "\"}";
    EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/" + queue + "/nack", nack).Field("nacked"), "1");
    return got;
  }

  const std::string alice_;
};

// Our own parser refuses a key that comes twice.
void ExpectUniqueKeys(const Answer& answer) {
  JsonBody body;
  const Status parsed = body.Parse(answer.body);
  EXPECT_TRUE(parsed.ok()) << parsed.message() << "\n" << answer.body;
}

TEST_F(MessageFieldsTest, AContentEncodingComesBackInBothForms) {
  const std::string packed = Gzip("hello");
  ASSERT_EQ(Publish(packed, {{"content-encoding", "gzip"}, {"content-type", "text/plain"}}).status, 201);
  ASSERT_EQ(Batch(R"({"body_base64":"AAEC","content_encoding":"br"})").status, 201);
  const Answer json = Receive("work", R"({"lease_ms":1000})");
  EXPECT_EQ(json.Field("content_encoding"), "gzip") << json.body;
  EXPECT_NE(json.Field("body_base64"), "");
  replica_.Advance(1000);  // Into dlq1, where it keeps its encoding.
  const Answer raw = ReceiveRaw("dlq1");
  EXPECT_EQ(raw.headers.at("Content-Encoding"), "gzip");
  EXPECT_EQ(raw.headers.at("Content-Type"), "text/plain");
  EXPECT_EQ(raw.body, packed);
  EXPECT_EQ(ReceiveRaw("work").headers.at("Content-Encoding"), "br");
}

TEST_F(MessageFieldsTest, AContentEncodingIsALineOfAtMost255BytesAndPartOfTheMessage) {
  EXPECT_EQ(Publish("x", {{"content-encoding", std::string(256, 'x')}}).Code(), "invalid-header");
  EXPECT_EQ(Batch(R"({"body":"x","content_encoding":")" + std::string(256, 'x') + "\"}").Code(),
            "invalid-field");
  EXPECT_EQ(Batch(R"({"body":"x","content_encoding":"a\nb"})").Code(), "invalid-field");
  ASSERT_EQ(Publish("x", {{"idempotency-key", "k"}, {"content-encoding", "gzip"}}).status, 201);
  EXPECT_EQ(Publish("x", {{"idempotency-key", "k"}}).Code(), "idempotency-key-reused");
  ASSERT_EQ(Publish("y", {{"content-encoding", "gzip"}, {"content-encoding", "br"}}).status, 201);
  EXPECT_EQ(ReceiveRaw("work").body, "x");
  EXPECT_EQ(ReceiveRaw("work").headers.at("Content-Encoding"), "gzip, br");
}

TEST_F(MessageFieldsTest, NamesOfHeadersThatBeginWithMomAreTheBrokers) {
  for (const char* name : {"mom-header-mom-dead-letter-queue", "mom-header-mom-", "mom-header-Mom-X"}) {
    const Answer refused = Publish("x", {{name, "forged"}});
    EXPECT_EQ(refused.status, 400) << name;
    EXPECT_EQ(refused.Code(), "invalid-field");
  }
  for (const char* name : {"mom-dead-letter-reason", "Mom-X", "MOM-"}) {
    const Answer refused = Batch(std::string(R"({"body":"x","headers":{")") + name + R"(":"forged"}})");
    EXPECT_EQ(refused.status, 400) << name;
    EXPECT_EQ(refused.Code(), "invalid-field");
  }
  EXPECT_EQ(Publish("x", {{"mom-header-moment", "1"}}).status, 201);
}

TEST_F(MessageFieldsTest, AHeaderOfAMessageComesOnce) {
  EXPECT_EQ(Publish("x", {{"mom-header-a", "1"}, {"mom-header-a", "2"}}).Code(), "invalid-header");
  EXPECT_EQ(Batch(R"({"body":"x","headers":{"a":"1","b":"2","A":"3"}})").Code(), "invalid-field");
  EXPECT_EQ(Batch(R"({"body":"x","headers":{"a":"1","a":"2"}})").status, 400);
  EXPECT_EQ(Batch(R"({"body":"x","headers":{"a":"1","b":"2"}})").status, 201);
}

TEST_F(MessageFieldsTest, TheHistoryOfDeadLettersIsAListAndNoAnswerHasAKeyTwice) {
  ASSERT_EQ(Publish("x", {{"mom-header-a", "1"}, {"mom-group", "g"}, {"mom-reply-to", "r"}}).status, 201);
  ExpectUniqueKeys(Reject("work", "first"));
  replica_.Advance(1000);
  const Answer once = Reject("dlq1", "second");
  ExpectUniqueKeys(once);
  EXPECT_EQ(once.Fields("queue"), (std::vector<std::string>{"dlq1", "work"}));
  const Answer listed = Ask(alice_, "GET", "/v1/queues/dlq2/messages");
  const Answer single = Ask(alice_, "GET", "/v1/queues/dlq2/messages/" + listed.Field("id"));
  const Answer leased = Receive("dlq2");
  const Answer held = Ask(alice_, "GET", "/v1/queues/dlq2/messages");
  for (const Answer& answer : {listed, single, leased, held}) {
    ExpectUniqueKeys(answer);
    EXPECT_EQ(answer.Fields("queue"), (std::vector<std::string>{"dlq2", "work", "dlq1"})) << answer.body;
    EXPECT_EQ(answer.Fields("reason"), (std::vector<std::string>{"first", "second"}));
    EXPECT_EQ(answer.Fields("at").size(), 2u);
    EXPECT_EQ(answer.Field("dead_letter_count"), "2");
    EXPECT_NE(answer.body.find(R"("headers":{"a":"1"})"), std::string::npos) << answer.body;
  }
  const std::string nack = R"({"receipts":[")" + leased.Field("receipt") + "\"]}";
  Ask(alice_, "POST", "/v1/queues/dlq2/nack", nack);
  ExpectUniqueKeys(Ask(alice_, "GET", "/v1/queues/dlq2/messages?state=dead"));
  EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/dlq2/redrive").Field("redriven"), "1");
  const Answer raw = ReceiveRaw("dlq2");
  EXPECT_EQ(raw.headers.at("Mom-Dead-Letter-Queue"), "dlq1");
  EXPECT_EQ(raw.headers.at("Mom-Dead-Letter-Reason"), "second");
  EXPECT_EQ(raw.headers.at("Mom-Dead-Letter-Count"), "2");
  EXPECT_EQ(raw.headers.at("Mom-Header-a"), "1");
  EXPECT_EQ(raw.headers.at("Mom-Group"), "g");
}

TEST_F(MessageFieldsTest, EveryFieldOfABatchComesBackThroughDeadLettersInBothForms) {
  const std::string fields =
      R"("content_type":"a/b","content_encoding":"zstd","headers":{"Colour":"red","empty":""},"priority":7,)"
      R"("group":"g","reply_to":"r","correlation_id":"c")";
  for (const char* body : {R"("body":"text")", R"("body_base64":"gP8=")"}) {
    ASSERT_EQ(Batch("{" + std::string(body) + "," + fields + "}").status, 201);
    for (const char* queue : {"work", "dlq1"}) {
      const Answer got = Reject(queue, "no");
      EXPECT_NE(got.body.find(std::string(body) + "," + fields), std::string::npos) << got.body;
      EXPECT_EQ(got.Field("sender"), "alice");
    }
    const Answer raw = ReceiveRaw("dlq2");
    EXPECT_EQ(raw.headers.at("Content-Type"), "a/b");
    EXPECT_EQ(raw.headers.at("Content-Encoding"), "zstd");
    EXPECT_EQ(raw.headers.at("Mom-Header-Colour"), "red");
    EXPECT_EQ(raw.headers.at("Mom-Header-empty"), "");
    EXPECT_EQ(raw.headers.at("Mom-Priority"), "7");
    EXPECT_EQ(raw.headers.at("Mom-Group"), "g");
    EXPECT_EQ(raw.headers.at("Mom-Reply-To"), "r");
    EXPECT_EQ(raw.headers.at("Mom-Correlation-Id"), "c");
    EXPECT_EQ(raw.headers.at("Mom-Sender"), "alice");
  }
}

TEST_F(MessageFieldsTest, JsonIsTakenPackedWithGzipAndNothingElse) {
  const auto ask = [this](const std::string& target, const std::string& body, const std::string& encoding) {
    return Ask(alice_, "POST", target, body, {{"content-encoding", encoding}});
  };
  const std::string batch = R"({"messages":[{"body":"packed"}]})";
  EXPECT_EQ(ask("/v1/queues/work/batch", Gzip(batch), "gzip").status, 201);
  EXPECT_EQ(ask("/v1/queues/work/batch", Gzip(batch.substr(0, 9)) + Gzip(batch.substr(9)), "X-GZIP").status,
            201);
  EXPECT_EQ(ask("/v1/queues/work/batch", batch, "identity").status, 201);
  const Answer got = ask("/v1/queues/work/receive", Gzip(R"({"max":2})"), "gzip");
  EXPECT_EQ(got.Fields("body"), (std::vector<std::string>{"packed", "packed"}));
  EXPECT_EQ(ask("/v1/queues", Gzip(R"({"name":"q2","senders":"*"})"), "gzip").status, 201);
  for (const char* encoding : {"br", "deflate", "gzip, gzip", "nonsense"}) {
    const Answer refused = ask("/v1/queues/work/batch", batch, encoding);
    EXPECT_EQ(refused.status, 415) << encoding;
    EXPECT_EQ(refused.Code(), "unsupported-encoding");
    EXPECT_EQ(refused.headers.at("Accept-Encoding"), "gzip");
  }
  const std::string packed = Gzip(batch);
  for (const std::string& damaged :
       {batch, packed.substr(0, packed.size() - 1), packed + "x", std::string("\x1f\x8b")}) {
    EXPECT_EQ(ask("/v1/queues/work/batch", damaged, "gzip").status, 415);
  }
}

TEST_F(MessageFieldsTest, APackedBodyHasTheLimitOfAnUnpackedOne) {
  const std::string bomb = Gzip(R"({"max":1)" + std::string((1u << 20) - 8, ' ') + "}");
  EXPECT_LT(bomb.size(), 2000u);
  const Answer refused = Ask(alice_, "POST", "/v1/queues/work/receive", bomb, {{"content-encoding", "gzip"}});
  EXPECT_EQ(refused.status, 413);
  const std::string fits = Gzip(R"({"max":1)" + std::string((1u << 20) - 9, ' ') + "}");
  EXPECT_EQ(Ask(alice_, "POST", "/v1/queues/work/receive", fits, {{"content-encoding", "gzip"}}).status, 200);
}

TEST(Gunzip, StopsAtItsLimit) {
  std::string bytes;
  for (size_t size : {size_t{0}, size_t{1}, size_t{16} << 10, (size_t{16} << 10) + 1, size_t{100'000}}) {
    const std::string text(size, 'a');
    EXPECT_EQ(Gunzip(Gzip(text), size, &bytes), Gunzipped::kWhole) << size;
    EXPECT_EQ(bytes, text);
    if (size == 0) continue;
    EXPECT_EQ(Gunzip(Gzip(text), size - 1, &bytes), Gunzipped::kTooLarge) << size;
    EXPECT_LE(bytes.capacity(), 3 * size + 1000);
  }
  EXPECT_EQ(Gunzip("", 100, &bytes), Gunzipped::kDamaged);
}

TEST_F(MessageFieldsTest, AQueueSaysThatItsDeadLetterQueueIsGone) {
  EXPECT_EQ(Ask(alice_, "DELETE", "/v1/queues/dlq2").status, 204);
  const Answer queue = Ask(alice_, "GET", "/v1/queues/dlq1");
  EXPECT_EQ(queue.Field("dead_letter"), "null");
  EXPECT_EQ(queue.Field("lost_dead_letter"), "dlq2");
  Ask(alice_, "PATCH", "/v1/queues/dlq1", R"({"dead_letter":"work"})");
  EXPECT_EQ(Ask(alice_, "GET", "/v1/queues/dlq1").Field("lost_dead_letter"), "");
}

}  // namespace
}  // namespace mom::rest
