// Connection: one kept-alive HTTP connection with one request at a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/http_message.h"

namespace mom::bench {

// Used on the thread of its io_context only. Connects when a request needs it and again after a failure.
class Connection {
 public:
  // status 0: the connection failed and the outcome is unknown. `body` is valid during the call, in which the
  // next Send is allowed.
  using Answered = std::function<void(int status, std::string_view body)>;

  Connection(boost::asio::io_context* io, const boost::asio::ip::tcp::endpoint& endpoint, Answered answered);

  // `bytes` must stay as they are until the answer. REQUIRES: no request is under way.
  void Send(std::string_view bytes);
  // Ends a request that is under way with status 0.
  void Abort();
  bool busy() const { return busy_; }

 private:
  void Write(std::string_view bytes);
  void Read();
  void Consume(size_t bytes_read);
  void Finish(int status);

  boost::asio::ip::tcp::socket socket_;
  boost::asio::ip::tcp::endpoint endpoint_;
  Answered answered_;
  std::vector<char> buffer_;
  size_t buffered_ = 0;  // Bytes at the start of buffer_ that the parser has not taken.
  std::string body_;
  std::optional<AnswerParser> parser_;
  bool busy_ = false;
};

}  // namespace mom::bench
