// HTTP/1.1 on the wire, without sockets: bytes in, one HttpRequest out, and the head of an answer.
//
// Strict on purpose (RFC 9112 where it says MUST, and stricter where a proxy and we could disagree): lines
// end in CR LF, no folded headers, one Content-Length of digits only or the Transfer-Encoding "chunked",
// never both, one Host. Every refusal ends the connection, so that no byte of a bad request is ever taken for
// the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rest/chunked_body.h"
#include "rest/http_port.h"

namespace mom::rest {

struct WireLimits {
  size_t target_bytes_max = 2048;
  size_t head_bytes_max = 18u << 10;    // Request line and headers: 16 KiB of headers fit beside any target.
  size_t headers_max = 128;             // As many Mom-Header-* as a message takes, and 64 others.
  size_t request_bytes_max = 6u << 20;  // Head and body.
  size_t chunk_extension_bytes_max = 16u << 10;  // Of all chunks of a body. Trailers: as the head.
};

// Cuts requests out of a stream of bytes. Not thread-safe; one for each connection.
class RequestReader {
 public:
  enum class State {
    kNeedMore,  // All bytes taken, the request is not complete.
    kReady,     // Take the request with TakeRequest().
    kRefused,   // Answer with refusal() and close: the stream cannot be read further.
  };

  explicit RequestReader(const WireLimits& limits) : limits_(limits) {}

  // Takes bytes up to the end of the request; `*consumed` says how many.
  // REQUIRES: the last call returned kNeedMore, or TakeRequest() was called since.
  State Feed(std::string_view bytes, size_t* consumed);

  // The complete request; the reader starts over. `keep_alive()` stays valid until the next Feed.
  HttpRequest TakeRequest();

  const HttpResponse& refusal() const { return refusal_; }
  bool keep_alive() const { return keep_alive_; }
  // Between two requests: nothing of a next one has arrived.
  bool idle() const { return !in_body_ && head_.empty(); }
  // So many bytes of body are still to come, or more if it comes in chunks; 0 while in the head.
  size_t body_bytes_missing() const {
    if (!in_body_) return 0;
    return is_chunked_ ? chunked_.bytes_missing() : content_length_ - request_.body.size();
  }
  // Of the request that is being read, once its head is.
  bool is_chunked() const { return is_chunked_; }
  // True once for each request that wants "100 Continue" before it sends its body.
  bool TakeExpectContinue() { return std::exchange(expect_continue_, false); }

 private:
  State FeedBody(std::string_view bytes, size_t* consumed);
  State FeedChunks(std::string_view bytes, size_t* consumed);
  bool ParseHead(std::string_view head);
  bool ParseRequestLine(std::string_view line);
  bool ParseTarget(std::string_view target);
  bool ParseHeader(std::string_view line);
  bool ParseSpecialHeader(std::string_view name, std::string_view value);
  bool CheckRepeat(std::string_view name);
  bool CheckHead();
  bool Refuse(int status, std::string_view code, std::string detail);

  const WireLimits limits_;
  std::string head_;  // Bytes of an incomplete head.
  bool in_body_ = false;
  bool expect_continue_ = false;
  bool keep_alive_ = true;
  bool is_http_10_ = false;
  uint32_t seen_ = 0;  // Bits of the headers that may come only once.
  size_t content_length_ = 0;
  bool is_chunked_ = false;
  ChunkedBody chunked_;
  HttpRequest request_;
  HttpResponse refusal_;
};

// What the answer's head says besides the answer.
struct AnswerContext {
  bool keep_alive = true;
  bool is_head_request = false;      // The body is left out, its length is not.
  std::string_view request_id = {};  // Echoed when not empty.
  std::string_view date_line = {};   // Of DateLine; left out when empty.
};

// "Date: Sun, 06 Nov 1994 08:49:37 GMT" with its CR LF, for seconds since 1970.
std::string DateLine(int64_t seconds);

// Appends status line and headers. Control characters in names or values become spaces, so no answer can be
// split by what a caller put into a header. Returns whether the body follows.
bool AppendHead(const HttpResponse& response, const AnswerContext& context, std::string* out);

// "Not Found"; "Unknown" for a status that HTTP does not know.
std::string_view StatusReason(int status);

}  // namespace mom::rest
