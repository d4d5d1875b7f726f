// HttpLink: one kept-alive HTTP connection to a node, blocking, every wait bounded.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/net_space.h"

namespace mom::cluster {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpAnswer {
  int status = 0;     // 0: no answer came.
  bool sent = false;  // Some of the request may have reached the node.
  Headers headers;    // Names in lower case.
  std::string body;

  std::string Find(const std::string& name) const;     // Empty when there is none.
  uint64_t FindNumber(const std::string& name) const;  // UINT64_MAX when there is none.
};

// Not thread-safe. Connects when needed, and again after anything went wrong.
class HttpLink {
 public:
  explicit HttpLink(Endpoint endpoint) : endpoint_(endpoint) {}
  ~HttpLink();
  HttpLink(const HttpLink&) = delete;
  HttpLink& operator=(const HttpLink&) = delete;

  HttpAnswer Send(const std::string& method, const std::string& target, const Headers& headers,
                  const std::string& body, int timeout_ms);

 private:
  bool Connect(int64_t deadline_ms);
  bool Write(const std::string& bytes, int64_t deadline_ms, HttpAnswer* answer);
  void Read(int64_t deadline_ms, HttpAnswer* answer);
  void Close();

  const Endpoint endpoint_;
  int fd_ = -1;
};

}  // namespace mom::cluster
