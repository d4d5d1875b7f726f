// Strict reading of a JSON request body.
//
//   JsonBody body;
//   if (Status parsed = body.Parse(request.body); !parsed.ok()) return Problem(400, "malformed-json", ...);
//   JsonObject object = body.root();
//   const std::string name(object.GetString("name", 1, 128));
//   const auto lease_ms = object.TryInt("lease_ms", 1000, 3'600'000);
//   if (Status read = body.Finish(); !read.ok()) return Problem(400, "invalid-field", read.message());
//
// Getters never fail aloud: they note the first error of the body, naming the field ("messages[3].ttl_ms"),
// and return a harmless value. Finish() returns it, or names the first field that nobody asked for. Nothing
// read may be used before Finish() is ok.
//
// Refused while parsing: anything but one object, nesting deeper than 16, duplicate keys, more than 1024 keys
// in an object, text that is not UTF-8, numbers that are not integers of 64 bits. A member that is null
// counts as absent.
//
// Not thread-safe. A JsonBody may be reused for the next request: its memory stays.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/status.h"

namespace mom::rest {

inline constexpr size_t kJsonDepthMax = 16;
inline constexpr size_t kJsonKeysMax = 1024;

// A value of a parsed body, in the order of the text: an array or object is followed by what it holds.
struct JsonNode {
  enum class Type : uint8_t { kNull, kBool, kInt, kString, kArray, kObject };
  Type type = Type::kNull;
  bool is_member = false;  // Of an object: `key` names it.
  bool is_used = false;    // Somebody asked for it.
  uint32_t parent = 0;
  uint32_t end = 0;  // Index behind the last node it holds.
  std::string_view key;
  std::string_view text;  // kString
  int64_t number = 0;     // kInt, kBool
};

class JsonBody;

// One object of a body. A small value; lives no longer than its JsonBody. A "Get" of a member that is missing
// notes an error, a "Try" does not. Lengths are bytes of UTF-8.
class JsonObject {
 public:
  bool Has(std::string_view name) const;
  std::string_view GetString(std::string_view name, size_t bytes_min, size_t bytes_max);
  std::optional<std::string_view> TryString(std::string_view name, size_t bytes_min, size_t bytes_max);
  int64_t GetInt(std::string_view name, int64_t min, int64_t max);
  std::optional<int64_t> TryInt(std::string_view name, int64_t min, int64_t max);
  bool GetBool(std::string_view name);
  std::optional<bool> TryBool(std::string_view name);
  // Lists: `count_min` to `count_max` members.
  std::vector<std::string_view> GetStrings(std::string_view name, size_t count_min, size_t count_max,
                                           size_t bytes_min, size_t bytes_max);
  std::optional<std::vector<std::string_view>> TryStrings(std::string_view name, size_t count_min,
                                                          size_t count_max, size_t bytes_min,
                                                          size_t bytes_max);
  std::vector<JsonObject> GetObjects(std::string_view name, size_t count_min, size_t count_max);
  std::optional<JsonObject> TryObject(std::string_view name);
  // An object of free keys with strings, in the order of the text.
  std::vector<std::pair<std::string_view, std::string_view>> TryStringMap(std::string_view name,
                                                                          size_t count_max,
                                                                          size_t key_bytes_max,
                                                                          size_t bytes_max);
  // Notes that `name` is wrong for a reason that only the caller knows: "must be ...".
  void Reject(std::string_view name, std::string_view why);

 private:
  friend class JsonBody;
  using Type = JsonNode::Type;
  JsonObject(JsonBody* body, uint32_t index) : body_(body), index_(index) {}

  JsonNode* Find(std::string_view name) const;
  JsonNode* Take(std::string_view name, Type type, bool required);
  JsonNode* TakeList(std::string_view name, Type type, bool required, size_t count_min, size_t count_max);
  bool CheckLength(const JsonNode& node, size_t bytes_min, size_t bytes_max);
  std::vector<std::string_view> ReadStrings(const JsonNode& list, size_t bytes_min, size_t bytes_max);

  JsonBody* body_;
  uint32_t index_;
};

class JsonBody {
 public:
  JsonBody();
  ~JsonBody();
  JsonBody(const JsonBody&) = delete;
  JsonBody& operator=(const JsonBody&) = delete;

  // `text` must outlive the use of everything read: strings without escapes point into it. The message of an
  // error says where and what.
  Status Parse(std::string_view text);
  // REQUIRES: Parse was ok.
  JsonObject root();
  // The first error of the getters, else the first member that nobody asked for, else ok.
  Status Finish();
  // The first error so far.
  Status status() const;

 private:
  friend class JsonObject;
  friend class JsonBuilder;

  uint32_t IndexOf(const JsonNode& node) const { return static_cast<uint32_t>(&node - nodes_.data()); }
  // "messages[3].ttl_ms"; the empty string for the root.
  std::string PathOf(uint32_t index) const;
  void Reject(std::string field, std::string_view why);

  std::vector<JsonNode> nodes_;
  std::pmr::monotonic_buffer_resource decoded_;  // Strings that had escapes.
  std::string error_;
};

}  // namespace mom::rest
