// A client of raw sockets: sends what it is told, byte for byte, and reads answers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace mom::rest {

struct TestAnswer {
  int status = 0;                              // 0: the connection ended, or nothing came in time.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
};

// Connects to 127.0.0.1. Blocking, with a time limit on every read. Not thread-safe.
class TestClient {
 public:
  explicit TestClient(uint16_t port, int read_timeout_ms = 5000);
  ~TestClient() { Close(); }
  TestClient(TestClient&& other) noexcept;
  TestClient& operator=(TestClient&&) = delete;

  bool connected() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool Send(std::string_view bytes);
  // `has_body` false: the answer to a HEAD request.
  TestAnswer ReadAnswer(bool has_body = true);
  // Whether the server closes within the time limit, with nothing more to read.
  bool ReadsEnd();
  void Close();
  // Sends nothing more, but reads on: the server sees the end of the stream.
  void EndSending();
  // Closes so that the server sees a reset.
  void Reset();

  TestAnswer Ask(std::string_view request) { return Send(request) ? ReadAnswer() : TestAnswer(); }

 private:
  bool ReadMore();

  int fd_ = -1;
  std::string input_;
};

// "POST /x HTTP/1.1" with Host, Content-Length and `headers` (whole lines).
std::string PostRequest(std::string_view path, std::string_view body, std::string_view headers = {});

}  // namespace mom::rest
