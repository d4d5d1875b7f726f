// Looking into a queue without taking anything.
#include <algorithm>
#include <array>

#include "core/base/check.h"
#include "core/broker/keys.h"
#include "rest/api_routes.h"
#include "rest/message_json.h"
#include "rest/names.h"
#include "rest/paging.h"
#include "rest/queue_access.h"
#include "rest/queue_json.h"
#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

namespace keys = broker::keys;

// Where messages can be, in the order in which a page shows them. Cursors hold the position in this list.
struct Place {
  char table;
  std::string_view state;
};
constexpr std::array kPlaces = {
    Place{keys::kReady, "ready"},      // Together with kReturned.
    Place{keys::kWaiting, "blocked"},  // Behind others of their group.
    Place{keys::kLeased, "leased"},   Place{keys::kDelayed, "delayed"}, Place{keys::kDead, "dead"},
};
constexpr std::array<std::string_view, 5> kStates = {"ready", "blocked", "leased", "delayed", "dead"};

std::string_view StateOf(char table) {
  if (table == keys::kReturned) table = keys::kReady;
  for (const Place& place : kPlaces)
    if (place.table == table) return place.state;
  MOM_CHECK(false, table);
  return {};
}

// A position behind which a page goes on.
struct Position {
  size_t place = 0;
  uint32_t lane = 0;     // 9 - priority, in the ready tables.
  uint64_t next_id = 0;  // The first message not shown yet.
};

std::string FormatPosition(const Position& position) {
  std::string text{static_cast<char>(position.place), static_cast<char>(position.lane)};
  keys::AppendU64(&text, position.next_id);
  return text;
}

std::optional<Position> ParsePosition(const std::string& text) {
  if (text.empty()) return Position();
  if (text.size() != 10) return std::nullopt;
  const Position position{static_cast<unsigned char>(text[0]), static_cast<unsigned char>(text[1]),
                          keys::ReadU64(text, 2)};
  if (position.place >= kPlaces.size() || position.lane > 9) return std::nullopt;
  return position;
}

// Walks messages of one queue in the order of kPlaces. A page ends with `limit` messages or too many bytes.
class Peeker {
 public:
  Peeker(const broker::ViewReader& view, const broker::QueueHandle& queue, size_t limit, size_t bytes_max)
      : view_(view), queue_(queue), limit_(limit), bytes_max_(bytes_max) {
    out_ = "{\"items\":[";
  }

  // States that are not in `wanted` are left out.
  std::string Run(const std::vector<std::string_view>& wanted, Position from) {
    for (size_t i = from.place; i < kPlaces.size() && !is_full_; ++i) {
      if (i != from.place) from = Position{i, 0, 0};
      if (std::find(wanted.begin(), wanted.end(), kPlaces[i].state) == wanted.end()) continue;
      if (kPlaces[i].table == keys::kReady) {
        VisitLanes(from);
      } else {
        VisitTable(from);
      }
    }
    out_.append("],\"next\":");
    if (is_full_) {
      AppendJsonString(EncodeCursor(FormatPosition(next_)), &out_);
    } else {
      out_.append("null");
    }
    out_.push_back('}');
    return std::move(out_);
  }

 private:
  // Ready messages in the order of delivery: by priority, then the fresh and the returned ones merged.
  void VisitLanes(Position from) {
    const v1::QueueState queue_state = ReadQueueState(view_, queue_.id());
    for (const v1::Lane& lane : queue_state.lanes()) {
      const uint32_t number = 9 - lane.priority();
      if (number < from.lane) continue;
      const uint64_t first = number == from.lane ? from.next_id : 0;
      const auto fresh = view_.NewIterator();
      const auto returned = view_.NewIterator();
      const std::string fresh_prefix =
          keys::Ready(keys::kReady, queue_.id(), lane.priority(), 0).substr(0, 10);
      const std::string returned_prefix =
          keys::Ready(keys::kReturned, queue_.id(), lane.priority(), 0).substr(0, 10);
      fresh->Seek(keys::Ready(keys::kReady, queue_.id(), lane.priority(), std::max(first, lane.head())));
      returned->Seek(
          keys::Ready(keys::kReturned, queue_.id(), lane.priority(), std::max(first, lane.returned_head())));
      while (!is_full_) {
        const bool has_fresh = fresh->Valid() && fresh->key().starts_with(fresh_prefix);
        const bool has_returned = returned->Valid() && returned->key().starts_with(returned_prefix);
        if (!has_fresh && !has_returned) break;
        const bool take_fresh =
            has_fresh && (!has_returned || fresh->key().substr(10) < returned->key().substr(10));
        broker::ViewIterator& it = take_fresh ? *fresh : *returned;
        Add(Position{0, number, keys::ReadU64(it.key(), 10)}, keys::kReady, it.value());
        it.Next();
      }
      if (is_full_) return;
    }
  }

