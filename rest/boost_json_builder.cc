#include "rest/boost_json_builder.h"

#include <algorithm>
#include <cstring>

namespace mom::rest {

void JsonBuilder::Start(JsonBody* body, std::string_view input) {
  body_ = body;
  input_ = input;
  open_.clear();
  parts_.clear();
  has_key_ = false;
  error_.clear();
}

bool JsonBuilder::Refuse(std::string_view why, ErrorCode& ec) {
  std::string field;
  if (!open_.empty()) {
    field = body_->PathOf(open_.back());
    if (has_key_) field.append(field.empty() ? "" : ".").append(key_);
  }
  error_ = field.empty() ? "the body " : "\"" + field + "\" ";
  error_.append(why);
  ec = boost::json::error::syntax;
  return false;
}

JsonNode* JsonBuilder::Add(JsonNode::Type type, ErrorCode& ec) {
  std::vector<JsonNode>& nodes = body_->nodes_;
  if (open_.empty() && type != JsonNode::Type::kObject) {
    Refuse("must be one JSON object", ec);
    return nullptr;
  }
  JsonNode& node = nodes.emplace_back();
  node.type = type;
  node.parent = open_.empty() ? 0 : open_.back();
  node.end = static_cast<uint32_t>(nodes.size());
  if (has_key_) {
    node.key = key_;
    node.is_member = true;
    has_key_ = false;
  }
  return &node;
}

bool JsonBuilder::Open(JsonNode::Type type, ErrorCode& ec) {
  const JsonNode* node = Add(type, ec);
  if (node == nullptr) return false;
  open_.push_back(body_->IndexOf(*node));
  return true;
}

bool JsonBuilder::on_array_end(std::size_t, ErrorCode&) {
  body_->nodes_[open_.back()].end = static_cast<uint32_t>(body_->nodes_.size());
  open_.pop_back();
  return true;
}

bool JsonBuilder::on_object_end(std::size_t count, ErrorCode& ec) {
  std::vector<JsonNode>& nodes = body_->nodes_;
  keys_.clear();
  keys_.reserve(count);
  for (uint32_t i = open_.back() + 1; i < nodes.size(); i = nodes[i].end) keys_.push_back(nodes[i].key);
  auto duplicate = keys_.end();
  if (keys_.size() <= 12) {
    for (auto key = keys_.begin(); key != keys_.end() && duplicate == keys_.end(); ++key)
      if (std::find(keys_.begin(), key, *key) != key) duplicate = key;
  } else {
    std::sort(keys_.begin(), keys_.end());
    duplicate = std::adjacent_find(keys_.begin(), keys_.end());
  }
  if (duplicate != keys_.end()) {
    key_ = *duplicate;
    has_key_ = true;
    return Refuse("comes twice", ec);
  }
  return on_array_end(count, ec);
}

bool JsonBuilder::AppendPart(Text part) {
  parts_.append(part.data(), part.size());
  return true;
}

// A string in one piece of the input is used where it lies; others are copied.
std::string_view JsonBuilder::TakeText(Text last) {
  const char* const begin = last.data();
  if (parts_.empty() && begin >= input_.data() && begin + last.size() <= input_.data() + input_.size())
    return {begin, last.size()};
  parts_.append(begin, last.size());
  if (parts_.empty()) return {};
  char* const copy = static_cast<char*>(body_->decoded_.allocate(parts_.size(), 1));
  std::memcpy(copy, parts_.data(), parts_.size());
  const std::string_view text(copy, parts_.size());
  parts_.clear();
  return text;
}

bool JsonBuilder::on_key(Text last, std::size_t, ErrorCode&) {
  key_ = TakeText(last);
  has_key_ = true;
  return true;
}

bool JsonBuilder::on_string(Text last, std::size_t, ErrorCode& ec) {
  JsonNode* node = Add(JsonNode::Type::kString, ec);
  if (node != nullptr) node->text = TakeText(last);
  return node != nullptr;
}

bool JsonBuilder::on_int64(std::int64_t number, Text, ErrorCode& ec) {
  JsonNode* node = Add(JsonNode::Type::kInt, ec);
  if (node != nullptr) node->number = number;
  return node != nullptr;
}

bool JsonBuilder::on_double(double, Text, ErrorCode& ec) {
  return Refuse("must be an integer of 64 bits, without fraction or exponent", ec);
}

bool JsonBuilder::on_bool(bool value, ErrorCode& ec) {
  JsonNode* node = Add(JsonNode::Type::kBool, ec);
  if (node != nullptr) node->number = value ? 1 : 0;
  return node != nullptr;
}

}  // namespace mom::rest
