#include "rest/problem.h"

#include "rest/http_wire.h"
#include "rest/names.h"

namespace mom::rest {

HttpResponse Problem(int status, std::string_view code, std::string_view detail,
                     std::initializer_list<ProblemField> fields) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/problem+json");
  response.headers.emplace_back("Cache-Control", "no-store");
  if (status == 429 || status == 503 || status == 507) response.headers.emplace_back("Retry-After", "1");
  std::string& body = response.body;
  body.reserve(192 + 2 * code.size() + detail.size());
  body.append("{\"type\":");
  AppendJsonString("urn:mom:problem:" + std::string(code), &body);
  body.append(",\"title\":");
  AppendJsonString(StatusReason(status), &body);
  body.append(",\"status\":").append(std::to_string(status)).append(",\"code\":");
  AppendJsonString(code, &body);
  body.append(",\"detail\":");
  AppendJsonString(detail, &body);
  for (const auto& [name, value] : fields) {
    body.push_back(',');
    AppendJsonString(name, &body);
    body.push_back(':');
    if (const auto* number = std::get_if<int64_t>(&value)) body.append(std::to_string(*number));
    if (const auto* text = std::get_if<std::string_view>(&value)) AppendJsonString(*text, &body);
    if (const auto* flag = std::get_if<bool>(&value)) body.append(*flag ? "true" : "false");
    if (const auto* json = std::get_if<RawJson>(&value)) body.append(json->text);
  }
  body.push_back('}');
  return response;
}

void AppendJsonString(std::string_view text, std::string* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out->push_back('"');
  size_t plain_from = 0;  // Everything from here to i goes out as it is.
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const bool is_plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
    const size_t length = is_plain ? 1 : Utf8SequenceBytes(text, i);
    if (is_plain || length > 1) {
      i += length;
      continue;
    }
    out->append(text.substr(plain_from, i - plain_from));
    plain_from = ++i;
    if (length == 0) {
      out->append("\xef\xbf\xbd");  // U+FFFD.
    } else if (byte == '"' || byte == '\\') {
      out->append({'\\', static_cast<char>(byte)});
    } else if (byte == '\n') {
      out->append("\\n");
    } else {
      out->append("\\u00").append({kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  out->append(text.substr(plain_from));
  out->push_back('"');
}

}  // namespace mom::rest
