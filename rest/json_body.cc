#include "rest/json_body.h"

#include <algorithm>

#include "core/base/check.h"
#include "rest/boost_json_builder.h"

namespace mom::rest {
namespace {

std::string_view TypeName(JsonNode::Type type) {
  switch (type) {
    case JsonNode::Type::kNull:
      return "null";
    case JsonNode::Type::kBool:
      return "true or false";
    case JsonNode::Type::kInt:
      return "an integer";
    case JsonNode::Type::kString:
      return "a string";
    case JsonNode::Type::kArray:
      return "a list";
    case JsonNode::Type::kObject:
      return "an object";
  }
  return "unknown";
}

std::string Range(int64_t min, int64_t max) {
  return std::to_string(min) + " to " + std::to_string(max);
}

}  // namespace

JsonBody::JsonBody() = default;
JsonBody::~JsonBody() = default;

Status JsonBody::Parse(std::string_view text) {
  nodes_.clear();
  decoded_.release();
  error_.clear();
  // The parser keeps its stack of states and the builder its buffers from one body to the next.
  static thread_local boost::json::basic_parser<JsonBuilder> parser([] {
    boost::json::parse_options options;
    options.max_depth = kJsonDepthMax;
    return options;
  }());
  parser.reset();
  parser.handler().Start(this, text);
  boost::json::error_code ec;
  const size_t read = parser.write_some(false, text.data(), text.size(), ec);
  std::string why = parser.handler().error();
  if (why.empty() && ec) why = "not JSON at byte " + std::to_string(read) + ": " + ec.message();
  if (why.empty() && text.find_first_not_of(" \t\r\n", read) != std::string_view::npos)
    why = "not JSON at byte " + std::to_string(read) + ": extra data";
  if (why.empty() && nodes_.empty()) why = "the body must be one JSON object";
  if (why.empty()) return Status();
  nodes_.clear();
  error_ = why;
  return Status(Status::kInvalidArgument, std::move(why));
}

JsonObject JsonBody::root() {
  MOM_CHECK(!nodes_.empty());
  return JsonObject(this, 0);
}

Status JsonBody::status() const {
  return error_.empty() ? Status() : Status(Status::kInvalidArgument, error_);
}

Status JsonBody::Finish() {
  for (uint32_t i = 1; i < nodes_.size() && error_.empty(); ++i)
    if (nodes_[i].is_member && !nodes_[i].is_used) Reject(PathOf(i), "is not known here");
  return status();
}

void JsonBody::Reject(std::string field, std::string_view why) {
  if (error_.empty()) error_.append("\"").append(field).append("\" ").append(why);
}

std::string JsonBody::PathOf(uint32_t index) const {
  if (index == 0) return {};
  const JsonNode& node = nodes_[index];
  std::string path = PathOf(node.parent);
  if (node.is_member) return path.append(path.empty() ? "" : ".").append(node.key);
  size_t position = 0;
  for (uint32_t i = node.parent + 1; i < index; i = nodes_[i].end) ++position;
  return path.append("[").append(std::to_string(position)).append("]");
}

JsonNode* JsonObject::Find(std::string_view name) const {
  std::vector<JsonNode>& nodes = body_->nodes_;
  for (uint32_t i = index_ + 1; i < nodes[index_].end; i = nodes[i].end)
    if (nodes[i].key == name) return &nodes[i];
  return nullptr;
}

bool JsonObject::Has(std::string_view name) const {
  const JsonNode* node = Find(name);
  return node != nullptr && node->type != Type::kNull;
}

void JsonObject::Reject(std::string_view name, std::string_view why) {
  const std::string path = body_->PathOf(index_);
  body_->Reject(path.empty() ? std::string(name) : path + "." + std::string(name), why);
}

JsonNode* JsonObject::Take(std::string_view name, Type type, bool required) {
  JsonNode* node = Find(name);
  if (node != nullptr) node->is_used = true;
  if (node == nullptr || node->type == Type::kNull) {
    if (required) Reject(name, "is missing");
    return nullptr;
  }
  if (node->type == type) return node;
  Reject(name, std::string("must be ").append(TypeName(type)).append(", not ").append(TypeName(node->type)));
  return nullptr;
}

JsonNode* JsonObject::TakeList(std::string_view name, Type type, bool required, size_t count_min,
                               size_t count_max) {
  JsonNode* list = Take(name, Type::kArray, required);
  if (list == nullptr) return nullptr;
  size_t count = 0;
  for (uint32_t i = body_->IndexOf(*list) + 1; i < list->end; i = body_->nodes_[i].end, ++count) {
    if (body_->nodes_[i].type == type) continue;
    body_->Reject(body_->PathOf(i), std::string("must be ").append(TypeName(type)));
    return nullptr;
  }
  if (count >= count_min && count <= count_max) return list;
  Reject(name, "must have " + Range(static_cast<int64_t>(count_min), static_cast<int64_t>(count_max)) +
                   " members, not " + std::to_string(count));
  return nullptr;
}

bool JsonObject::CheckLength(const JsonNode& node, size_t bytes_min, size_t bytes_max) {
  if (node.text.size() >= bytes_min && node.text.size() <= bytes_max) return true;
  body_->Reject(body_->PathOf(body_->IndexOf(node)),
                "must be " + Range(static_cast<int64_t>(bytes_min), static_cast<int64_t>(bytes_max)) +
                    " bytes long, not " + std::to_string(node.text.size()));
  return false;
}

std::string_view JsonObject::GetString(std::string_view name, size_t bytes_min, size_t bytes_max) {
  const JsonNode* node = Take(name, Type::kString, true);
  return node != nullptr && CheckLength(*node, bytes_min, bytes_max) ? node->text : std::string_view();
}

std::optional<std::string_view> JsonObject::TryString(std::string_view name, size_t bytes_min,
                                                      size_t bytes_max) {
  const JsonNode* node = Take(name, Type::kString, false);
  if (node == nullptr || !CheckLength(*node, bytes_min, bytes_max)) return std::nullopt;
  return node->text;
}

std::optional<int64_t> JsonObject::TryInt(std::string_view name, int64_t min, int64_t max) {
  const JsonNode* node = Take(name, Type::kInt, false);
  if (node == nullptr) return std::nullopt;
  if (node->number >= min && node->number <= max) return node->number;
  Reject(name, "must be " + Range(min, max) + ", not " + std::to_string(node->number));
  return std::nullopt;
}

int64_t JsonObject::GetInt(std::string_view name, int64_t min, int64_t max) {
  if (!Has(name)) Take(name, Type::kInt, true);
  return TryInt(name, min, max).value_or(min);
}

std::optional<bool> JsonObject::TryBool(std::string_view name) {
  const JsonNode* node = Take(name, Type::kBool, false);
  return node == nullptr ? std::nullopt : std::optional<bool>(node->number != 0);
}

bool JsonObject::GetBool(std::string_view name) {
  const JsonNode* node = Take(name, Type::kBool, true);
  return node != nullptr && node->number != 0;
}

std::vector<std::string_view> JsonObject::ReadStrings(const JsonNode& list, size_t bytes_min,
                                                      size_t bytes_max) {
  std::vector<std::string_view> strings;
  for (uint32_t i = body_->IndexOf(list) + 1; i < list.end; ++i) {
    if (!CheckLength(body_->nodes_[i], bytes_min, bytes_max)) return {};
    strings.push_back(body_->nodes_[i].text);
  }
  return strings;
}

std::vector<std::string_view> JsonObject::GetStrings(std::string_view name, size_t count_min,
                                                     size_t count_max, size_t bytes_min, size_t bytes_max) {
  const JsonNode* list = TakeList(name, Type::kString, true, count_min, count_max);
  if (list == nullptr) return {};
  return ReadStrings(*list, bytes_min, bytes_max);
}

std::optional<std::vector<std::string_view>> JsonObject::TryStrings(std::string_view name, size_t count_min,
                                                                    size_t count_max, size_t bytes_min,
                                                                    size_t bytes_max) {
  const JsonNode* list = TakeList(name, Type::kString, false, count_min, count_max);
  if (list == nullptr) return std::nullopt;
  return ReadStrings(*list, bytes_min, bytes_max);
}

std::vector<JsonObject> JsonObject::GetObjects(std::string_view name, size_t count_min, size_t count_max) {
  std::vector<JsonObject> objects;
  const JsonNode* list = TakeList(name, Type::kObject, true, count_min, count_max);
  if (list == nullptr) return objects;
  for (uint32_t i = body_->IndexOf(*list) + 1; i < list->end; i = body_->nodes_[i].end)
    objects.push_back(JsonObject(body_, i));
  return objects;
}

std::optional<JsonObject> JsonObject::TryObject(std::string_view name) {
  const JsonNode* node = Take(name, Type::kObject, false);
  if (node == nullptr) return std::nullopt;
  return JsonObject(body_, body_->IndexOf(*node));
}

std::vector<std::pair<std::string_view, std::string_view>> JsonObject::TryStringMap(std::string_view name,
                                                                                    size_t count_max,
                                                                                    size_t key_bytes_max,
                                                                                    size_t bytes_max) {
  std::vector<std::pair<std::string_view, std::string_view>> map;
  const std::optional<JsonObject> object = TryObject(name);
  if (!object) return map;
  std::vector<JsonNode>& nodes = body_->nodes_;
  for (uint32_t i = object->index_ + 1; i < nodes[object->index_].end; i = nodes[i].end) {
    nodes[i].is_used = true;
    if (nodes[i].type != Type::kString) body_->Reject(body_->PathOf(i), "must be a string");
    if (nodes[i].key.empty() || nodes[i].key.size() > key_bytes_max)
      Reject(name, "must have keys of 1 to " + std::to_string(key_bytes_max) + " bytes");
    if (!CheckLength(nodes[i], 0, bytes_max)) break;
    map.emplace_back(nodes[i].key, nodes[i].text);
  }
  if (map.size() > count_max) Reject(name, "must have at most " + std::to_string(count_max) + " members");
  return map;
}

}  // namespace mom::rest
