#include "rest/message_input.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "core/base/entry.h"
#include "core/broker/header_names.h"
#include "core/broker/limits.h"
#include "rest/names.h"
#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

constexpr size_t kHeadersMax = 64;
constexpr size_t kHeaderNameBytesMax = 64;
constexpr size_t kHeaderValueBytesMax = 4096;
constexpr size_t kTextOfBodyBytesMax = 8u << 20;              // The request is smaller; see CheckBodies.
constexpr size_t kTextBytesMax = broker::kShortTextBytesMax;  // Group, reply_to, ...
constexpr std::string_view kHeaderPrefix = "mom-header-";
constexpr std::string_view kReservedRule = "must not have names that begin with mom-: those are the broker's";
constexpr std::string_view kDefaultType = "application/octet-stream";
constexpr std::string_view kTextType = "text/plain; charset=utf-8";

bool IsToken(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

// What may go out again as the value of an HTTP header.
bool IsLine(std::string_view text) {
  return IsUtf8(text) && !HasControlCharacter(text);
}

bool ReadNumber(std::string_view text, int64_t max, int64_t* number) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return fault == std::errc() && end == text.data() + text.size() && *number >= 0 && *number <= max;
}

bool IsContentHeader(std::string_view name) {
  return name == "content-type" || name == "content-encoding";
}

// Mom-* headers that say how to answer, not what to send, are none.
bool IsMessageHeader(std::string_view name) {
  return name.starts_with("mom-") && name != "mom-min-offset" && name != "mom-consistency";
}

// Takes Content-Type or Content-Encoding into the message; empty when it is well. An empty one says nothing.
// Several Content-Encodings are one list (RFC 9110, 5.3).
std::string ReadContentHeader(std::string_view name, const std::string& value, v1::NewMessage* message) {
  if (value.empty()) return "";
  std::string* text =
      name == "content-type" ? message->mutable_content_type() : message->mutable_content_encoding();
  const bool is_further = name == "content-encoding" && !text->empty();
  *text = is_further ? *text + ", " + value : value;
  if (IsLine(*text) && text->size() <= kTextBytesMax) return "";
  return "header \"" + std::string(name) + "\" must be UTF-8 without control characters, at most 255 bytes";
}

// Takes one Mom-* header into the message; empty when it is well.
std::string ReadOption(std::string_view name, const std::string& value, v1::NewMessage* message) {
  int64_t number = 0;
  if (name == "mom-delay-ms" || name == "mom-ttl-ms" || name == "mom-priority") {
    const int64_t max = name == "mom-priority" ? broker::kPriorityMax : broker::kDurationMsMax;
    if (!ReadNumber(value, max, &number))
      return "header \"" + std::string(name) + "\" must be an integer, 0 to " + std::to_string(max);
    if (name == "mom-delay-ms") message->set_delay_ms(number);
    if (name == "mom-ttl-ms") message->set_ttl_ms(number);
    if (name == "mom-priority") message->set_priority(static_cast<uint32_t>(number));
    return "";
  }
  if (!IsLine(value)) return "header \"" + std::string(name) + "\" must be UTF-8 without control characters";
  if (name.starts_with(kHeaderPrefix)) {
    const std::string_view key = name.substr(kHeaderPrefix.size());
    if (!IsToken(key) || key.size() > kHeaderNameBytesMax)
      return "a Mom-Header-NAME needs a NAME of 1 to 64 letters";
    if (static_cast<size_t>(message->headers_size()) == kHeadersMax)
      return "a message has at most " + std::to_string(kHeadersMax) + " headers Mom-Header-NAME";
    if (value.size() > kHeaderValueBytesMax)
      return "header \"" + std::string(name) + "\" must be at most " + std::to_string(kHeaderValueBytesMax) +
             " bytes long";
    v1::Header* header = message->add_headers();
    header->set_name(std::string(key));
    header->set_value(value);
    return "";
  }
  if (value.empty() || value.size() > kTextBytesMax)
    return "header \"" + std::string(name) + "\" must be 1 to 255 bytes long";
  if (name == "mom-group") {
    message->set_group(value);
  } else if (name == "mom-dedup-id") {
    message->set_dedup_id(value);
  } else if (name == "mom-reply-to") {
    message->set_reply_to(value);
  } else if (name == "mom-correlation-id") {
    message->set_correlation_id(value);
  } else {
    return "header \"" + std::string(name) + "\" is not known here";
  }
  return "";
}

// Text that goes out again as a header of a raw receive.
std::string ReadLine(JsonObject* object, std::string_view field) {
  const std::string_view text = object->TryString(field, 1, kTextBytesMax).value_or("");
  if (HasControlCharacter(text)) object->Reject(field, "must not hold control characters");
  return std::string(text);
}

