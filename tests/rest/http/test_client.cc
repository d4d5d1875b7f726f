#include "tests/rest/http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace mom::rest {

TestClient::TestClient(uint16_t port, int read_timeout_ms) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval timeout{read_timeout_ms / 1000, read_timeout_ms % 1000 * 1000};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Close();
}

TestClient::TestClient(TestClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), input_(std::move(other.input_)) {}

bool TestClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool TestClient::ReadMore() {
  char buffer[65536];
  const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  input_.append(buffer, static_cast<size_t>(got));
  return true;
}

TestAnswer TestClient::ReadAnswer(bool has_body) {
  size_t end;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos)
    if (!ReadMore()) return {};
  TestAnswer answer;
  answer.status = std::stoi(input_.substr(9, 3));
  size_t line = input_.find("\r\n") + 2;
  while (line < end + 2) {
    const size_t next = input_.find("\r\n", line);
    const size_t colon = input_.find(": ", line);
    std::string name = input_.substr(line, colon - line);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    answer.headers[name] = input_.substr(colon + 2, next - colon - 2);
    line = next + 2;
  }
  const auto length = answer.headers.find("content-length");
  const size_t bytes = has_body && length != answer.headers.end() ? std::stoul(length->second) : 0;
  input_.erase(0, end + 4);
  while (input_.size() < bytes)
    if (!ReadMore()) return {};
  answer.body = input_.substr(0, bytes);
  input_.erase(0, bytes);
  return answer;
}

bool TestClient::ReadsEnd() {
  char byte;
  return input_.empty() && ::recv(fd_, &byte, 1, 0) == 0;
}

void TestClient::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void TestClient::EndSending() {
  ::shutdown(fd_, SHUT_WR);
}

void TestClient::Reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  Close();
}

std::string PostRequest(std::string_view path, std::string_view body, std::string_view headers) {
  std::string text = "POST ";
  text.append(path).append(" HTTP/1.1\r\nHost: localhost\r\n").append(headers);
  text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return text;
}

}  // namespace mom::rest
