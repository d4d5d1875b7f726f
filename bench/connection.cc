#include "bench/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>

#include "core/base/check.h"

namespace mom::bench {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

constexpr size_t kBufferBytes = 64 << 10;

}  // namespace

Connection::Connection(asio::io_context* io, const asio::ip::tcp::endpoint& endpoint, Answered answered)
    : socket_(*io), endpoint_(endpoint), answered_(std::move(answered)), buffer_(kBufferBytes) {}

void Connection::Send(std::string_view bytes) {
  MOM_CHECK(!busy_);
  busy_ = true;
  buffered_ = 0;
  body_.clear();
  parser_.emplace(&body_);
  if (socket_.is_open()) return Write(bytes);
  socket_.async_connect(endpoint_, [this, bytes](const Error& error) {
    if (error) return Finish(0);
    Error ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
    Write(bytes);
  });
}

void Connection::Abort() {
  // The operation under way then completes with an error.
  if (Error ignored; busy_) socket_.close(ignored);
}

void Connection::Write(std::string_view bytes) {
  // Small requests fit into the socket's buffer at once; only the rest takes the way through the event loop.
  Error error;
  const size_t sent = socket_.send(asio::buffer(bytes.data(), bytes.size()), 0, error);
  if (!error && sent == bytes.size()) return Read();
  if (error && error != asio::error::would_block) {
    return asio::post(socket_.get_executor(), [this] { Finish(0); });
  }
  bytes.remove_prefix(error ? 0 : sent);
  asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()), [this](const Error& failed, size_t) {
    if (failed) return Finish(0);
    Read();
  });
}

void Connection::Read() {
  socket_.async_read_some(asio::buffer(buffer_.data() + buffered_, buffer_.size() - buffered_),
                          [this](const Error& error, size_t bytes_read) {
                            if (error) return Finish(0);
                            Consume(bytes_read);
                          });
}

void Connection::Consume(size_t bytes_read) {
  namespace http = boost::beast::http;
  buffered_ += bytes_read;
  size_t taken = 0;
  while (taken < buffered_ && !parser_->is_done()) {
    boost::beast::error_code error;
    taken += parser_->put(asio::buffer(buffer_.data() + taken, buffered_ - taken), error);
    if (error == http::error::need_more) break;
    if (error) return Finish(0);
  }
  buffered_ -= taken;
  std::memmove(buffer_.data(), buffer_.data() + taken, buffered_);
  if (parser_->is_done()) return Finish(parser_->status());
  if (buffered_ == buffer_.size()) return Finish(0);  // A header larger than the whole buffer.
  Read();
}

void Connection::Finish(int status) {
  const bool keep = status != 0 && parser_->keep_alive() && buffered_ == 0;
  if (Error ignored; !keep) socket_.close(ignored);
  busy_ = false;
  answered_(status, body_);
}

}  // namespace mom::bench
