// Fuzz target: method, path and query.
// Goal: never a crash; what a path or query decodes to is clean text; decoding again from the escaped text
// gives the same; a plain second reading of the query agrees.
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/base/check.h"
#include "rest/names.h"
#include "rest/route_table.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::rest {
namespace {

using fuzz::FuzzInput;

// Patterns of the API, and some that overlap.
const std::vector<RouteSpec>& Routes() {
  static const std::vector<RouteSpec> routes = {
      {"GET", "/", 0},
      {"GET", "/v1/queues", 1},
      {"PUT", "/v1/queues/{q}", 2},
      {"GET", "/v1/queues/{q}", 3},
      {"POST", "/v1/queues/{q}/messages", 4},
      {"GET", "/v1/queues/{q}/messages/{id}", 5},
      {"GET", "/v1/queues/all/messages", 6},
      {"DELETE", "/v1/{kind}/{name}", 7},
      {"GET", "/a/{b}/{c}/d/{e}", 8},
      {"GET", "/a/{b}/x/", 9},
      {"GET", "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}/{10}/{11}/{12}/{13}/{14}/{15}/{16}", 10},
  };
  return routes;
}

std::string Escape(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

// The pattern of the match with its parameters escaped.
std::string PathOf(const RouteMatch& match) {
  std::string path = Routes()[static_cast<size_t>(match.id)].pattern;
  for (const auto& [name, value] : match.parameters) {
    const std::string hole = "{" + std::string(name) + "}";
    path.replace(path.find(hole), hole.size(), Escape(value));
  }
  MOM_CHECK(path.find('{') == std::string::npos, path);
  return path;
}

void CheckPath(std::string_view method, const std::string& path) {
  static const RouteTable* const table = new RouteTable(Routes());
  const RouteMatch match = table->Match(method, path);
  MOM_CHECK(match.status == 200 || match.status == 400 || match.status == 404 || match.status == 405);
  MOM_CHECK((match.status == 200) == (match.id >= 0) && (match.status == 405) == !match.allow.empty());
  if (match.status != 200) return;
  for (const auto& [name, value] : match.parameters) {
    MOM_CHECK(!value.empty() && value != "." && value != ".." && IsUtf8(value) && !HasControlCharacter(value),
              value);
    MOM_CHECK(match.Get(name) == value);
  }
  const RouteMatch again = table->Match(method, PathOf(match));
  MOM_CHECK(again.status == 200 && again.id == match.id && again.parameters == match.parameters, path);
}

std::optional<int> Digit(char c) {
  const auto at =
      std::string_view("0123456789abcdef").find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
  return at == std::string_view::npos ? std::nullopt : std::optional<int>(static_cast<int>(at));
}

std::optional<std::string> PlainDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  while (!text.empty()) {
    if (text[0] == '%') {
      if (text.size() < 3 || !Digit(text[1]) || !Digit(text[2])) return std::nullopt;
      out += static_cast<char>(*Digit(text[1]) * 16 + *Digit(text[2]));
      text.remove_prefix(3);
    } else {
      out += text[0] == '+' && plus_is_space ? ' ' : text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

bool IsClean(const std::optional<std::string>& text) {
  return text && IsUtf8(*text) && !HasControlCharacter(*text);
}

// The query as a map, or nothing when it must be refused.
std::optional<std::map<std::string, std::string>> PlainQuery(std::string query) {
  std::map<std::string, std::string> all;
  query += '&';
  for (size_t at = 0; at < query.size();) {
    const size_t end = query.find('&', at);
    const std::string pair = query.substr(at, end - at);
    at = end + 1;
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const auto name = PlainDecode(pair.substr(0, equals), true);
    const auto value = PlainDecode(equals == std::string::npos ? "" : pair.substr(equals + 1), true);
    if (!IsClean(name) || !IsClean(value) || name->empty()) return std::nullopt;
    if (!all.emplace(*name, *value).second || all.size() > 32) return std::nullopt;
  }
  return all;
}

void CheckQuery(const std::string& query) {
  const auto read = QueryParameters::Parse(query);
  const auto plain = PlainQuery(query);
  MOM_CHECK(read.ok() == plain.has_value(), query);
  if (!plain) return;
  for (const auto& [name, value] : *plain) {
    const std::string* found = read->Find(name);
    MOM_CHECK(found != nullptr && *found == value, name);
    const auto number = read->GetInt(name, -5, 1'000'000, 7);
    if (number.ok()) {
      MOM_CHECK(*number >= -5 && *number <= 1'000'000);
      MOM_CHECK(std::to_string(*number) == value || value[0] == '0' || value.starts_with("-0"), value);
    }
  }
  const std::string absent(query.size() + 1, 'x');  // Too long to be in the query.
  MOM_CHECK(*read->GetInt(absent, 0, 9, 7) == 7);
  MOM_CHECK(read->CheckKnown({}).ok() == plain->empty());
}

// First byte: method and what the rest is.
void FuzzOne(FuzzInput input) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "PUT", "POST", "DELETE", "get", ""};
  const uint8_t mode = input.Byte();
  const std::string text(input.TakeRest());
  if (mode % 2 == 0) return CheckQuery(text);
  CheckPath(kMethods[mode / 2 % std::size(kMethods)], text);
  for (const bool plus_is_space : {false, true}) {
    const auto decoded = PercentDecode(text, plus_is_space);
    MOM_CHECK(decoded == PlainDecode(text, plus_is_space), text);
    if (decoded) MOM_CHECK(PercentDecode(Escape(*decoded), plus_is_space) == decoded, text);
  }
}

}  // namespace
}  // namespace mom::rest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::rest::FuzzOne({data, size});
  return 0;
}
