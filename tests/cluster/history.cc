#include "tests/cluster/history.h"

#include <array>
#include <charconv>
#include <istream>

namespace mom::cluster {
namespace {

constexpr std::array<std::string_view, 4> kKinds = {"invoke", "ok", "fail", "info"};
constexpr std::array<std::string_view, 15> kActions = {
    "publish", "receive",      "ack",          "nack",  "extend", "count",  "peek",   "login",
    "logout",  "create_queue", "delete_queue", "purge", "remove", "sample", "drained"};
static_assert(kActions.size() == static_cast<size_t>(Action::kDrained) + 1);

struct TextField {
  std::string_view name;
  std::string Event::*value;
};
constexpr TextField kTexts[] = {{"user", &Event::user},
                                {"session", &Event::session},
                                {"key", &Event::key},
                                {"code", &Event::code},
                                {"digest", &Event::digest}};

struct NumberField {
  std::string_view name;
  uint64_t Event::*value;
  uint64_t absent;
};
constexpr NumberField kNumbers[] = {{"offset", &Event::offset, kNone},   {"epoch", &Event::epoch, kNone},
                                    {"applied", &Event::applied, kNone}, {"min", &Event::min, kNone},
                                    {"number", &Event::number, kNone},   {"boot", &Event::boot, kNone},
                                    {"lease_ms", &Event::lease_ms, 0},   {"delay_ms", &Event::delay_ms, 0}};

struct FlagField {
  std::string_view name;
  bool Event::*value;
};
constexpr FlagField kFlags[] = {
    {"linearizable", &Event::linearizable}, {"auto", &Event::automatic}, {"replayed", &Event::replayed}};

struct ItemsField {
  std::string_view name;
  std::vector<Item> Event::*value;
};
constexpr ItemsField kItems[] = {{"items", &Event::items}, {"failed", &Event::failed}};

constexpr std::array<uint64_t Item::*, 5> kParts = {&Item::id, &Item::lease, &Item::attempt, &Item::payload,
                                                    &Item::hash};

void AppendNumber(uint64_t number, int base, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
  out->append(digits, static_cast<size_t>(end - digits));
}

bool ParseNumber(std::string_view text, int base, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, base);
  return error == std::errc() && end == text.data() + text.size();
}

// Up to `separator`, which is taken too.
std::string_view Take(std::string_view* rest, char separator) {
  const size_t end = rest->find(separator);
  const std::string_view part = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  return part;
}

void AppendItems(const std::vector<Item>& items, std::string* out) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out->push_back(',');
    for (size_t part = 0; part < kParts.size(); ++part) {
      if (part > 0) out->push_back(':');
      AppendNumber(items[i].*kParts[part], 16, out);
    }
  }
}

bool ParseItems(std::string_view text, std::vector<Item>* items) {
  while (!text.empty()) {
    std::string_view one = Take(&text, ',');
    Item item;
    for (const auto part : kParts) {
      if (!ParseNumber(Take(&one, ':'), 16, &(item.*part))) return false;
    }
    if (!one.empty()) return false;
    items->push_back(item);
  }
  return !items->empty();
}

bool ParseField(std::string_view name, std::string_view value, Event* event) {
  for (const auto& field : kTexts) {
    if (name == field.name) return !(event->*field.value = std::string(value)).empty();
  }
  for (const auto& field : kNumbers) {
    if (name == field.name) return ParseNumber(value, 10, &(event->*field.value));
  }
  for (const auto& field : kFlags) {
    if (name == field.name) return event->*field.value = value == "1";
  }
  for (const auto& field : kItems) {
    if (name == field.name) return ParseItems(value, &(event->*field.value));
  }
  return false;
}

template <typename Names, typename Value>
bool ParseName(const Names& names, std::string_view text, Value* value) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != text) continue;
    *value = static_cast<Value>(i);
    return true;
  }
  return false;
}

// Room for all events of the file, if it is one, at the length of its lines so far: to move them again and
// again takes as long as to read them.
void Reserve(std::istream& in, std::vector<Event>* events) {
  const std::streamoff at = in.tellg();
  if (at <= 0) return in.clear();
  in.seekg(0, std::ios::end);
  const std::streamoff end = in.tellg();
  in.seekg(at);
  events->reserve(events->size() * static_cast<size_t>(end) / static_cast<size_t>(at) * 21 / 20);
}

}  // namespace

std::string_view NameOf(Action action) {
  return kActions[static_cast<size_t>(action)];
}

std::string ToLine(const Event& event) {
  std::string line;
  AppendNumber(event.ns, 10, &line);
  line.append(" ")
      .append(kKinds[static_cast<size_t>(event.kind)])
      .append(" ")
      .append(event.client)
      .append(" ");
  AppendNumber(event.op, 10, &line);
  line.push_back(' ');
  AppendNumber(event.node, 10, &line);
  line.append(" ").append(NameOf(event.action)).append(" ").append(event.queue.empty() ? "-" : event.queue);
  const auto name = [&line](std::string_view text) { line.append(" ").append(text).append("="); };
  for (const auto& field : kTexts) {
    if ((event.*field.value).empty()) continue;
    name(field.name);
    line.append(event.*field.value);
  }
  for (const auto& field : kNumbers) {
    if (event.*field.value == field.absent) continue;
    name(field.name);
    AppendNumber(event.*field.value, 10, &line);
  }
  for (const auto& field : kFlags) {
    if (event.*field.value) line.append(" ").append(field.name).append("=1");
  }
  for (const auto& field : kItems) {
    if ((event.*field.value).empty()) continue;
    name(field.name);
    AppendItems(event.*field.value, &line);
  }
  return line;
}

bool ParseLine(std::string_view line, Event* event, std::string* why) {
  *event = Event();
  const auto wrong = [why](std::string_view what, std::string_view text) {
    *why = std::string(what) + " '" + std::string(text.substr(0, 80)) + "'";
    return false;
  };
  const std::string_view time = Take(&line, ' '), kind = Take(&line, ' ');
  event->client = Take(&line, ' ');
  const std::string_view op = Take(&line, ' '), node = Take(&line, ' '), action = Take(&line, ' ');
  event->queue = Take(&line, ' ');
  if (!ParseNumber(time, 10, &event->ns)) return wrong("no time:", time);
  if (!ParseName(kKinds, kind, &event->kind)) return wrong("no kind of event:", kind);
  if (event->client.empty()) return wrong("no client:", "");
  if (!ParseNumber(op, 10, &event->op)) return wrong("no operation number:", op);
  if (!ParseNumber(node, 10, &event->node)) return wrong("no node:", node);
  if (!ParseName(kActions, action, &event->action)) return wrong("no action:", action);
  if (event->queue.empty()) return wrong("no queue:", "");
  if (event->queue == "-") event->queue.clear();
  while (!line.empty()) {
    const std::string_view word = Take(&line, ' ');
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos ||
        !ParseField(word.substr(0, equals), word.substr(equals + 1), event))
      return wrong("no field:", word);
  }
  return true;
}

bool ReadHistory(std::istream& in, std::vector<Event>* events, std::string* why) {
  constexpr size_t kSample = 1000;
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    if (events->size() == kSample) Reserve(in, events);
    events->emplace_back();
    if (ParseLine(line, &events->back(), why)) continue;
    *why = "line " + std::to_string(number) + ": " + *why;
    return false;
  }
  return true;
}

}  // namespace mom::cluster
