#include "rest/chunked_body.h"

#include <gtest/gtest.h>

#include <string>

#include "rest/http_wire.h"

namespace mom::rest {
namespace {

using State = RequestReader::State;

struct Outcome {
  State state = State::kNeedMore;
  std::string body;
  int refused_with = 0;
  size_t consumed = 0;
  bool claims_too_much = false;  // More was said to be missing than came.
};

constexpr std::string_view kHead = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";

// Reads a request with these chunks, in pieces of `piece` bytes.
Outcome Read(const std::string& chunks, size_t piece = 1u << 20, WireLimits limits = {}) {
  const std::string text = std::string(kHead) + chunks;
  RequestReader reader(limits);
  Outcome outcome;
  for (size_t at = 0; at < text.size() && outcome.state == State::kNeedMore; at += piece) {
    outcome.claims_too_much |= reader.body_bytes_missing() > text.size() - at;
    size_t consumed = 0;
    outcome.state = reader.Feed(std::string_view(text).substr(at, piece), &consumed);
    outcome.consumed += consumed;
  }
  if (outcome.state == State::kReady) outcome.body = reader.TakeRequest().body;
  if (outcome.state == State::kRefused) outcome.refused_with = reader.refusal().status;
  outcome.consumed -= std::min(outcome.consumed, kHead.size());
  return outcome;
}

TEST(ChunkedBody, IsTheSameHoweverItIsCut) {
  const std::string chunks =
      "5\r\nhello\r\nA;name=value; other=\"x y\"\r\n, world; 1\r\n0000000000000001 ;x\r\n!\r\n"
      "0\r\nX-Trailer: y\r\nContent-Length: 77\r\n\r\n";
  for (size_t piece = 1; piece <= chunks.size() + kHead.size(); ++piece) {
    const Outcome outcome = Read(chunks, piece);
    ASSERT_EQ(outcome.state, State::kReady) << piece;
    EXPECT_EQ(outcome.body, "hello, world; 1!");
    EXPECT_FALSE(outcome.claims_too_much);
    EXPECT_EQ(outcome.consumed, chunks.size());
  }
  EXPECT_EQ(Read("0\r\n\r\n").state, State::kReady);
}

TEST(ChunkedBody, LeavesTheNextRequestAlone) {
  const std::string chunks = "1\r\na\r\n0\r\n\r\n";
  const Outcome outcome = Read(chunks + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(outcome.state, State::kReady);
  EXPECT_EQ(outcome.consumed, chunks.size());
}

// Whatever another reader of the same bytes could take for another end of the request.
TEST(ChunkedBody, RefusesWhatIsNotStrict) {
  for (const char* chunks : {"\r\n",
                             "x\r\n",
                             "0x5\r\nhello\r\n",
                             "+5\r\nhello\r\n",
                             "-1\r\n",
                             " 5\r\nhello\r\n",
                             "5 \r\nhello\r\n",
                             "5\nhello\r\n",
                             "5\r\r\nhello\r\n",
                             "5\r\nhello\n0\r\n\r\n",
                             "5\r\nhello!\r\n",
                             "5\r\nhell\r\n0\r\n\r\n",
                             "5x\r\nhello\r\n",
                             "5,5\r\nhello\r\n",
                             "5;a\rb\r\nhello\r\n",
                             "5;a\nhello\r\n",
                             "5;a\x01\r\nhello\r\n",
                             "00000000000000005\r\nhello\r\n",
                             "fffffffffffffffff\r\n",
                             "0\r\nno colon\r\n\r\n",
                             "0\r\n: x\r\n\r\n",
                             "0\r\nX : y\r\n\r\n",
                             "0\r\n folded\r\n\r\n",
                             "0\r\nX: y\n\r\n",
                             "0\r\nX: \x02\r\n\r\n",
                             "0\r\n\r\r\n"}) {
    for (const size_t piece : {size_t{1}, size_t{3}, size_t{1000}})
      EXPECT_EQ(Read(chunks, piece).refused_with, 400) << chunks << " in pieces of " << piece;
  }
}

TEST(ChunkedBody, HasLimits) {
  WireLimits limits;
  limits.request_bytes_max = 10;
  EXPECT_EQ(Read("a\r\n0123456789\r\n0\r\n\r\n", 1000, limits).body, "0123456789");
  for (const char* chunks :
       {"b\r\n", "5\r\n01234\r\n6\r\n", "ffffffffffffffff\r\n", "1\r\na\r\nffffffffffffffff\r\n"})
    EXPECT_EQ(Read(chunks, 1, limits).refused_with, 413) << chunks;
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "1;\r\nx\r\n";
  EXPECT_EQ(Read(many, 4096).refused_with, 400) << "extensions of all chunks count together";
  const std::string endless(40'000, '1');
  EXPECT_EQ(Read(endless, 9).refused_with, 400);
  EXPECT_EQ(Read("0\r\nX: " + std::string(20'000, 'y'), 9).refused_with, 431);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 4000; ++i) trailers += "X: y\r\n";
  EXPECT_EQ(Read(trailers, 9).refused_with, 431);
}

}  // namespace
}  // namespace mom::rest
