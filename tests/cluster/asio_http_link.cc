#include "tests/cluster/asio_http_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>

namespace mom::cluster {
namespace {

namespace http = boost::beast::http;

constexpr uint64_t kBodyBytesMax = 16u << 20;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool WaitFor(int fd, short events, int64_t deadline_ms) {
  for (;;) {
    pollfd poller{fd, events, 0};
    const int64_t left = deadline_ms - NowMs();
    if (left <= 0) return false;
    const int count = poll(&poller, 1, static_cast<int>(left));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return false;
  }
}

}  // namespace

std::string HttpAnswer::Find(const std::string& name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&name](const auto& h) { return h.first == name; });
  return found == headers.end() ? std::string() : found->second;
}

uint64_t HttpAnswer::FindNumber(const std::string& name) const {
  const std::string text = Find(name);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : UINT64_MAX;
}

HttpLink::~HttpLink() {
  Close();
}

void HttpLink::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

HttpAnswer HttpLink::Send(const std::string& method, const std::string& target, const Headers& headers,
                          const std::string& body, int timeout_ms) {
  const int64_t deadline_ms = NowMs() + timeout_ms;
  HttpAnswer answer;
  if (fd_ < 0 && !Connect(deadline_ms)) {
    Close();
    return answer;
  }
  std::string bytes = method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n";
  for (const auto& [name, value] : headers) bytes += name + ": " + value + "\r\n";
  bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  if (Write(bytes, deadline_ms, &answer)) Read(deadline_ms, &answer);
  if (answer.status == 0) Close();
  return answer;
}

bool HttpLink::Connect(int64_t deadline_ms) {
  fd_ = SocketIn(endpoint_.space);
  if (fd_ < 0) return false;
  fcntl(fd_, F_SETFL, O_NONBLOCK);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint_.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
  if (errno != EINPROGRESS || !WaitFor(fd_, POLLOUT, deadline_ms)) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

bool HttpLink::Write(const std::string& bytes, int64_t deadline_ms, HttpAnswer* answer) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count > 0) {
      answer->sent = true;
      sent += static_cast<size_t>(count);
    } else if (errno != EAGAIN || !WaitFor(fd_, POLLOUT, deadline_ms)) {
      return false;
    }
  }
  return true;
}

void HttpLink::Read(int64_t deadline_ms, HttpAnswer* answer) {
  http::response_parser<http::string_body> parser;
  parser.body_limit(kBodyBytesMax);
  parser.eager(true);
  std::string waiting;  // What the parser has not taken.
  std::array<char, 16 << 10> part;
  while (!parser.is_done()) {
    const ssize_t count = recv(fd_, part.data(), part.size(), 0);
    if (count < 0 && errno == EAGAIN && WaitFor(fd_, POLLIN, deadline_ms)) continue;
    if (count <= 0) return;
    waiting.append(part.data(), static_cast<size_t>(count));
    while (!waiting.empty() && !parser.is_done()) {
      boost::beast::error_code error;
      waiting.erase(0, parser.put(boost::asio::buffer(waiting), error));
      if (error == http::error::need_more) break;
      if (error) return;
    }
  }
  auto& message = parser.get();
  for (const auto& field : message) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    answer->headers.emplace_back(std::move(name), std::string(field.value()));
  }
  answer->body = std::move(message.body());
  answer->status = static_cast<int>(message.result_int());
  if (!message.keep_alive() || !waiting.empty()) Close();
}

}  // namespace mom::cluster
