// Topics and subscriptions. Topics are known to everybody who is connected.
#include "core/broker/keys.h"
#include "core/broker/routing.h"
#include "rest/api_routes.h"
#include "rest/login.h"
#include "rest/names.h"
#include "rest/paging.h"
#include "rest/queue_json.h"
#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

using Outcome = replication::Outcome;
constexpr size_t kPatternBytesMax = 255;

void AppendTopic(std::string_view name, const v1::TopicRecord& record, JsonWriter* json) {
  json->BeginObject().Member("name", name).Member("owner", record.owner());
  json->Member("created_at", Timestamp{record.created_ms()});
  AppendUserList(record.publishers(), &json->Key("publishers"));
  json->EndObject();
}

std::optional<v1::TopicRecord> FindTopic(const broker::ViewReader& view, const std::string& name) {
  const auto bytes = view.Get(broker::keys::Topic(name));
  v1::TopicRecord record;
  if (!bytes || !record.ParseFromString(*bytes)) return std::nullopt;
  return record;
}

void SendCreated(Call& call, const std::string& name, bool existed) {
  JsonWriter json;
  if (const auto record = FindTopic(call.Snapshot()->reader(), name)) {
    AppendTopic(name, *record, &json);
  } else {  // Deleted again meanwhile.
    json.BeginObject().Member("name", name).EndObject();
  }
  HttpResponse response{existed ? 200 : 201, {{"Content-Type", "application/json"}}, json.Take()};
  if (!existed) response.headers.emplace_back("Location", "/v1/topics/" + name);
  call.Send(std::move(response));
}

void CreateTopic(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  v1::CreateTopic* create = command.mutable_create_topic();
  create->set_name(std::string(ReadName(&object, "name")));
  if (auto publishers = TryUserList(call->request().body, &object, "publishers"))
    *create->mutable_publishers() = *std::move(publishers);
  if (!call->FinishBody(body)) return;
  const std::string name = create->name();
  call->Propose(std::move(command),
                [name](Call& done, Outcome& outcome) { SendCreated(done, name, outcome.reply.existed()); });
}

void ListTopics(const CallPtr& call) {
  const auto query = call->ParseQuery({"limit", "after"});
  if (!query) return;
  const auto page = ReadPage(*call, *query);
  if (!page) return;
  const auto visit = [](std::string_view name, std::string_view value, JsonWriter* json) {
    v1::TopicRecord record;
    if (!record.ParseFromArray(value.data(), static_cast<int>(value.size()))) return false;
    AppendTopic(name, record, json);
    return true;
  };
  call->SendJson(200, ListTable(call->Snapshot()->reader(), broker::keys::kTopic, *page, visit));
}

void GetTopic(const CallPtr& call) {
  if (!call->CheckName("t", "topic-not-found")) return;
  const std::string& name = call->parameter("t");
  const auto record = FindTopic(call->Snapshot()->reader(), name);
  if (!record) return call->SendProblem(404, "topic-not-found", "there is no topic '" + name + "'");
  JsonWriter json;
  AppendTopic(name, *record, &json);
  call->SendJson(200, json.Take());
}

void DeleteTopic(const CallPtr& call) {
  if (!call->CheckName("t", "topic-not-found")) return;
  v1::Command command = call->MakeCommand();
  command.mutable_delete_topic()->set_name(call->parameter("t"));
  call->Propose(std::move(command), [](Call& done, Outcome&) { done.SendEmpty(); });
}

void ReadOwnQueue(JsonObject* object, v1::Subscribe* subscribe) {
  const auto queue = object->TryString("queue", 1, kNameCharsMax);
  if (queue && !IsName(*queue)) object->Reject("queue", "is not a valid queue name");
  subscribe->set_queue(std::string(queue.value_or("")));
}

void ProposeSubscription(Call& call, v1::Command command) {
  call.Propose(std::move(command), [](Call& done, Outcome& outcome) {
    const v1::SubscribeReply& reply = outcome.reply.subscribe();
    JsonWriter json;
    json.BeginObject().Member("id", FormatId(reply.id())).Member("queue", reply.queue()).EndObject();
    done.SendJson(outcome.reply.existed() ? 200 : 201, json.Take());
  });
}

void SubscribeToTopic(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  ReadOwnQueue(&object, command.mutable_subscribe());
  if (!call->FinishBody(body) || !call->CheckName("t", "topic-not-found")) return;
  command.mutable_subscribe()->set_topic(call->parameter("t"));
  ProposeSubscription(*call, std::move(command));
}

void SubscribeToPattern(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  ReadOwnQueue(&object, command.mutable_subscribe());
  const std::string_view pattern = object.GetString("pattern", 1, kPatternBytesMax);
  if (!pattern.empty() && !broker::IsPattern(pattern))
    object.Reject("pattern", "must be dot-separated words, with * for one and # for any number");
  if (!call->FinishBody(body)) return;
  command.mutable_subscribe()->set_pattern(std::string(pattern));
  ProposeSubscription(*call, std::move(command));
}

void Unsubscribe(const CallPtr& call) {
  const auto id = ParseId(call->parameter("id"));
  if (!id || *id == 0)
    return call->SendProblem(404, "subscription-not-found", "a subscription id is 16 hexadecimal digits");
  v1::Command command = call->MakeCommand();
  command.mutable_unsubscribe()->set_id(*id);
  call->Propose(std::move(command), [](Call& done, Outcome&) { done.SendEmpty(); });
}

void UnsubscribeFromTopic(const CallPtr& call) {
  if (!call->CheckName("t", "topic-not-found")) return;
  v1::Command command = call->MakeCommand();
  command.mutable_unsubscribe()->set_topic(call->parameter("t"));
  call->Propose(std::move(command), [](Call& done, Outcome&) { done.SendEmpty(); });
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/topics", Access::kSession, BodyKind::kJson, false, CreateTopic},
    {"GET", "/v1/topics", Access::kSession, BodyKind::kNone, true, ListTopics},
    {"GET", "/v1/topics/{t}", Access::kSession, BodyKind::kNone, false, GetTopic},
    {"DELETE", "/v1/topics/{t}", Access::kSession, BodyKind::kNone, false, DeleteTopic},
    {"POST", "/v1/topics/{t}/subscriptions", Access::kSession, BodyKind::kJson, false, SubscribeToTopic},
    {"DELETE", "/v1/topics/{t}/subscriptions/me", Access::kSession, BodyKind::kNone, false,
     UnsubscribeFromTopic},
    {"POST", "/v1/subscriptions", Access::kSession, BodyKind::kJson, false, SubscribeToPattern},
    {"DELETE", "/v1/subscriptions/{id}", Access::kSession, BodyKind::kNone, false, Unsubscribe},
};

}  // namespace

std::span<const Route> TopicRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
