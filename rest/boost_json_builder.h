// Handler of Boost.JSON's basic_parser that fills a JsonBody. Only json_body.cc needs it.
#pragma once

#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rest/json_body.h"

namespace mom::rest {

// Returns false from a callback, with error() saying why, as soon as something is refused.
class JsonBuilder {
 public:
  static constexpr std::size_t max_array_size = 1u << 24;
  static constexpr std::size_t max_object_size = kJsonKeysMax;
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = 1u << 16;
  using ErrorCode = boost::json::error_code;
  using Text = boost::json::string_view;

  JsonBuilder() = default;
  void Start(JsonBody* body, std::string_view input);
  const std::string& error() const { return error_; }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode& ec) { return Open(JsonNode::Type::kObject, ec); }
  bool on_array_begin(ErrorCode& ec) { return Open(JsonNode::Type::kArray, ec); }
  bool on_object_end(std::size_t count, ErrorCode& ec);
  bool on_array_end(std::size_t, ErrorCode&);
  bool on_key_part(Text part, std::size_t, ErrorCode&) { return AppendPart(part); }
  bool on_key(Text last, std::size_t, ErrorCode&);
  bool on_string_part(Text part, std::size_t, ErrorCode&) { return AppendPart(part); }
  bool on_string(Text last, std::size_t, ErrorCode& ec);
  bool on_number_part(Text, ErrorCode&) { return true; }
  bool on_int64(std::int64_t number, Text, ErrorCode& ec);
  bool on_uint64(std::uint64_t, Text, ErrorCode& ec) { return Refuse("is too large for 64 bits", ec); }
  bool on_double(double, Text, ErrorCode& ec);
  bool on_bool(bool value, ErrorCode& ec);
  bool on_null(ErrorCode& ec) { return Add(JsonNode::Type::kNull, ec) != nullptr; }
  bool on_comment_part(Text, ErrorCode&) { return true; }
  bool on_comment(Text, ErrorCode&) { return true; }

 private:
  bool Open(JsonNode::Type type, ErrorCode& ec);
  JsonNode* Add(JsonNode::Type type, ErrorCode& ec);
  bool AppendPart(Text part);
  std::string_view TakeText(Text last);
  bool Refuse(std::string_view why, ErrorCode& ec);

  JsonBody* body_ = nullptr;
  std::string_view input_;
  std::vector<uint32_t> open_;  // Arrays and objects around the next node, outermost first.
  std::string parts_;           // Of a string that does not arrive in one piece.
  std::string_view key_;
  bool has_key_ = false;
  std::vector<std::string_view> keys_;  // To find duplicates.
  std::string error_;
};

}  // namespace mom::rest
