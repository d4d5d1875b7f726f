#include "tests/cluster/broker_client.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <boost/json.hpp>
#include <cstdio>

#include "bench/payload.h"
#include "rest/wire_ids.h"

namespace mom::cluster {
namespace {

namespace json = boost::json;

constexpr uint32_t kRun = 0x636c7573;
constexpr size_t kBodyBytes = 96;
const bench::PayloadFormat kFormat(kRun, kBodyBytes);

const json::value* Find(const json::value& value, const char* name) {
  const auto* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::string TextIn(const json::value& value, const char* name) {
  const auto* found = Find(value, name);
  if (found == nullptr || !found->is_string()) return "";
  return std::string(found->as_string().begin(), found->as_string().end());
}

uint64_t NumberIn(const json::value& value, const char* name) {
  const auto* found = Find(value, name);
  return found != nullptr && found->is_int64() ? static_cast<uint64_t>(found->as_int64()) : 0;
}

const json::array& ArrayIn(const json::value& value, const char* name) {
  static const json::array kEmpty;
  const auto* found = Find(value, name);
  return found != nullptr && found->is_array() ? found->as_array() : kEmpty;
}

void ReadReceipt(const std::string& text, Item* item) {
  if (const auto receipt = rest::ParseReceipt(text)) {
    item->id = receipt->id();
    item->lease = receipt->lease();
  }
}

Item ReadMessage(const json::value& message) {
  Item item;
  item.id = rest::ParseId(TextIn(message, "id")).value_or(0);
  item.attempt = NumberIn(message, "attempt");
  ReadReceipt(TextIn(message, "receipt"), &item);
  ReadBody(TextIn(message, "body"), &item);
  return item;
}

// What an answer means for whether the request was done.
Kind Judge(const HttpAnswer& answer, const std::string& code) {
  if (answer.status == 0) return answer.sent ? Kind::kInfo : Kind::kFail;
  if (answer.status / 100 == 2) return Kind::kOk;
  if (answer.status < 500) return Kind::kFail;
  const bool certain = code == "no-leader" || code == "not-ready" || code == "stopping" ||
                       code == "overloaded" || code == "disk-nearly-full" || code == "min-offset-not-reached";
  return certain ? Kind::kFail : Kind::kInfo;
}

json::array Receipts(const std::vector<Item>& items) {
  json::array receipts;
  for (const Item& item : items) receipts.emplace_back(rest::FormatReceipt(item.id, item.lease));
  return receipts;
}

}  // namespace

std::string BodyOf(uint64_t payload) {
  std::string body(kBodyBytes, '\0');
  kFormat.Write(payload, body.data());
  return body;
}

void ReadBody(std::string_view body, Item* item) {
  item->hash = XXH3_64bits(body.data(), body.size());
  if (kFormat.Read(body, &item->payload) != bench::PayloadVerdict::kOk) item->payload = kNone;
}

Item ItemOf(uint64_t payload) {
  Item item;
  ReadBody(BodyOf(payload), &item);
  return item;
}

BrokerClient::BrokerClient(Cluster* cluster, Recorder* recorder, std::string name)
    : cluster_(cluster), recorder_(recorder), name_(std::move(name)) {
  for (uint32_t id = 1; id <= cluster->size(); ++id)
    links_.push_back(std::make_unique<HttpLink>(cluster->rest(id)));
}

Event BrokerClient::Begin(Action action, uint32_t node, const std::string& queue, const std::string& key) {
  Event event;
  event.client = name_;
  event.op = ++ops_;
  event.node = node;
  event.action = action;
  event.queue = queue;
  event.user = session_.user;
  event.session = session_.name;
  event.key = key;
  return event;
}

HttpAnswer BrokerClient::Run(Event* begun, const std::string& method, const std::string& target,
                             Headers headers, const std::string& body) {
  if (!session_.token.empty()) headers.emplace_back("Authorization", "Bearer " + session_.token);
  if (!begun->key.empty()) headers.emplace_back("Idempotency-Key", begun->key);
  if (begun->min != kNone) headers.emplace_back("Mom-Min-Offset", std::to_string(begun->min));
  if (begun->linearizable) headers.emplace_back("Mom-Consistency", "linearizable");
  begun->ns = NowNs();
  recorder_->Add(*begun);
  HttpAnswer answer = links_[begun->node - 1]->Send(method, target, headers, body, timeout_ms_);
  begun->ns = NowNs();
  begun->items.clear();
  if (answer.status != 0 && answer.status / 100 != 2) {
    json::error_code error;
    begun->code = TextIn(json::parse(answer.body, error), "code");
    if (begun->code.empty()) begun->code = "status-" + std::to_string(answer.status);
  } else if (answer.status == 0) {
    begun->code = answer.sent ? "no-answer" : "not-connected";
  }
  begun->kind = Judge(answer, begun->code);
  begun->offset = answer.FindNumber("mom-offset");
  begun->epoch = answer.FindNumber("mom-epoch");
  begun->applied = answer.FindNumber("mom-applied");
  begun->replayed = answer.Find("mom-replayed") == "true";
  return answer;
}

void BrokerClient::Finish(Event event) {
  recorder_->Add(std::move(event));
}

int BrokerClient::Register(uint32_t node, const std::string& user, const std::string& password) {
  const json::object body{{"name", user}, {"password", password}};
  return links_[node - 1]
      ->Send("POST", "/v1/users", {{"Content-Type", "application/json"}}, json::serialize(body), timeout_ms_)
      .status;
}

Event BrokerClient::Login(uint32_t node, const std::string& user, const std::string& password) {
  session_ = Session{user, "", ""};
  Event event = Begin(Action::kLogin, node, "", "");
  session_.name = name_ + "." + std::to_string(event.op);
  event.session = session_.name;
  const json::object body{{"name", user}, {"password", password}};
  const auto answer =
      Run(&event, "POST", "/v1/sessions", {{"Content-Type", "application/json"}}, json::serialize(body));
  json::error_code error;
  if (event.kind == Kind::kOk) session_.token = TextIn(json::parse(answer.body, error), "token");
  Finish(event);
  return event;
}

Event BrokerClient::Logout(uint32_t node) {
  Event event = Begin(Action::kLogout, node, "", "");
  Run(&event, "DELETE", "/v1/sessions/current", {}, "");
  Finish(event);
  return event;
}

Event BrokerClient::CreateQueue(uint32_t node, const std::string& queue, int64_t lease_ms,
                                const std::string& key) {
  Event event = Begin(Action::kCreateQueue, node, queue, key);
  const json::object body{{"name", queue}, {"lease_ms", lease_ms}, {"max_attempts", 1000}};
  Run(&event, "POST", "/v1/queues", {{"Content-Type", "application/json"}}, json::serialize(body));
  Finish(event);
  return event;
}

Event BrokerClient::DeleteQueue(uint32_t node, const std::string& queue, const std::string& key) {
  Event event = Begin(Action::kDeleteQueue, node, queue, key);
  Run(&event, "DELETE", "/v1/queues/" + queue, {}, "");
  Finish(event);
  return event;
}

Event BrokerClient::Publish(uint32_t node, const std::string& queue, const std::vector<uint64_t>& payloads,
                            const std::string& key, int64_t delay_ms) {
  Event event = Begin(Action::kPublish, node, queue, key);
  event.delay_ms = static_cast<uint64_t>(delay_ms);
  for (uint64_t payload : payloads) event.items.push_back(ItemOf(payload));
  std::vector<Item> items = event.items;
  std::string target = "/v1/queues/" + queue + "/messages", type = "text/plain", body;
  if (payloads.size() == 1) {
    body = BodyOf(payloads[0]);
  } else {
    target = "/v1/queues/" + queue + "/batch";
    type = "application/json";
    json::array messages;
    for (uint64_t payload : payloads) {
      messages.push_back(json::object{{"body", BodyOf(payload)}, {"delay_ms", delay_ms}});
    }
    body = json::serialize(json::object{{"messages", std::move(messages)}});
  }
  Headers headers = {{"Content-Type", type}};
  if (delay_ms > 0) headers.emplace_back("Mom-Delay-Ms", std::to_string(delay_ms));
  const auto answer = Run(&event, "POST", target, std::move(headers), body);
  if (event.kind == Kind::kOk) {
    json::error_code error;
    const auto tree = json::parse(answer.body, error);
    const auto& ids = ArrayIn(tree, "ids");
    if (payloads.size() == 1) items[0].id = rest::ParseId(TextIn(tree, "id")).value_or(0);
    for (size_t i = 0; i < ids.size() && i < items.size(); ++i) {
      if (ids[i].is_string()) items[i].id = rest::ParseId(std::string(ids[i].as_string())).value_or(0);
    }
    event.items = std::move(items);
  }
  Finish(event);
  return event;
}

Event BrokerClient::Receive(uint32_t node, const std::string& queue, uint64_t max, int64_t lease_ms,
                            int64_t wait_ms, const std::string& key) {
  Event event = Begin(Action::kReceive, node, queue, key);
  event.number = max;
  event.automatic = lease_ms == 0;
  event.lease_ms = static_cast<uint64_t>(lease_ms);
  json::object body{{"max", max}, {"wait_ms", wait_ms}};
  if (lease_ms == 0) body["ack"] = "auto";
  if (lease_ms != 0) body["lease_ms"] = lease_ms;
  const auto answer = Run(&event, "POST", "/v1/queues/" + queue + "/receive",
                          {{"Content-Type", "application/json"}}, json::serialize(body));
  if (event.kind == Kind::kOk) {
    json::error_code error;
    const auto tree = json::parse(answer.body, error);
    for (const auto& message : ArrayIn(tree, "messages")) event.items.push_back(ReadMessage(message));
  }
  Finish(event);
  return event;
}

Event BrokerClient::Settle(Action action, uint32_t node, const std::string& queue,
                           const std::vector<Item>& items, int64_t lease_ms, int64_t delay_ms) {
  Event event = Begin(action, node, queue, "");
  event.items = items;
  event.lease_ms = static_cast<uint64_t>(lease_ms);
  event.delay_ms = static_cast<uint64_t>(delay_ms);
  json::object body{{"receipts", Receipts(items)}};
  if (action == Action::kExtend) body["lease_ms"] = lease_ms;
  if (action == Action::kNack) body["delay_ms"] = delay_ms;
  const auto answer = Run(&event, "POST", "/v1/queues/" + queue + "/" + std::string(NameOf(action)),
                          {{"Content-Type", "application/json"}}, json::serialize(body));
  if (event.kind == Kind::kOk) {
    event.items = items;
    json::error_code error;
    const auto tree = json::parse(answer.body, error);
    for (const auto& failed : ArrayIn(tree, "failed")) {
      ReadReceipt(TextIn(failed, "receipt"), &event.failed.emplace_back());
    }
  }
  Finish(event);
  return event;
}

Event BrokerClient::Ack(uint32_t node, const std::string& queue, const std::vector<Item>& items) {
  return Settle(Action::kAck, node, queue, items, 0, 0);
}

Event BrokerClient::Nack(uint32_t node, const std::string& queue, const std::vector<Item>& items,
                         int64_t delay_ms) {
  return Settle(Action::kNack, node, queue, items, 0, delay_ms);
}

Event BrokerClient::Extend(uint32_t node, const std::string& queue, const std::vector<Item>& items,
                           int64_t lease_ms) {
  return Settle(Action::kExtend, node, queue, items, lease_ms, 0);
}

Event BrokerClient::Count(uint32_t node, const std::string& queue, uint64_t min, bool linearizable) {
  Event event = Begin(Action::kCount, node, queue, "");
  event.min = min;
  event.linearizable = linearizable;
  const auto answer = Run(&event, "GET", "/v1/queues/" + queue, {}, "");
  if (event.kind == Kind::kOk) {
    json::error_code error;
    const auto tree = json::parse(answer.body, error);
    event.number = NumberIn(tree, "ready") + NumberIn(tree, "blocked") + NumberIn(tree, "leased") +
                   NumberIn(tree, "delayed") + NumberIn(tree, "dead");
  }
  Finish(event);
  return event;
}

Event BrokerClient::Peek(uint32_t node, const std::string& queue, uint64_t id, uint64_t min,
                         bool linearizable) {
  Event event = Begin(Action::kPeek, node, queue, "");
  event.min = min;
  event.linearizable = linearizable;
  event.items.emplace_back().id = id;
  const auto answer = Run(&event, "GET", "/v1/queues/" + queue + "/messages/" + rest::FormatId(id), {}, "");
  event.items.emplace_back().id = id;
  if (event.kind == Kind::kOk) {
    json::error_code error;
    event.items[0] = ReadMessage(json::parse(answer.body, error));
  }
  Finish(event);
  return event;
}

}  // namespace mom::cluster
