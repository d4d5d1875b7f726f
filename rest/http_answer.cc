// The head of an answer.
#include <algorithm>
#include <array>
#include <ctime>
#include <string>

#include "core/base/check.h"
#include "rest/http_wire.h"

namespace mom::rest {

bool AppendHead(const HttpResponse& response, const AnswerContext& context, std::string* out) {
  const auto append_clean = [out](std::string_view s) {
    const size_t begin = out->size();
    out->append(s);
    std::replace_if(
        out->begin() + static_cast<ptrdiff_t>(begin), out->end(),
        [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }, ' ');
  };
  MOM_CHECK(response.status >= 200 && response.status <= 999, response.status);
  out->append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out->append(StatusReason(response.status)).append("\r\n");
  out->append(context.date_line);
  for (const auto& [name, value] : response.headers) {
    append_clean(name);
    out->append(": ");
    append_clean(value);
    out->append("\r\n");
  }
  out->append(response.header_lines);
  if (!context.request_id.empty()) {
    out->append("X-Request-Id: ");
    append_clean(context.request_id);
    out->append("\r\n");
  }
  const bool can_have_body = response.status != 204 && response.status != 304;
  if (can_have_body)
    out->append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  out->append(context.keep_alive ? "Connection: Keep-Alive\r\n\r\n" : "Connection: close\r\n\r\n");
  return can_have_body && !context.is_head_request;
}

std::string DateLine(int64_t seconds) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::string line = "Date: ";
  const auto append = [&line](int number) {
    if (number < 10) line.push_back('0');
    line.append(std::to_string(number));
  };
  line.append(kDays[static_cast<size_t>(parts.tm_wday)]).append(", ");
  append(parts.tm_mday);
  line.append(" ").append(kMonths[static_cast<size_t>(parts.tm_mon)]).append(" ");
  line.append(std::to_string(parts.tm_year + 1900)).append(" ");
  append(parts.tm_hour);
  line.push_back(':');
  append(parts.tm_min);
  line.push_back(':');
  append(parts.tm_sec);
  return line.append(" GMT\r\n");
}

std::string_view StatusReason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

}  // namespace mom::rest
