#include "rest/paging.h"

#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

constexpr int64_t kLimitMax = 1000;
constexpr int64_t kLimitDefault = 100;
constexpr size_t kLookedAtMax = 10'000;     // Records, in one request.
constexpr size_t kPageBytesMax = 2u << 20;  // A page ends with the item that goes beyond.

}  // namespace

std::optional<Page> ReadPage(Call& call, const QueryParameters& query) {
  const Result<int64_t> limit = query.GetInt("limit", 1, kLimitMax, kLimitDefault);
  if (!limit.ok()) {
    call.SendProblem(400, "invalid-query", limit.status().message());
    return std::nullopt;
  }
  Page page;
  page.limit = static_cast<size_t>(limit.value());
  const std::string* after = query.Find("after");
  if (after == nullptr) return page;
  std::optional<std::string> position = DecodeCursor(*after);
  if (!position) {
    call.SendProblem(400, "invalid-query",
                     "the query parameter \"after\" must be \"next\" of an earlier page");
    return std::nullopt;
  }
  page.after = *std::move(position);
  return page;
}

std::string ListTable(const broker::ViewReader& view, char table, const Page& page,
                      const std::function<bool(std::string_view, std::string_view, JsonWriter*)>& visit) {
  return ListPrefix(view, std::string(1, table), page, visit);
}

std::string ListPrefix(const broker::ViewReader& view, const std::string& prefix, const Page& page,
                       const std::function<bool(std::string_view, std::string_view, JsonWriter*)>& visit) {
  JsonWriter json;
  json.BeginObject().Key("items").BeginArray();
  // The smallest key behind `after` is `after` with a zero byte.
  const std::string from = page.after.empty() ? prefix : prefix + page.after + std::string(1, '\0');
  const auto it = view.NewIterator();
  size_t items = 0;
  size_t looked_at = 0;
  std::string last;
  bool more = false;
  for (it->Seek(from); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    if (items == page.limit || looked_at == kLookedAtMax || json.size() > kPageBytesMax) {
      more = true;
      break;
    }
    last = std::string(it->key().substr(prefix.size()));
    ++looked_at;
    if (visit(last, it->value(), &json)) ++items;
  }
  json.EndArray().Key("next");
  if (more) {
    json.Text(EncodeCursor(last));
  } else {
    json.Null();
  }
  return json.EndObject().Take();
}

}  // namespace mom::rest
