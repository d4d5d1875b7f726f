#include "rest/http_wire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/base/check.h"
#include "rest/http_text.h"
#include "rest/problem.h"

namespace mom::rest {
namespace {

// Headers of which a second one would make proxy and server disagree, or us choose one of two.
constexpr std::array<std::string_view, 9> kOnlyOnce = {
    "host",         "content-length",  "transfer-encoding", "content-type", "content-encoding",
    "x-request-id", "idempotency-key", "authorization",     "expect"};
constexpr uint32_t kHostBit = 1u << 0;
constexpr uint32_t kContentLengthBit = 1u << 1;
// All of ours are such, but those that become headers of a message: theirs is not the wire's business.
constexpr std::string_view kOwnPrefix = "mom-";
constexpr std::string_view kMessagePrefix = "mom-header-";

// Characters of a host with its port, as a target in absolute form has it. No '@': names before it are an old
// way to deceive.
bool IsAuthority(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsHttpToken({&c, 1}) || c == ':' || c == '[' || c == ']';
  });
}

}  // namespace

RequestReader::State RequestReader::Feed(std::string_view bytes, size_t* consumed) {
  *consumed = 0;
  if (in_body_) return FeedBody(bytes, consumed);
  // Empty lines before a request are tolerated (RFC 9112 2.2), one that arrives in two pieces too.
  if (head_ == "\r" && bytes.starts_with('\n')) {
    head_.clear();
    bytes.remove_prefix(1);
    *consumed += 1;
  }
  if (head_.empty()) {
    while (bytes.size() >= 2 && bytes.substr(0, 2) == "\r\n") {
      bytes.remove_prefix(2);
      *consumed += 2;
    }
  }
  // The end may lie across the border between what is kept and what came now.
  std::string_view head;
  const size_t kept = head_.size();
  size_t end;
  if (kept == 0) {
    end = bytes.find("\r\n\r\n");
    if (end != std::string_view::npos) head = bytes.substr(0, end + 2);
  } else {
    head_.append(bytes.substr(0, limits_.head_bytes_max + 4));
    end = head_.find("\r\n\r\n", kept < 3 ? 0 : kept - 3);
    if (end != std::string_view::npos) head = std::string_view(head_).substr(0, end + 2);
  }
  const size_t head_bytes = end == std::string_view::npos ? kept + bytes.size() : end + 4;
  if (head_bytes > limits_.head_bytes_max) {
    Refuse(431, "headers-too-large",
           "request line and headers are larger than " + std::to_string(limits_.head_bytes_max) + " bytes");
    return State::kRefused;
  }
  if (end == std::string_view::npos) {
    if (kept == 0) head_.assign(bytes);
    *consumed += bytes.size();
    return State::kNeedMore;
  }
  if (!ParseHead(head)) return State::kRefused;
  head_.clear();
  const size_t taken = head_bytes - kept;
  *consumed += taken;
  in_body_ = true;
  return FeedBody(bytes.substr(taken), consumed);
}

RequestReader::State RequestReader::FeedBody(std::string_view bytes, size_t* consumed) {
  if (is_chunked_) return FeedChunks(bytes, consumed);
  const size_t take = std::min(bytes.size(), body_bytes_missing());
  if (request_.body.empty() && take > 0) request_.body.reserve(std::min<size_t>(content_length_, 1u << 16));
  request_.body.append(bytes.substr(0, take));
  *consumed += take;
  return body_bytes_missing() == 0 ? State::kReady : State::kNeedMore;
}

RequestReader::State RequestReader::FeedChunks(std::string_view bytes, size_t* consumed) {
  const ChunkedLimits limits{limits_.request_bytes_max, limits_.chunk_extension_bytes_max,
                             limits_.head_bytes_max};
  switch (chunked_.Feed(bytes, limits, consumed, &request_.body)) {
    case ChunkedBody::State::kNeedMore:
      return State::kNeedMore;
    case ChunkedBody::State::kDone:
      return State::kReady;
    case ChunkedBody::State::kRefused:
      break;
  }
  switch (chunked_.refusal()) {
    case ChunkedBody::Refusal::kBodyTooLarge:
      Refuse(413, "body-too-large",
             "the request is larger than " + std::to_string(limits_.request_bytes_max) + " bytes");
      break;
    case ChunkedBody::Refusal::kTrailersTooLarge:
      Refuse(431, "headers-too-large",
             "the trailers are larger than " + std::to_string(limits.trailer_bytes_max) + " bytes");
      break;
    case ChunkedBody::Refusal::kExtensionsTooLarge:
      Refuse(400, "malformed-request",
             "the extensions of chunks are longer than " + std::to_string(limits.extension_bytes_max) +
                 " bytes");
      break;
    default:
      Refuse(400, "malformed-request", "the body is not in chunks of RFC 9112");
  }
  return State::kRefused;
}

HttpRequest RequestReader::TakeRequest() {
  MOM_CHECK(in_body_ && body_bytes_missing() == 0);
  in_body_ = false;
  expect_continue_ = false;
  return std::exchange(request_, HttpRequest());
}

bool RequestReader::Refuse(int status, std::string_view code, std::string detail) {
  refusal_ = Problem(status, code, std::move(detail));
  keep_alive_ = false;
  return false;
}

// `head` ends with the CR LF of its last line.
bool RequestReader::ParseHead(std::string_view head) {
  seen_ = 0;
  content_length_ = 0;
  is_chunked_ = false;
  keep_alive_ = true;
  bool is_first = true;
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (is_first ? !ParseRequestLine(line) : !ParseHeader(line)) return false;
    is_first = false;
  }
  return CheckHead();
}

