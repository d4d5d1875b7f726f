#include "bench/http_message.h"

namespace mom::bench {

RawRequest MakeRequest(std::string_view method, std::string_view path, std::string_view host,
                       std::string_view token, std::string_view content_type, std::string_view body) {
  RawRequest request;
  std::string& bytes = request.bytes;
  bytes.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  bytes.append("Connection: keep-alive\r\n");  // Without the word some servers close.
  if (!token.empty()) bytes.append("Authorization: Bearer ").append(token).append("\r\n");
  if (!content_type.empty()) bytes.append("Content-Type: ").append(content_type).append("\r\n");
  bytes.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
  request.body_at = bytes.size();
  bytes.append(body);
  return request;
}

}  // namespace mom::bench
