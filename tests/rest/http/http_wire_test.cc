#include "rest/http_wire.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

namespace mom::rest {
namespace {

using State = RequestReader::State;
using namespace std::string_literals;

struct Outcome {
  State state = State::kNeedMore;
  HttpRequest request;
  int refused_with = 0;
  bool keep_alive = false;
  size_t consumed = 0;
};

// Feeds `text` in pieces of `piece` bytes until it is a request, refused or used up.
Outcome Read(const std::string& text, size_t piece = 1u << 20, WireLimits limits = {}) {
  RequestReader reader(limits);
  Outcome outcome;
  for (size_t at = 0; at < text.size() && outcome.state == State::kNeedMore; at += piece) {
    std::string_view bytes = std::string_view(text).substr(at, piece);
    size_t consumed = 0;
    outcome.state = reader.Feed(bytes, &consumed);
    outcome.consumed += consumed;
  }
  outcome.keep_alive = reader.keep_alive();
  if (outcome.state == State::kReady) outcome.request = reader.TakeRequest();
  if (outcome.state == State::kRefused) outcome.refused_with = reader.refusal().status;
  return outcome;
}

const std::string kPost =
    "POST /v1/queues/a/messages?x=%20&x=2 HTTP/1.1\r\nHost: localhost:80\r\ncontent-TYPE:  text/plain \r\n"
    "Mom-Header-A:\r\nContent-Length: 5\r\n\r\nhello";

TEST(RequestReader, ReadsARequestHoweverItIsCut) {
  for (size_t piece = 1; piece <= kPost.size(); ++piece) {
    const Outcome outcome = Read(kPost, piece);
    ASSERT_EQ(outcome.state, State::kReady) << piece;
    EXPECT_EQ(outcome.request.method, "POST");
    EXPECT_EQ(outcome.request.path, "/v1/queues/a/messages");
    EXPECT_EQ(outcome.request.query, "x=%20&x=2");
    EXPECT_EQ(*outcome.request.FindHeader("content-type"), "text/plain");
    EXPECT_EQ(*outcome.request.FindHeader("mom-header-a"), "");
    EXPECT_EQ(outcome.request.body, "hello");
    EXPECT_EQ(outcome.consumed, kPost.size());
    EXPECT_TRUE(outcome.keep_alive);
  }
}

TEST(RequestReader, LeavesTheNextRequestAlone) {
  RequestReader reader{WireLimits()};
  const std::string text = kPost + "\r\n" + kPost;
  std::string_view rest = text;
  for (int i = 0; i < 2; ++i) {
    size_t consumed = 0;
    ASSERT_EQ(reader.Feed(rest, &consumed), State::kReady);
    rest.remove_prefix(consumed);
    EXPECT_FALSE(reader.idle());
    EXPECT_EQ(reader.TakeRequest().body, "hello");
    EXPECT_TRUE(reader.idle());
  }
  EXPECT_TRUE(rest.empty());
}

// An empty line before a request, cut between its two bytes, was taken for a bad request line.
TEST(RequestReader, SkipsEmptyLinesHoweverTheyAreCut) {
  const std::string text = "\r\n\r\n\r\n" + kPost;
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    const Outcome outcome = Read(text, piece);
    ASSERT_EQ(outcome.state, State::kReady) << piece;
    EXPECT_EQ(outcome.request.body, "hello");
    EXPECT_EQ(outcome.consumed, text.size());
  }
}

TEST(RequestReader, KnowsWhenAConnectionEnds) {
  const auto keeps = [](const std::string& version, const std::string& header) {
    const Outcome outcome = Read("GET / " + version + "\r\nHost: a\r\n" + header + "\r\n");
    EXPECT_EQ(outcome.state, State::kReady);
    return outcome.keep_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_TRUE(keeps("HTTP/1.1", "Connection: keep-alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: x, CLOSE\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

TEST(RequestReader, TellsOnceWhoWaitsFor100Continue) {
  RequestReader reader{WireLimits()};
  size_t consumed = 0;
  ASSERT_EQ(reader.Feed("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n",
                        &consumed),
            State::kNeedMore);
  EXPECT_EQ(reader.body_bytes_missing(), 3u);
  EXPECT_TRUE(reader.TakeExpectContinue());
  EXPECT_FALSE(reader.TakeExpectContinue());
}

// Request line or header, and the status that refuses it. Most are ways to make a proxy and a server see
// different requests.
TEST(RequestReader, RefusesWhatIsNotStrict) {
  const std::pair<std::string, int> lines[] = {
      {"GET /\r\n", 400},
      {"GET  / HTTP/1.1\r\n", 400},
      {"GET / HTTP/1.1 \r\n", 400},
      {" GET / HTTP/1.1\r\n", 400},
      {"get / HTTP/1.1\r\n", 400},
      {"G\x01T / HTTP/1.1\r\n", 400},
      {"ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n", 400},
      {"GET / HTTP/2.0\r\n", 505},
      {"GET / HTTP/1.10\r\n", 505},
      {"GET / HTTP\r\n", 400},
      {"GET a HTTP/1.1\r\n", 400},
      {"GET * HTTP/1.1\r\n", 400},
      {"GET http:// HTTP/1.1\r\n", 400},
      {"GET http:/// HTTP/1.1\r\n", 400},
      {"GET http://a@b/ HTTP/1.1\r\n", 400},
      {"GET ftp://b/ HTTP/1.1\r\n", 400},
      {"GET http://b/#c HTTP/1.1\r\n", 400},
      {"OPTIONS *a HTTP/1.1\r\n", 400},
      {"GET /\xc3\xa4 HTTP/1.1\r\n", 400},
      {"GET /a#b HTTP/1.1\r\n", 400},
      {"GET /a\tb HTTP/1.1\r\n", 400},
      {"GET /a\0b HTTP/1.1\r\n"s, 400},
      {"GET /" + std::string(2048, 'a') + " HTTP/1.1\r\n", 414},
      {"GET / HTTP/1.1\nX: y\r\n", 400},
  };
  for (const auto& [line, status] : lines)
    EXPECT_EQ(Read(line + "Host: a\r\n\r\n").refused_with, status) << line;
  const std::pair<std::string, int> headers[] = {
      {"Content-Length: 5\r\nContent-Length: 5\r\n", 400},
      {"Content-Length: 5, 5\r\n", 400},
      {"Content-Length: +5\r\n", 400},
      {"Content-Length: -1\r\n", 400},
      {"Content-Length: 0x5\r\n", 400},
      {"Content-Length: 5x\r\n", 400},
      {"Content-Length:\r\n", 400},
      {"Content-Length : 5\r\n", 400},
      {"Content-Length: 99999999999\r\n", 413},
      {"Content-Length: 99999999999999999999999999\r\n", 413},
      {"Transfer-Encoding: identity\r\n", 501},
      {"Transfer-Encoding: gzip, chunked\r\n", 501},
      {"Transfer-Encoding: chunked, chunked\r\n", 501},
      {"Transfer-Encoding: chunked;x=1\r\n", 501},
      {"Transfer-Encoding:\r\n", 501},
      {"Transfer-Encoding: \x0b"
       "chunked\r\n",
       400},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
      {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400},
      {"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400},
      {"Transfer-Encoding : chunked\r\n", 400},
      {"X: a\r\n folded\r\n", 400},
      {"X: a\r\n\tfolded\r\n", 400},
      {"X: a\nY: b\r\n", 400},
      {"X: a\rY: b\r\n", 400},
      {"X: a\0b\r\n"s, 400},
      {"no colon\r\n", 400},
      {": x\r\n", 400},
      {"X Y: x\r\n", 400},
      {"X\xc3\xa4: x\r\n", 400},
      {"Host: b\r\n", 400},
      {"Authorization: a\r\nauthorization: b\r\n", 400},
      {"Expect: 200-ok\r\n", 417},
  };
  for (const auto& [header, status] : headers)
    EXPECT_EQ(Read("POST / HTTP/1.1\r\nHost: a\r\n" + header + "\r\n").refused_with, status) << header;
  EXPECT_EQ(Read("GET / HTTP/1.1\r\nX: y\r\n\r\n").refused_with, 400) << "Host is missing";
}

// What two values of one header mean, nobody could say: not even that they are equal.
TEST(RequestReader, RefusesAHeaderOfOneValueThatComesTwice) {
  for (const char* header :
       {"Mom-Priority", "Mom-Delay-Ms", "Mom-Group", "Mom-Dedup-Id", "Mom-Ttl-Ms", "Mom-Reply-To",
        "Mom-Correlation-Id", "Idempotency-Key", "Authorization", "Content-Type", "Content-Encoding",
        "Mom-Min-Offset", "Mom-Consistency", "X-Request-Id", "Mom-Whatever-Comes"}) {
    const std::string name = header;
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    RequestReader reader{WireLimits()};
    const std::string text =
        "POST / HTTP/1.1\r\nHost: a\r\n" + name + ": 1\r\nX: y\r\n" + lower + ": 1\r\n\r\n";
    size_t consumed = 0;
    ASSERT_EQ(reader.Feed(text, &consumed), State::kRefused) << name;
    EXPECT_EQ(reader.refusal().status, 400) << name;
    EXPECT_NE(reader.refusal().body.find("duplicate-header"), std::string::npos) << name;
    EXPECT_NE(reader.refusal().body.find(lower), std::string::npos) << name;
  }
  EXPECT_EQ(Read("GET / HTTP/1.1\r\nHost: a\r\nAccept: a\r\nAccept: b\r\nX: 1\r\nX: 2\r\n\r\n").state,
            State::kReady);
}

TEST(RequestReader, TakesTargetsInAbsoluteForm) {
  const auto target = [](const std::string& line) {
    const Outcome outcome = Read(line + " HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(outcome.state, State::kReady) << line;
    return outcome.request.path + "?" + outcome.request.query;
  };
  EXPECT_EQ(target("GET http://example.org:8080/v1/queues/a?limit=2"), "/v1/queues/a?limit=2");
  EXPECT_EQ(target("GET HTTPS://[::1]:80/a"), "/a?");
  EXPECT_EQ(target("GET http://example.org"), "/?");
  EXPECT_EQ(target("GET http://example.org?a=1"), "/?a=1");
  EXPECT_EQ(target("OPTIONS *"), "*?");
  EXPECT_EQ(target("OPTIONS http://example.org"), "*?");
  EXPECT_EQ(target("OPTIONS http://example.org/"), "/?");
}

TEST(RequestReader, HasLimits) {
  std::string many;
  for (int i = 0; i < 127; ++i) many += "X" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(Read("GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n").state, State::kReady);
  EXPECT_EQ(Read("GET / HTTP/1.1\r\nHost: a\r\n" + many + "Y: z\r\n\r\n").refused_with, 431);
  const std::string sixteen_kib = "GET /" + std::string(2000, 'p') + " HTTP/1.1\r\nHost: a\r\nX: ";
  EXPECT_EQ(Read(sixteen_kib + std::string((16u << 10) - 12, 'x') + "\r\n\r\n").state, State::kReady);
  const std::string large = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(18u << 10, 'x') + "\r\n\r\n";
  for (const size_t piece : {size_t{1}, size_t{100}, size_t{8192}, large.size()})
    EXPECT_EQ(Read(large, piece).refused_with, 431) << piece;
  const std::string endless(19000, 'A');
  EXPECT_EQ(Read(endless, 7).refused_with, 431);
  WireLimits limits;
  limits.request_bytes_max = 4;
  EXPECT_EQ(Read(kPost, 1000, limits).refused_with, 413);
}

TEST(DateLine, IsWhatRfc9110Shows) {
  EXPECT_EQ(DateLine(784111777), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST(Head, HoldsWhatTheAnswerAndTheContextSay) {
  HttpResponse response{201, {{"Location", "/v1/queues/a"}}, "{}"};
  std::string out;
  EXPECT_TRUE(AppendHead(response, {true, false, "r-1"}, &out));
  EXPECT_EQ(out,
            "HTTP/1.1 201 Created\r\nLocation: /v1/queues/a\r\nX-Request-Id: r-1\r\nContent-Length: "
            "2\r\nConnection: Keep-Alive\r\n\r\n");
  out.clear();
  EXPECT_FALSE(AppendHead(response, {true, true, {}}, &out)) << "HEAD";
  EXPECT_NE(out.find("Content-Length: 2\r\n"), std::string::npos);
  out.clear();
  response.status = 204;
  EXPECT_FALSE(AppendHead(response, {false, false, {}}, &out));
  EXPECT_EQ(out, "HTTP/1.1 204 No Content\r\nLocation: /v1/queues/a\r\nConnection: close\r\n\r\n");
}

TEST(Head, CannotBeSplitByAHeaderValue) {
  std::string out;
  AppendHead({200, {{"X\r\nY", "a\r\nSet-Cookie: b\0"s}}, ""}, {}, &out);
  EXPECT_EQ(out.find("\r\nSet-Cookie"), std::string::npos);
  EXPECT_EQ(out.find("\r\nY"), std::string::npos);
}

}  // namespace
}  // namespace mom::rest
