#include "bench/message_scan.h"

#include <cstring>

#include <boost/json.hpp>

namespace mom::bench {
namespace {

// Collects the strings behind `key` ("body":"). False when one holds an escape or does not end.
bool Collect(std::string_view json, std::string_view key, std::vector<std::string_view>* values) {
  const char* at = json.data();
  const char* const end = at + json.size();
  while (true) {
    const auto* hit =
        static_cast<const char*>(memmem(at, static_cast<size_t>(end - at), key.data(), key.size()));
    if (hit == nullptr) return true;
    const char* const begin = hit + key.size();
    const auto* quote = static_cast<const char*>(memchr(begin, '"', static_cast<size_t>(end - begin)));
    if (quote == nullptr) return false;
    const std::string_view value(begin, static_cast<size_t>(quote - begin));
    if (value.find('\\') != std::string_view::npos) return false;
    values->push_back(value);
    at = quote + 1;
  }
}

bool Parse(std::string_view json, ReceivedMessages* out) {
  boost::system::error_code error;
  const boost::json::value tree = boost::json::parse({json.data(), json.size()}, error);
  if (error || !tree.is_object()) return false;
  const auto* messages = tree.as_object().if_contains("messages");
  if (messages == nullptr || !messages->is_array()) return false;
  const auto text = [](const boost::json::value& message, const char* key) {
    const auto* object = message.if_object();
    const auto* field = object == nullptr ? nullptr : object->if_contains(key);
    if (field == nullptr || !field->is_string()) return std::string();
    return std::string(field->as_string().begin(), field->as_string().end());
  };
  out->storage.reserve(messages->as_array().size() * 2);  // Views stay valid: no element moves.
  for (const auto& message : messages->as_array()) {
    out->bodies.push_back(out->storage.emplace_back(text(message, "body")));
    out->receipts.push_back(out->storage.emplace_back(text(message, "receipt")));
  }
  return true;
}

}  // namespace

bool ScanMessages(std::string_view json, ReceivedMessages* out) {
  out->bodies.clear();
  out->receipts.clear();
  out->storage.clear();
  if (Collect(json, "\"body\":\"", &out->bodies) && Collect(json, "\"receipt\":\"", &out->receipts) &&
      out->bodies.size() == out->receipts.size() && !out->bodies.empty()) {
    return true;
  }
  out->bodies.clear();
  out->receipts.clear();
  return Parse(json, out);
}

}  // namespace mom::bench
