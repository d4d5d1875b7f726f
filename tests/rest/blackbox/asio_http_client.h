// HttpClient: one keep-alive connection to a node, one request at a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/json.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace mom::blackbox {

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
  boost::json::value json() const;  // Null when the body is none.
};

// Not thread-safe. Reconnects by itself after an error.
class HttpClient {
 public:
  explicit HttpClient(uint16_t port) : port_(port) {}
  void set_port(uint16_t port) {
    port_ = port;
    stream_.reset();
  }
  void set_token(std::string token) { token_ = std::move(token); }

  // Nothing: no answer came; the request may or may not have been done.
  std::optional<Answer> Send(const std::string& method, const std::string& target,
                             const std::string& body = "",
                             const std::map<std::string, std::string>& headers = {});

  // Connects as `user`; registers first when `password` is new. REQUIRES: the node answers.
  void Login(const std::string& user, const std::string& password);

 private:
  uint16_t port_;
  std::string token_;
  boost::asio::io_context io_;
  std::unique_ptr<boost::beast::tcp_stream> stream_;
};

}  // namespace mom::blackbox
