#include "rest/route_table.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/check.h"
#include "rest/names.h"

namespace mom::rest {
namespace {

constexpr size_t kQueryParametersMax = 32;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Empty when the decoded segment may stand in a path, else what is wrong with it.
std::string_view FaultOf(std::string_view decoded) {
  if (decoded.empty()) return "the path has an empty segment";
  if (decoded == "." || decoded == "..") return "the path has a segment . or ..";
  if (!IsUtf8(decoded)) return "the path is not UTF-8";
  if (HasControlCharacter(decoded)) return "the path holds a control character";
  return {};
}

}  // namespace

struct RouteTable::Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;
  std::unique_ptr<Node> parameter;
  // Only where a route ends:
  std::vector<std::pair<std::string, int>> methods;  // Method and id.
  std::vector<std::string> names;                    // Of the parameters on the way here.
  std::string allow;
};

const std::string& RouteMatch::Get(std::string_view name) const {
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  MOM_CHECK(false, name);
  return detail;
}

RouteTable::RouteTable(const std::vector<RouteSpec>& routes) : root_(std::make_unique<Node>()) {
  for (const RouteSpec& spec : routes) Add(spec);
}

RouteTable::~RouteTable() = default;

void RouteTable::Add(const RouteSpec& spec) {
  MOM_CHECK(spec.pattern.starts_with('/'), spec.pattern);
  Node* node = root_.get();
  std::vector<std::string> names;
  std::string_view rest = spec.pattern;
  size_t segments = 0;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    MOM_CHECK(++segments <= kSegmentsMax, spec.pattern);
    if (segment.starts_with('{')) {
      MOM_CHECK(segment.size() > 2 && segment.ends_with('}'), spec.pattern);
      names.emplace_back(segment.substr(1, segment.size() - 2));
      if (!node->parameter) node->parameter = std::make_unique<Node>();
      node = node->parameter.get();
      continue;
    }
    const auto found = std::find_if(node->literals.begin(), node->literals.end(),
                                    [&](const auto& literal) { return literal.first == segment; });
    if (found != node->literals.end()) {
      node = found->second.get();
    } else {
      node = node->literals.emplace_back(segment, std::make_unique<Node>()).second.get();
    }
  }
  MOM_CHECK(node->methods.empty() || node->names == names, spec.pattern);
  for (const auto& [method, id] : node->methods) MOM_CHECK(method != spec.method, spec.method, spec.pattern);
  node->names = std::move(names);
  node->methods.emplace_back(spec.method, spec.id);
  node->allow.append(node->allow.empty() ? "" : ", ").append(spec.method);
  if (spec.method == "GET") node->allow.append(", HEAD");
}

// The node where `count` segments lead, from the one at `node` on. `*parameters` gets a bit for each segment
// that a parameter took.
const RouteTable::Node* RouteTable::Find(const Node& node, const std::string_view* segments, size_t count,
                                         size_t at, uint32_t* parameters) const {
  if (at == count) return node.methods.empty() ? nullptr : &node;
  for (const auto& [text, child] : node.literals) {
    if (text != segments[at]) continue;
    if (const Node* found = Find(*child, segments, count, at + 1, parameters)) return found;
    break;
  }
  // An empty last segment (a final slash) is only ever a literal.
  if (!node.parameter || segments[at].empty()) return nullptr;
  const Node* found = Find(*node.parameter, segments, count, at + 1, parameters);
  if (found != nullptr) *parameters |= 1u << at;
  return found;
}

RouteMatch RouteTable::Match(std::string_view method, std::string_view path) const {
  RouteMatch match;
  const auto refuse = [&match](std::string_view why) {
    match.status = 400;
    match.detail = why;
    return match;
  };
  if (!path.starts_with('/')) return refuse("the path does not start with /");
  std::array<std::string_view, kSegmentsMax> segments;
  std::array<std::string, kSegmentsMax> decoded;  // Of the segments that had escapes.
  size_t count = 0;
  for (std::string_view rest = path; !rest.empty(); ++count) {
    if (count == kSegmentsMax) return match;
    rest.remove_prefix(1);
    segments[count] = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segments[count].size());
    if (segments[count].find('%') != std::string_view::npos) {
      std::optional<std::string> text = PercentDecode(segments[count], false);
      if (!text) return refuse("the path has an invalid percent escape");
      decoded[count] = std::move(*text);
      segments[count] = decoded[count];
    }
    const bool is_final_slash = segments[count].empty() && rest.empty();
    if (const std::string_view fault = is_final_slash ? "" : FaultOf(segments[count]); !fault.empty())
      return refuse(fault);
  }
  uint32_t taken = 0;
  const Node* node = Find(*root_, segments.data(), count, 0, &taken);
  if (node == nullptr) return match;
  const auto find_method = [node](std::string_view wanted) {
    return std::find_if(node->methods.begin(), node->methods.end(),
                        [&](const auto& m) { return m.first == wanted; });
  };
  auto found = find_method(method);
  if (found == node->methods.end() && method == "HEAD") found = find_method("GET");
  if (found == node->methods.end()) {
    match.status = 405;
    match.allow = node->allow;
    return match;
  }
  match.status = 200;
  match.id = found->second;
  size_t name = 0;
  for (size_t i = 0; i < count; ++i)
    if (taken & (1u << i)) match.parameters.emplace_back(node->names[name++], std::string(segments[i]));
  return match;
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

Result<QueryParameters> QueryParameters::Parse(std::string_view query) {
  const auto error = [](std::string message) { return Status(Status::kInvalidArgument, std::move(message)); };
  QueryParameters result;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> name = PercentDecode(pair.substr(0, equals), true);
    std::optional<std::string> value = PercentDecode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return error("the query has an invalid percent escape");
    if (!IsUtf8(*name) || !IsUtf8(*value)) return error("the query is not UTF-8");
    if (HasControlCharacter(*name) || HasControlCharacter(*value))
      return error("the query holds a control character");
    if (name->empty()) return error("the query has a parameter without a name");
    if (result.Find(*name) != nullptr) return error("the query parameter \"" + *name + "\" comes twice");
    if (result.parameters_.size() == kQueryParametersMax) return error("the query has too many parameters");
    result.parameters_.emplace_back(std::move(*name), std::move(*value));
  }
  return result;
}

const std::string* QueryParameters::Find(std::string_view name) const {
  for (const auto& [key, value] : parameters_)
    if (key == name) return &value;
  return nullptr;
}

Result<int64_t> QueryParameters::GetInt(std::string_view name, int64_t min, int64_t max,
                                        int64_t absent) const {
  const std::string* text = Find(name);
  if (text == nullptr) return absent;
  int64_t number = 0;
  const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (fault == std::errc() && end == text->data() + text->size() && number >= min && number <= max)
    return number;
  return Status(Status::kInvalidArgument, "the query parameter \"" + std::string(name) +
                                              "\" must be an integer, " + std::to_string(min) + " to " +
                                              std::to_string(max));
}

Status QueryParameters::CheckKnown(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, value] : parameters_)
    if (std::find(known.begin(), known.end(), key) == known.end())
      return Status(Status::kInvalidArgument, "the query parameter \"" + key + "\" is not known here");
  return Status();
}

}  // namespace mom::rest