void ReadJsonHeaders(JsonObject* object, v1::NewMessage* message) {
  if (!object->Has("headers")) return;
  for (const auto& [name, value] :
       object->TryStringMap("headers", kHeadersMax, kHeaderNameBytesMax, kHeaderValueBytesMax)) {
    if (!IsToken(name)) object->Reject("headers", "must have names of letters, digits and - _ .");
    if (broker::IsReservedHeader(name)) object->Reject("headers", kReservedRule);
    if (HasControlCharacter(value)) object->Reject("headers", "must not hold control characters");
    v1::Header* header = message->add_headers();
    header->set_name(std::string(name));
    header->set_value(std::string(value));
  }
  if (!broker::RepeatedHeader(message->headers()).empty())
    object->Reject("headers", "must have each name once; upper and lower case are the same");
}

}  // namespace

bool DiesBeforeItsDelay(const v1::NewMessage& message) {
  return message.ttl_ms() > 0 && message.ttl_ms() <= message.delay_ms();
}

HeaderFault ReadRawMessage(HttpRequest* request, v1::NewMessage* message) {
  constexpr std::string_view kBadHeader = "invalid-header";
  message->set_content_type(std::string(kDefaultType));
  for (const auto& [name, value] : request->headers) {
    if (name.starts_with(kHeaderPrefix) && broker::IsReservedHeader(name.substr(kHeaderPrefix.size())))
      return {"invalid-field", "headers of a message " + std::string(kReservedRule)};
    std::string wrong;
    if (IsContentHeader(name)) wrong = ReadContentHeader(name, value, message);
    if (IsMessageHeader(name)) wrong = ReadOption(name, value, message);
    if (!wrong.empty()) return {kBadHeader, std::move(wrong)};
  }
  const std::string twice = broker::RepeatedHeader(message->headers());
  if (!twice.empty()) return {kBadHeader, "the header Mom-Header-" + twice + " came twice"};
  message->set_body(std::move(request->body));
  return {};
}

std::string RawMessageHeaders(const HttpRequest& request) {
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  for (const auto& [name, value] : request.headers) {
    if (IsContentHeader(name) || IsMessageHeader(name)) headers.emplace_back(name, value);
  }
  std::sort(headers.begin(), headers.end());
  std::string lines;  // No value holds a line's end: the HTTP adapter refuses it.
  for (const auto& [name, value] : headers) lines.append(name).append(":").append(value).append("\n");
  return lines;
}

void ReadJsonMessage(JsonObject* object, v1::NewMessage* message) {
  if (object->Has("body") == object->Has("body_base64"))
    object->Reject("body", "or \"body_base64\" must be given");
  if (const auto text = object->TryString("body", 0, kTextOfBodyBytesMax)) {
    message->set_body(std::string(*text));
    message->set_content_type(std::string(kTextType));
  }
  if (const auto text = object->TryString("body_base64", 0, kTextOfBodyBytesMax)) {
    if (!DecodeBase64(*text, message->mutable_body()))
      object->Reject("body_base64", "is not base64 with padding");
    message->set_content_type(std::string(kDefaultType));
  }
  if (object->Has("content_type")) message->set_content_type(ReadLine(object, "content_type"));
  message->set_content_encoding(ReadLine(object, "content_encoding"));
  message->set_delay_ms(object->TryInt("delay_ms", 0, broker::kDurationMsMax).value_or(0));
  message->set_ttl_ms(object->TryInt("ttl_ms", 0, broker::kDurationMsMax).value_or(0));
  message->set_priority(
      static_cast<uint32_t>(object->TryInt("priority", 0, broker::kPriorityMax).value_or(0)));
  if (DiesBeforeItsDelay(*message))
    object->Reject("ttl_ms",
                   "must be larger than \"delay_ms\", or the message is over before it can be received");
  message->set_group(ReadLine(object, "group"));
  message->set_dedup_id(ReadLine(object, "dedup_id"));
  message->set_reply_to(ReadLine(object, "reply_to"));
  message->set_correlation_id(ReadLine(object, "correlation_id"));
  ReadJsonHeaders(object, message);
}

bool CheckBodies(Call& call, const v1::Publish& publish) {
  for (int i = 0; i < publish.messages_size(); ++i) {
    if (publish.messages(i).body().size() <= call.options().message_bytes_max) continue;
    call.SendProblem(413, "too-large",
                     "the body of message " + std::to_string(i) + " is larger than " +
                         std::to_string(call.options().message_bytes_max) + " bytes");
    return false;
  }
  return true;
}

bool CheckEntrySize(Call& call, const v1::Command& command) {
  // What one entry of the log takes, with some room for what the node adds.
  constexpr size_t kCommandBytesMax = kEntryPayloadBytesMax - 1024;
  if (call.request().body.size() < kCommandBytesMax / 2 || command.ByteSizeLong() <= kCommandBytesMax)
    return true;
  call.SendProblem(413, "too-large",
                   "the messages do not fit into one entry of 4 MiB; send them in two requests");
  return false;
}

void ReadReceipts(JsonObject* object, google::protobuf::RepeatedPtrField<v1::Receipt>* receipts) {
  for (std::string_view text : object->GetStrings("receipts", 1, broker::kBatchMessagesMax, 0, 1024)) {
    auto receipt = ParseReceipt(text);
    if (!receipt) return object->Reject("receipts", "must be receipts as a receive gave them");
    *receipts->Add() = *std::move(receipt);
  }
}

}  // namespace mom::rest
