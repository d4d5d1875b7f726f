// Which route a path and method mean, and the parameters in path and query.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/base/status.h"

namespace mom::rest {

// One route. `pattern` is "/v1/queues/{q}/messages": literal segments and {names} that match one segment
// each. A final slash counts. `id` is the caller's.
struct RouteSpec {
  std::string method;
  std::string pattern;
  int id = 0;
};

struct RouteMatch {
  int status = 404;  // 200, 400 (why in `detail`), 404, 405 (`allow` for the header).
  int id = -1;       // The route's, when 200.
  std::string detail;
  std::string allow;
  // Decoded: valid UTF-8 without control characters, never empty, "." or "..". Names are of the pattern.
  std::vector<std::pair<std::string_view, std::string>> parameters;

  // REQUIRES: the matched pattern has {name}.
  const std::string& Get(std::string_view name) const;
};

// Immutable after construction; safe to use from any number of threads.
//
// A literal beats a parameter. HEAD matches where GET does.
class RouteTable {
 public:
  // REQUIRES: patterns start with '/', no two routes with one method match the same paths.
  explicit RouteTable(const std::vector<RouteSpec>& routes);
  ~RouteTable();
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // `path` as sent: percent-encoded, without the query.
  RouteMatch Match(std::string_view method, std::string_view path) const;

 private:
  struct Node;
  static constexpr size_t kSegmentsMax = 16;

  void Add(const RouteSpec& spec);
  const Node* Find(const Node& node, const std::string_view* segments, size_t count, size_t at,
                   uint32_t* parameters) const;

  std::unique_ptr<Node> root_;
};

// The parameters of a query string. Each key at most once; at most 32.
class QueryParameters {
 public:
  // Decodes "a=1&b=x%20y"; '+' means a space. Errors name the key.
  static Result<QueryParameters> Parse(std::string_view query);

  const std::string* Find(std::string_view name) const;
  // The integer of `name`, `absent` when it is not there, or an error that names it.
  Result<int64_t> GetInt(std::string_view name, int64_t min, int64_t max, int64_t absent) const;
  // An error for the first parameter that is not in `known`.
  Status CheckKnown(std::initializer_list<std::string_view> known) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

// Decodes %XX once. Nothing for an invalid escape.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

}  // namespace mom::rest
