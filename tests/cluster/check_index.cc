#include "tests/cluster/check_index.h"

#include <algorithm>
#include <tuple>

namespace mom::cluster {
namespace {

constexpr size_t kShownMax = 10;  // Of each property.

struct PairHash {
  template <typename First, typename Second>
  size_t operator()(const std::pair<First, Second>& pair) const {
    return std::hash<First>()(pair.first) * 31 + std::hash<Second>()(pair.second);
  }
};

}  // namespace

std::string Hex(uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (; number != 0; number >>= 4) text.insert(text.begin(), kDigits[number & 15]);
  return text.empty() ? "0" : text;
}

std::string Describe(const Operation& operation) {
  const Event& event = *operation.invoke;
  std::string text = std::string(NameOf(event.action)) + " " + event.client + "#" + std::to_string(event.op) +
                     " at node " + std::to_string(event.node);
  if (!event.queue.empty()) text += " of " + event.queue;
  if (operation.offset() != kNone) text += " (offset " + std::to_string(operation.offset()) + ")";
  return text;
}

void Report::Add(const char* property, std::string text) {
  if (++verdict_->found[property] <= kShownMax) verdict_->violations.push_back({property, std::move(text)});
}

Index::Index(const std::vector<Event>& events) {
  MakeOperations(events);
  MakeRequests();
  for (const Request& request : requests_) AddSent(request);
  for (const Request& request : requests_) AddDelivered(request);
  for (auto& [payload, message] : messages_) {
    std::sort(message.deliveries.begin(), message.deliveries.end(), [](const auto& a, const auto& b) {
      return std::tie(a.offset, a.place) < std::tie(b.offset, b.place);
    });
  }
  for (const Operation& operation : operations_) AddSettled(operation);
}

void Index::MakeOperations(const std::vector<Event>& events) {
  std::unordered_map<std::pair<std::string_view, uint64_t>, size_t, PairHash> open;
  operations_.reserve(events.size() / 2 + 1);
  open.reserve(events.size() / 2 + 1);
  for (const Event& event : events) {
    if (event.action == Action::kSample) {
      samples_.push_back(&event);
    } else if (event.action == Action::kDrained) {
      drained_[event.queue] = event.ns;
    } else if (event.kind == Kind::kInvoke) {
      open[{event.client, event.op}] = operations_.size();
      Operation& operation = operations_.emplace_back();
      operation.invoke = &event;
      operation.begin = event.ns;
    }
  }
  for (const Event& event : events) {
    if (event.kind == Kind::kInvoke || event.action == Action::kSample || event.action == Action::kDrained)
      continue;
    const auto found = open.find({event.client, event.op});
    if (found == open.end()) continue;
    Operation& operation = operations_[found->second];
    operation.answer = &event;
    operation.outcome = event.kind;
    if (event.kind != Kind::kInfo) operation.end = event.ns;
  }
  std::stable_sort(operations_.begin(), operations_.end(),
                   [](const auto& a, const auto& b) { return a.begin < b.begin; });
  std::stable_sort(samples_.begin(), samples_.end(),
                   [](const auto* a, const auto* b) { return a->ns < b->ns; });
}

void Index::MakeRequests() {
  std::unordered_map<std::pair<std::string_view, std::string_view>, size_t, PairHash> keyed;
  requests_.reserve(operations_.size());
  for (const Operation& operation : operations_) {
    const Event& invoke = *operation.invoke;
    size_t at = requests_.size();
    if (!invoke.key.empty()) at = keyed.try_emplace({invoke.user, invoke.key}, at).first->second;
    if (at == requests_.size()) requests_.emplace_back();
    Request& request = requests_[at];
    if (request.tries.empty()) {
      request.begin = operation.begin;
      request.refused = true;
    }
    request.tries.push_back(&operation);
    request.refused = request.refused && operation.outcome == Kind::kFail;
    if (operation.ok() && (request.first_ok == nullptr || operation.end < request.first_ok->end))
      request.first_ok = &operation;
  }
}

void Index::AddSent(const Request& request) {
  const Event& invoke = *request.tries.front()->invoke;
  if (invoke.action != Action::kPublish) return;
  for (size_t i = 0; i < invoke.items.size(); ++i) {
    Message& message = messages_[invoke.items[i].payload];
    message.sent.push_back(&request);
    if (message.sent.size() > 1) continue;
    message.payload = invoke.items[i].payload;
    message.hash = invoke.items[i].hash;
    message.queue = invoke.queue;
    message.place = i;
    if (request.first_ok == nullptr || i >= request.first_ok->answer->items.size()) continue;
    message.id = request.first_ok->answer->items[i].id;
    payload_of_id_.emplace(message.id, message.payload);
  }
}

void Index::AddDelivered(const Request& request) {
  if (request.first_ok == nullptr) return;
  const Event& answer = *request.first_ok->answer;
  if (answer.action != Action::kReceive) return;
  for (size_t i = 0; i < answer.items.size(); ++i) {
    Delivery delivery;
    delivery.item = answer.items[i];
    delivery.request = &request;
    delivery.place = i;
    delivery.offset = answer.offset;
    delivery.begin = request.begin;
    delivery.end = request.first_ok->end;
    delivery.lease_ms = request.first_ok->invoke->lease_ms;
    delivery.automatic = request.first_ok->invoke->automatic;
    delivery.queue = answer.queue;
    delivery.client = answer.client;
    const auto found = messages_.find(delivery.item.payload);
    if (found == messages_.end()) {
      strays_.push_back(delivery);
      continue;
    }
    payload_of_id_.emplace(delivery.item.id, delivery.item.payload);
    found->second.deliveries.push_back(delivery);
  }
}

void Index::AddSettled(const Operation& operation) {
  if (!operation.may_have_happened()) return;
  std::vector<Settlement> Message::*list = nullptr;
  switch (operation.invoke->action) {
    case Action::kAck:
      list = &Message::acks;
      break;
    case Action::kNack:
      list = &Message::nacks;
      break;
    case Action::kExtend:
      list = &Message::extends;
      break;
    case Action::kRemove:
      list = &Message::removals;
      break;
    default:
      return;
  }
  for (const Item& item : operation.invoke->items) {
    const auto payload = payload_of_id_.find(item.id);
    if (payload == payload_of_id_.end()) continue;
    Settlement settlement{&operation, item.lease, false};
    if (operation.answer != nullptr) {
      const auto& failed = operation.answer->failed;
      settlement.refused = std::any_of(failed.begin(), failed.end(), [&item](const Item& one) {
        return one.id == item.id && one.lease == item.lease;
      });
    }
    (messages_.at(payload->second).*list).push_back(settlement);
  }
}

}  // namespace mom::cluster
