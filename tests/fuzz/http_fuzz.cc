// Fuzz target: HTTP/1.1 bytes as a client sends them, and the head of an answer.
// Goal: the same bytes give the same requests, or the same refusal, however the network cuts them; a raw
// message taken from a request holds nothing that could split an answer; no header of ours can either.
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "rest/http_wire.h"
#include "rest/message_input.h"
#include "rest/names.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::rest {
namespace {

using fuzz::FuzzInput;
using State = RequestReader::State;

struct Seen {
  std::vector<HttpRequest> requests;
  std::vector<bool> keep_alive;
  State state = State::kNeedMore;
  int refused_with = 0;
  std::string refusal;
  bool idle = true;
  size_t bytes_missing = 0;
  bool waits_for_continue = false;
};

// All requests of `bytes`, which arrive in pieces of `cuts`, over and over, or in one when there are none.
Seen ReadAll(std::string_view bytes, std::string_view cuts, const WireLimits& limits) {
  Seen seen;
  RequestReader reader(limits);
  for (size_t n = 0; !bytes.empty() && seen.state != State::kRefused; ++n) {
    const size_t wanted = cuts.empty() ? bytes.size() : 1 + static_cast<uint8_t>(cuts[n % cuts.size()]) % 64;
    std::string_view piece = bytes.substr(0, wanted);
    bytes.remove_prefix(piece.size());
    while (!piece.empty() && seen.state != State::kRefused) {
      // A copy, so that reading behind its end is seen.
      const std::vector<char> copy(piece.begin(), piece.end());
      size_t consumed = 0;
      seen.state = reader.Feed({copy.data(), copy.size()}, &consumed);
      MOM_CHECK(consumed <= piece.size(), consumed, piece.size());
      if (seen.state == State::kNeedMore) MOM_CHECK(consumed == piece.size());
      piece.remove_prefix(consumed);
      if (seen.state != State::kReady) continue;
      seen.keep_alive.push_back(reader.keep_alive());
      seen.requests.push_back(reader.TakeRequest());
      MOM_CHECK(reader.idle());
      seen.state = State::kNeedMore;
    }
  }
  if (seen.state == State::kRefused) {
    seen.refused_with = reader.refusal().status;
    seen.refusal = reader.refusal().body;
    MOM_CHECK(!reader.keep_alive());
    return seen;
  }
  seen.idle = reader.idle();
  seen.bytes_missing = reader.body_bytes_missing();
  seen.waits_for_continue = reader.TakeExpectContinue();
  return seen;
}

void CheckSame(const Seen& a, const Seen& b) {
  MOM_CHECK(a.requests.size() == b.requests.size(), a.requests.size(), b.requests.size());
  for (size_t i = 0; i < a.requests.size(); ++i) {
    const HttpRequest& one = a.requests[i];
    const HttpRequest& other = b.requests[i];
    MOM_CHECK(one.method == other.method && one.path == other.path && one.query == other.query, i);
    MOM_CHECK(one.headers == other.headers && one.body == other.body, i);
    MOM_CHECK(a.keep_alive[i] == b.keep_alive[i], i);
  }
  MOM_CHECK(a.refused_with == b.refused_with, a.refused_with, b.refused_with);
  MOM_CHECK(a.refusal == b.refusal, a.refusal, b.refusal);
  MOM_CHECK(a.idle == b.idle && a.bytes_missing == b.bytes_missing);
  MOM_CHECK(a.waits_for_continue == b.waits_for_continue);
}

void CheckRequest(const HttpRequest& request, const WireLimits& limits) {
  MOM_CHECK(request.path.starts_with('/') || (request.path == "*" && request.method == "OPTIONS"));
  MOM_CHECK(request.path.size() + request.query.size() <= limits.target_bytes_max);
  MOM_CHECK(request.headers.size() <= limits.headers_max);
  MOM_CHECK(request.body.size() <= limits.request_bytes_max);
  size_t lengths = 0;
  for (const auto& [name, value] : request.headers) {
    lengths += name == "content-length" || name == "transfer-encoding" ? 1 : 0;
    MOM_CHECK(!name.empty() && (name + value).find_first_of("\r\n") == std::string::npos);
  }
  MOM_CHECK(lengths <= 1 && (lengths == 1 || request.body.empty()), lengths);
  HttpRequest copy = request;
  v1::NewMessage message;
  if (!ReadRawMessage(&copy, &message).empty()) return;
  MOM_CHECK(message.body() == request.body && copy.body.empty());
  std::vector<std::string> lines = {message.content_type(), message.content_encoding(),
                                    message.group(),        message.dedup_id(),
                                    message.reply_to(),     message.correlation_id()};
  for (const v1::Header& header : message.headers()) lines.push_back(header.name() + header.value());
  for (const std::string& line : lines) MOM_CHECK(IsUtf8(line) && !HasControlCharacter(line), line);
}

// Lines of an answer's head: one for the status, one for each header, an empty one.
void CheckAnswer(FuzzInput* input) {
  HttpResponse response;
  response.status = 200 + input->Byte() % 5;
  for (int i = input->Byte() % 3; i > 0; --i) {
    const std::string name(input->TakeText());
    response.headers.emplace_back(name, input->TakeText());
  }
  const std::string id(input->TakeText());
  std::string head;
  const bool has_body = AppendHead(response, {true, false, id}, &head);
  MOM_CHECK(has_body == (response.status != 204));
  size_t lines = 0;
  for (size_t i = 0; i < head.size(); ++i) lines += head[i] == '\n' ? 1 : 0;
  const size_t wanted = 1 + response.headers.size() + (id.empty() ? 0 : 1) + (has_body ? 1 : 0) + 1 + 1;
  MOM_CHECK(lines == wanted && head.ends_with("\r\n\r\n"), lines, wanted);
}

// First byte: small limits, or an answer. Then how many piece sizes, the sizes, and the bytes to read.
void FuzzOne(FuzzInput input) {
  const uint8_t mode = input.Byte();
  if (mode % 8 == 7) return CheckAnswer(&input);
  WireLimits limits;
  if (mode % 2 == 1) limits = {40, 160, 4, 200, 20};
  const std::string_view cuts = input.Take(1 + input.Byte() % 8);
  const std::string_view bytes = input.TakeRest();
  const Seen whole = ReadAll(bytes, "", limits);
  CheckSame(whole, ReadAll(bytes, cuts, limits));
  CheckSame(whole, ReadAll(bytes, std::string_view("\0", 1), limits));  // Byte by byte.
  for (const HttpRequest& request : whole.requests) CheckRequest(request, limits);
}

}  // namespace
}  // namespace mom::rest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::rest::FuzzOne({data, size});
  return 0;
}
