// Fuzz target: JSON bodies.
// Goal: what JsonBody accepts is what a DOM parser reads, member by member; what it calls no JSON is none; a
// message that is accepted, written as JSON and read again is the same message.
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "rest/json_body.h"
#include "rest/json_writer.h"
#include "rest/message_input.h"
#include "rest/names.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::rest {
namespace {

namespace dom = boost::json;

constexpr size_t kAny = 1u << 24;

std::string_view View(const dom::string& text) {
  return {text.data(), text.size()};
}

bool CheckObject(JsonObject object, const dom::object& wanted);

bool CheckArray(JsonObject object, std::string_view name, const dom::array& wanted) {
  size_t strings = 0;
  size_t objects = 0;
  for (const dom::value& value : wanted) {
    strings += value.is_string() ? 1 : 0;
    objects += value.is_object() ? 1 : 0;
  }
  if (strings == wanted.size()) {
    const auto texts = object.GetStrings(name, 0, kAny, 0, kAny);
    MOM_CHECK(texts.size() == wanted.size());
    for (size_t i = 0; i < texts.size(); ++i) MOM_CHECK(texts[i] == View(wanted[i].as_string()));
    return true;
  }
  if (objects != wanted.size()) return false;
  const auto members = object.GetObjects(name, 0, kAny);
  MOM_CHECK(members.size() == wanted.size());
  bool is_all_asked = true;
  for (size_t i = 0; i < members.size(); ++i) {
    is_all_asked = CheckObject(members[i], wanted[i].as_object()) && is_all_asked;
  }
  return is_all_asked;
}

// Asks for every member that the getters can give; false when there were others.
bool CheckObject(JsonObject object, const dom::object& wanted) {
  bool is_all_asked = true;
  for (const auto& member : wanted) {
    const std::string_view name(member.key().data(), member.key().size());
    const dom::value& value = member.value();
    MOM_CHECK(IsUtf8(name) && object.Has(name) == !value.is_null(), name);
    if (value.is_null()) {
      MOM_CHECK(!object.TryInt(name, 0, 0), name);
    } else if (value.is_string()) {
      const auto text = object.TryString(name, 0, kAny);
      MOM_CHECK(text && *text == View(value.as_string()) && IsUtf8(*text), name);
    } else if (value.is_int64()) {
      MOM_CHECK(object.TryInt(name, INT64_MIN, INT64_MAX) == value.as_int64(), name);
    } else if (value.is_bool()) {
      MOM_CHECK(object.TryBool(name) == value.as_bool(), name);
    } else if (value.is_object()) {
      const auto inner = object.TryObject(name);
      MOM_CHECK(inner.has_value(), name);
      is_all_asked = CheckObject(*inner, value.as_object()) && is_all_asked;
    } else {
      MOM_CHECK(value.is_array(), name);
      is_all_asked = CheckArray(object, name, value.as_array()) && is_all_asked;
    }
  }
  return is_all_asked;
}

void CheckAgainstDom(std::string_view text) {
  JsonBody body;
  const Status parsed = body.Parse(text);
  dom::parse_options options;
  options.max_depth = kJsonDepthMax;
  dom::error_code fault;
  const dom::value value = dom::parse({text.data(), text.size()}, fault, {}, options);
  if (!parsed.ok()) {
    MOM_CHECK(IsUtf8(parsed.message()) || !IsUtf8(text), parsed.message());
    const bool is_syntax = parsed.message().starts_with("not JSON at byte ");  // Others may begin with a key.
    const bool is_too_large = parsed.message().ends_with("too large");
    MOM_CHECK(!is_syntax || is_too_large || fault, parsed.message());
    return;
  }
  MOM_CHECK(!fault && value.is_object(), text);
  const bool is_all_asked = CheckObject(body.root(), value.as_object());
  MOM_CHECK(body.Finish().ok() == is_all_asked, body.Finish().message());
}

std::string Write(const v1::NewMessage& message) {
  JsonWriter json;
  json.BeginObject().Member("body_base64", EncodeBase64(message.body()));
  json.Member("content_type", message.content_type());
  json.Member("delay_ms", message.delay_ms()).Member("ttl_ms", message.ttl_ms());
  json.Member("priority", message.priority());
  if (!message.content_encoding().empty()) json.Member("content_encoding", message.content_encoding());
  if (!message.group().empty()) json.Member("group", message.group());
  if (!message.dedup_id().empty()) json.Member("dedup_id", message.dedup_id());
  if (!message.reply_to().empty()) json.Member("reply_to", message.reply_to());
  if (!message.correlation_id().empty()) json.Member("correlation_id", message.correlation_id());
  json.Key("headers").BeginObject();
  for (const v1::Header& header : message.headers()) json.Member(header.name(), header.value());
  return json.EndObject().EndObject().Take();
}

// The message of a body, or nothing when it is refused.
std::optional<v1::NewMessage> ReadMessage(std::string_view text) {
  JsonBody body;
  if (!body.Parse(text).ok()) return std::nullopt;
  v1::NewMessage message;
  JsonObject root = body.root();
  ReadJsonMessage(&root, &message);
  if (!body.Finish().ok()) return std::nullopt;
  return message;
}

void CheckMessage(std::string_view text) {
  const auto message = ReadMessage(text);
  if (!message) return;
  for (const v1::Header& header : message->headers()) {
    MOM_CHECK(!HasControlCharacter(header.name() + header.value()), text);
  }
  const auto again = ReadMessage(Write(*message));
  MOM_CHECK(again && again->SerializeAsString() == message->SerializeAsString(), text);
}

// The lists of the other resources.
void ReadLists(std::string_view text) {
  JsonBody body;
  if (!body.Parse(text).ok()) return;
  JsonObject root = body.root();
  v1::Ack ack;
  if (root.Has("receipts")) ReadReceipts(&root, ack.mutable_receipts());
  if (root.Has("messages")) {
    for (JsonObject& object : root.GetObjects("messages", 1, 1000)) {
      v1::NewMessage message;
      ReadJsonMessage(&object, &message);
    }
  }
  const bool is_read = body.Finish().ok();
  if (is_read && root.Has("receipts")) MOM_CHECK(ack.receipts_size() > 0);
}

void FuzzOne(std::string_view text) {
  CheckAgainstDom(text);
  CheckMessage(text);
  ReadLists(text);
}

}  // namespace
}  // namespace mom::rest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::rest::FuzzOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