bool RequestReader::ParseRequestLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
    return Refuse(400, "malformed-request", "the request line is not METHOD TARGET HTTP/1.1");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return Refuse(version.starts_with("HTTP/") ? 505 : 400, "http-version",
                  "only HTTP/1.1 and HTTP/1.0 are spoken here");
  is_http_10_ = version == "HTTP/1.0";
  keep_alive_ = !is_http_10_;
  if (method.size() > 16 ||
      !std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
    return Refuse(400, "malformed-request", "the method is not a word of capital letters");
  if (target.size() > limits_.target_bytes_max)
    return Refuse(
        414, "target-too-long",
        "the path and query are longer than " + std::to_string(limits_.target_bytes_max) + " bytes");
  request_.method.assign(method);
  if (!ParseTarget(target)) return false;
  request_.headers.reserve(8);
  return true;
}

// "/path?query"; as a client sends it to a proxy, "http://host/path?query"; or "*", of the server as a whole.
bool RequestReader::ParseTarget(std::string_view target) {
  const bool is_clean =
      std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  const bool asks_options = request_.method == "OPTIONS";
  bool is_good = is_clean;
  if (is_clean && !target.starts_with('/') && !(asks_options && target == "*")) {
    const size_t scheme = target.find("://");
    const std::string_view name = target.substr(0, scheme);
    is_good = scheme != std::string_view::npos &&
              (EqualsIgnoringCase(name, "http") || EqualsIgnoringCase(name, "https"));
    if (is_good) {
      target.remove_prefix(scheme + 3);
      const std::string_view authority = target.substr(0, target.find_first_of("/?"));
      is_good = IsAuthority(authority);
      target.remove_prefix(authority.size());
      if (target.empty() && asks_options) target = "*";
    }
  }
  if (!is_good)
    return Refuse(400, "malformed-request",
                  "the target is neither a path nor a URL of printable ASCII characters");
  const size_t mark = target.find('?');
  request_.path.assign(target.substr(0, mark));
  if (request_.path.empty()) request_.path.push_back('/');
  if (mark != std::string_view::npos) request_.query.assign(target.substr(mark + 1));
  return true;
}

bool RequestReader::ParseHeader(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsHttpToken(line.substr(0, colon)))
    return Refuse(400, "malformed-request", "a header line is not NAME: VALUE");
  const std::string_view value = TrimSpaces(line.substr(colon + 1));
  if (HasControlByte(value))
    return Refuse(400, "malformed-request", "a header value holds a control character");
  if (request_.headers.size() == limits_.headers_max)
    return Refuse(431, "too-many-headers", "more than " + std::to_string(limits_.headers_max) + " headers");
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), LowerAscii);
  if (!ParseSpecialHeader(name, value)) return false;
  request_.headers.emplace_back(std::move(name), value);
  return true;
}

// Which of two values counts, nobody could say.
bool RequestReader::CheckRepeat(std::string_view name) {
  bool is_repeat = false;
  if (name.starts_with(kOwnPrefix)) {
    is_repeat = !name.starts_with(kMessagePrefix) && request_.FindHeader(name) != nullptr;
  } else if (const auto once = std::find(kOnlyOnce.begin(), kOnlyOnce.end(), name); once != kOnlyOnce.end()) {
    const uint32_t bit = 1u << (once - kOnlyOnce.begin());
    is_repeat = (seen_ & bit) != 0;
    seen_ |= bit;
  }
  if (!is_repeat) return true;
  return Refuse(400, "duplicate-header", "the header " + std::string(name) + " came twice");
}

bool RequestReader::ParseSpecialHeader(std::string_view name, std::string_view value) {
  if (!CheckRepeat(name)) return false;
  if (name == "content-length") {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), content_length_);
    const bool is_digits = !value.empty() && std::all_of(value.begin(), value.end(),
                                                         [](char c) { return c >= '0' && c <= '9'; });
    if (!is_digits) return Refuse(400, "malformed-request", "Content-Length is not a number");
    if (error != std::errc() || end != value.data() + value.size() ||
        content_length_ > limits_.request_bytes_max)
      return Refuse(413, "body-too-large",
                    "the request is larger than " + std::to_string(limits_.request_bytes_max) + " bytes");
  } else if (name == "transfer-encoding") {
    if (!EqualsIgnoringCase(value, "chunked"))
      return Refuse(501, "transfer-encoding", "no other Transfer-Encoding than chunked is known");
    is_chunked_ = true;
    chunked_.Start();
  } else if (name == "expect") {
    if (!EqualsIgnoringCase(value, "100-continue"))
      return Refuse(417, "expectation-failed", "only 100-continue is known");
    expect_continue_ = true;
  } else if (name == "connection") {
    if (ListHas(value, "close"))
      keep_alive_ = false;
    else if (is_http_10_ && ListHas(value, "keep-alive"))
      keep_alive_ = true;
  }
  return true;
}

bool RequestReader::CheckHead() {
  if (!is_http_10_ && !(seen_ & kHostBit))
    return Refuse(400, "malformed-request", "the header Host is missing");
  // Two ways to say where the body ends: somebody on the way may have believed the other one.
  if (is_chunked_ && (seen_ & kContentLengthBit))
    return Refuse(400, "malformed-request", "Transfer-Encoding and Content-Length exclude each other");
  if (is_chunked_ && is_http_10_)
    return Refuse(400, "malformed-request", "HTTP/1.0 has no Transfer-Encoding");
  if (content_length_ == 0 && !is_chunked_) expect_continue_ = false;
  return true;
}

}  // namespace mom::rest
