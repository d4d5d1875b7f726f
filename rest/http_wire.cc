#include "rest/http_wire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/base/check.h"
#include "rest/problem.h"

namespace mom::rest {
namespace {

// Headers of which a second one would make proxy and server disagree.
constexpr std::array<std::string_view, 6> kOnlyOnce = {"host",          "content-length", "content-type",
                                                       "authorization", "x-request-id",   "idempotency-key"};
constexpr uint32_t kHostBit = 1u << 0;

constexpr bool IsTokenChar(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr std::array<bool, 256> kTokenTable = [] {
  std::array<bool, 256> table{};
  for (size_t i = 0; i < 256; ++i) table[i] = i < 128 && i != 0 && IsTokenChar(static_cast<char>(i));
  return table;
}();

bool IsToken(std::string_view s) {
  return !s.empty() &&
         std::all_of(s.begin(), s.end(), [](char c) { return kTokenTable[static_cast<uint8_t>(c)]; });
}

bool HasControl(std::string_view s) {
  return std::any_of(s.begin(), s.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool EqualsIgnoringCase(std::string_view s, std::string_view lower) {
  return s.size() == lower.size() &&
         std::equal(s.begin(), s.end(), lower.begin(), [](char a, char b) { return Lower(a) == b; });
}

// Whether the comma-separated `list` holds `lower`.
bool ListHas(std::string_view list, std::string_view lower) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (EqualsIgnoringCase(Trim(list.substr(0, comma)), lower)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
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
  const size_t take = std::min(bytes.size(), body_bytes_missing());
  if (request_.body.empty() && take > 0) request_.body.reserve(std::min<size_t>(content_length_, 1u << 16));
  request_.body.append(bytes.substr(0, take));
  *consumed += take;
  return body_bytes_missing() == 0 ? State::kReady : State::kNeedMore;
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
  const bool is_clean =
      std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (!target.starts_with('/') || !is_clean)
    return Refuse(400, "malformed-request", "the target is not a path of printable ASCII characters");
  const size_t mark = target.find('?');
  request_.method.assign(method);
  request_.path.assign(target.substr(0, mark));
  if (mark != std::string_view::npos) request_.query.assign(target.substr(mark + 1));
  request_.headers.reserve(8);
  return true;
}

bool RequestReader::ParseHeader(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)))
    return Refuse(400, "malformed-request", "a header line is not NAME: VALUE");
  const std::string_view value = Trim(line.substr(colon + 1));
  if (HasControl(value)) return Refuse(400, "malformed-request", "a header value holds a control character");
  if (request_.headers.size() == limits_.headers_max)
    return Refuse(431, "too-many-headers", "more than " + std::to_string(limits_.headers_max) + " headers");
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), Lower);
  if (!ParseSpecialHeader(name, value)) return false;
  request_.headers.emplace_back(std::move(name), value);
  return true;
}

bool RequestReader::ParseSpecialHeader(std::string_view name, std::string_view value) {
  const auto once = std::find(kOnlyOnce.begin(), kOnlyOnce.end(), name);
  if (once != kOnlyOnce.end()) {
    const uint32_t bit = 1u << (once - kOnlyOnce.begin());
    if (seen_ & bit)
      return Refuse(400, "duplicate-header", "the header " + std::string(name) + " came twice");
    seen_ |= bit;
  }
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
    return Refuse(411, "length-required", "Transfer-Encoding is not accepted; send Content-Length");
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
  if (content_length_ == 0) expect_continue_ = false;
  return true;
}

bool AppendHead(const HttpResponse& response, const AnswerContext& context, std::string* out) {
  const auto append_clean = [out](std::string_view s) {
    const size_t begin = out->size();
    out->append(s);
    std::replace_if(
        out->begin() + static_cast<ptrdiff_t>(begin), out->end(),
        [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }, ' ');
  };
  MOM_CHECK(response.status >= 200 && response.status <= 999, response.status);
  out->append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out->append(StatusReason(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers) {
    append_clean(name);
    out->append(": ");
    append_clean(value);
    out->append("\r\n");
  }
  out->append(response.header_lines);
  if (!context.request_id.empty()) {
    out->append("X-Request-Id: ");
    append_clean(context.request_id);
    out->append("\r\n");
  }
  const bool can_have_body = response.status != 204 && response.status != 304;
  if (can_have_body)
    out->append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  out->append(context.keep_alive ? "Connection: Keep-Alive\r\n\r\n" : "Connection: close\r\n\r\n");
  return can_have_body && !context.is_head_request;
}

std::string_view StatusReason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

}  // namespace mom::rest
