// The HTTP port: what the rest of the product knows of a web server. A request comes in, exactly one answer
// goes out, from whatever thread has it ready. Nothing here names the library behind it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/status.h"

namespace mom::rest {

// One request, complete. Not thread-safe; owned by whoever handles it.
struct HttpRequest {
  std::string method;  // Upper case: GET, POST, ...
  std::string path;    // As sent: still percent-encoded, without the query.
  std::string query;   // Behind '?', still encoded; empty when none.
  std::vector<std::pair<std::string, std::string>> headers;  // Names in lower case.
  std::string body;
  std::string peer;  // Address of the connected peer without the port.
  // Becomes true when the client hangs up, so that a long wait can be given up. Null: never told.
  std::shared_ptr<const std::atomic<bool>> hung_up;

  // Value of the first header of that lower-case name, or nullptr.
  const std::string* FindHeader(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return &value;
    return nullptr;
  }
};

// One answer. The adapter adds Content-Length, Connection and the X-Request-Id of the request.
struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Further headers, each a whole line with its CRLF, sent as they are: for those that every answer has, made
  // by ourselves and free of control characters.
  std::string header_lines = {};
};

// The right to answer one request: move-only, usable from any thread, once. Answering after the client hung
// up, or after the server stopped, is allowed and does nothing. Dropping it unanswered answers 503.
class Responder {
 public:
  // Implemented by an adapter. Complete() is called exactly once, from any thread, and must not block.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void Complete(uint64_t request_number, HttpResponse response) = 0;
    // The same for several requests at once; takes their contents.
    virtual void CompleteAll(std::vector<std::pair<uint64_t, HttpResponse>>* answers) {
      for (auto& [number, response] : *answers) Complete(number, std::move(response));
      answers->clear();
    }
  };

  Responder() = default;
  Responder(std::shared_ptr<Sink> sink, uint64_t request_number)
      : sink_(std::move(sink)), request_number_(request_number) {}
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept {
    if (this != &other) {
      Abandon();
      sink_ = std::move(other.sink_);
      request_number_ = other.request_number_;
    }
    return *this;
  }
  ~Responder() { Abandon(); }

  void Send(HttpResponse response);

 private:
  void Abandon() {
    if (sink_) Send(HttpResponse{503, {{"Retry-After", "1"}}, {}});
  }

  std::shared_ptr<Sink> sink_;
  uint64_t request_number_ = 0;
};

// While one lives, answers given on its thread are kept back and handed over together, so that many of them
// wake a server thread once. Does not nest; at most kAnswersMax wait.
class AnswersTogether {
 public:
  AnswersTogether();
  ~AnswersTogether();
  AnswersTogether(const AnswersTogether&) = delete;
  AnswersTogether& operator=(const AnswersTogether&) = delete;

  // For Responder: true when it took the answer, because one lives on this thread.
  static bool Keep(std::shared_ptr<Responder::Sink>* sink, uint64_t request_number, HttpResponse* response);

 private:
  static constexpr size_t kAnswersMax = 64;  // More would make the first ones wait for the last ones.
  struct Kept {
    std::shared_ptr<Responder::Sink> sink;
    std::vector<std::pair<uint64_t, HttpResponse>> answers;
  };
  void HandOver();

  std::vector<Kept> kept_;  // One for each sink.
  size_t count_ = 0;
};

// Called on a server thread. Must not block; may answer at once or keep the responder. Must not throw (the
// adapter answers a plain 500 without the exception's text if it does).
using HttpHandler = std::function<void(HttpRequest request, Responder responder)>;

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;                      // 0: pick a free one.
  int threads = 2;                        // Server threads, 1 to 64.
  size_t request_bytes_max = (6u << 20);  // Headers and body together; above it 413.
  int request_seconds_max = 75;           // Header, body and waiting for the answer together.
  uint32_t waiting_requests_max = 4096;   // Unanswered at once; above it 503 at once.
  // Asked for each new connection, on a server thread; false: it is closed at once. Empty: all are taken.
  std::function<bool()> admits;
};

// Counters since Start, except the two that say "now". Read them for metrics; they are not one snapshot.
struct HttpServerStats {
  uint64_t requests = 0;         // Complete requests handed to the handler.
  uint64_t answers = 0;          // Answers given to a connected client, refusals included.
  uint64_t aborted = 0;          // Requests whose client hung up before the answer.
  uint64_t refused = 0;          // Requests refused without asking the handler (4xx, 503).
  uint64_t connections = 0;      // Accepted.
  uint32_t connections_now = 0;  // Open.
  uint32_t waiting_now = 0;      // Handed out and not yet answered, abandoned ones included.
};

// A running web server. Start and Stop from one thread; Stop lets answered requests go out, at most
// `drain_ms`, and must be called before destruction.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  virtual Status Start(HttpHandler handler) = 0;  // kBusy when the port is taken.
  virtual uint16_t port() const = 0;              // The bound port, after Start.
  virtual void Stop(int drain_ms) = 0;
  virtual HttpServerStats stats() const = 0;  // From any thread.
};

}  // namespace mom::rest