  void VisitTable(Position from) {
    const char table = kPlaces[from.place].table;
    const std::string prefix = keys::Prefix(table, queue_.id());
    const auto it = view_.NewIterator();
    it->Seek(keys::Message(table, queue_.id(), from.next_id));
    for (; !is_full_ && it->Valid() && it->key().starts_with(prefix); it->Next())
      Add(Position{from.place, 0, keys::ReadU64(it->key(), prefix.size())}, table, it->value());
  }

  void Add(Position position, char table, std::string_view value) {
    if (items_ == limit_ || (items_ > 0 && out_.size() > bytes_max_)) {
      is_full_ = true;
      next_ = position;
      return;
    }
    v1::MessageState state;
    MOM_CHECK(state.ParseFromArray(value.data(), static_cast<int>(value.size())), queue_.name);
    const auto envelope = ReadEnvelope(view_, position.next_id);
    if (!envelope) return;
    if (items_++ > 0) out_.push_back(',');
    AppendLookedAt(position.next_id, *envelope, table, state);
  }

 public:
  // One message with its state, as a complete object.
  void AppendLookedAt(uint64_t id, const v1::Envelope& envelope, char table, const v1::MessageState& state) {
    out_.push_back('{');
    AppendMessage(id, queue_.name, envelope, state.attempt(), &out_);
    JsonWriter json;
    json.BeginObject().Member("state", StateOf(table));
    if (table == keys::kLeased) {
      json.Member("receiver", state.receiver()).Member("received_at", Timestamp{state.received_ms()});
      json.Member("lease_until", Timestamp{state.due_ms()});
    }
    if (table == keys::kDelayed) json.Member("ready_at", Timestamp{state.due_ms()});
    if (table == keys::kDead)
      json.Member("reason", state.reason()).Member("dead_at", Timestamp{state.dead_ms()});
    if (state.expires_ms() != 0) json.Member("expires_at", Timestamp{state.expires_ms()});
    out_.push_back(',');
    out_.append(json.EndObject().Take().substr(1));
  }
  std::string TakeOne() { return out_.substr(sizeof("{\"items\":[") - 1); }

 private:
  const broker::ViewReader& view_;
  const broker::QueueHandle& queue_;
  const size_t limit_;
  const size_t bytes_max_;
  std::string out_;
  size_t items_ = 0;
  bool is_full_ = false;
  Position next_;
};

// "ready,dead"; all when absent. Empty after having answered.
std::vector<std::string_view> ReadStates(Call& call, const std::string* text) {
  if (text == nullptr) return {kStates.begin(), kStates.end()};
  std::vector<std::string_view> states;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view state = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), state.size() + 1));
    if (std::find(kStates.begin(), kStates.end(), state) != kStates.end()) {
      states.push_back(state);
      continue;
    }
    call.SendProblem(400, "invalid-query",
                     "\"state\" must be a list of ready, blocked, leased, delayed, dead");
    return {};
  }
  if (states.empty()) call.SendProblem(400, "invalid-query", "\"state\" must name a state");
  return states;
}

void ListMessages(const CallPtr& call) {
  const auto query = call->ParseQuery({"state", "limit", "after"});
  if (!query) return;
  const auto page = ReadPage(*call, *query);
  if (!page) return;
  const auto states = ReadStates(*call, query->Find("state"));
  if (states.empty()) return;
  const auto position = ParsePosition(page->after);
  if (!position)
    return call->SendProblem(400, "invalid-query", "\"after\" must be \"next\" of an earlier page");
  const auto snapshot = call->Snapshot();
  const auto queue = FindReadableQueue(*call, snapshot->reader());
  if (!queue) return;
  Peeker peeker(snapshot->reader(), *queue, page->limit, call->options().answer_bytes_max);
  call->SendJson(200, peeker.Run(states, *position));
}

void GetMessage(const CallPtr& call) {
  const auto snapshot = call->Snapshot();
  const auto queue = FindReadableQueue(*call, snapshot->reader());
  if (!queue) return;
  const auto id = ParseId(call->parameter("id"));
  const auto located = id ? broker::Locate(snapshot->reader(), queue->id(), *id) : std::nullopt;
  const auto envelope = located ? ReadEnvelope(snapshot->reader(), *id) : std::nullopt;
  if (!envelope)
    return call->SendProblem(404, "message-not-found", "queue '" + queue->name + "' holds no such message");
  Peeker peeker(snapshot->reader(), *queue, 1, 0);
  peeker.AppendLookedAt(*id, *envelope, located->table, located->state);
  call->SendJson(200, peeker.TakeOne());
}

constexpr Route kRoutes[] = {
    {"GET", "/v1/queues/{q}/messages", Access::kSession, BodyKind::kNone, true, ListMessages},
    {"GET", "/v1/queues/{q}/messages/{id}", Access::kSession, BodyKind::kNone, false, GetMessage},
};

}  // namespace

std::span<const Route> PeekRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
