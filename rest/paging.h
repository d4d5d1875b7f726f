// Paged lists: `limit` and `after` of the query, and walking a table of the view by name.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/broker/view.h"
#include "rest/api_call.h"

namespace mom::rest {

struct Page {
  size_t limit = 100;
  std::string after;  // Decoded position; empty: from the start.
};

// Nothing after having answered.
std::optional<Page> ReadPage(Call& call, const QueryParameters& query);

// {"items":[...],"next":...} of the records of one table, in the order of their names. `visit` appends an
// item to the writer and returns true, or returns false to leave the record out. Looks at a bounded number of
// records and ends a page that has become long, so it may have fewer items than asked for although there are
// more.
std::string ListTable(
    const broker::ViewReader& view, char table, const Page& page,
    const std::function<bool(std::string_view name, std::string_view value, JsonWriter*)>& visit);

// The same for what lies behind `prefix`: `rest` is what follows it in the key.
std::string ListPrefix(
    const broker::ViewReader& view, const std::string& prefix, const Page& page,
    const std::function<bool(std::string_view rest, std::string_view value, JsonWriter*)>& visit);

}  // namespace mom::rest
