// Transactions: several publishes and acknowledgements in one entry of the log, all or none.
#include "core/broker/limits.h"
#include "rest/api_routes.h"
#include "rest/message_input.h"
#include "rest/names.h"
#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

using Outcome = replication::Outcome;

std::string ReadTarget(JsonObject* object, std::string_view field) {
  const auto name = object->TryString(field, 1, kNameCharsMax);
  if (name && !IsName(*name)) object->Reject(field, "is not a valid name");
  return std::string(name.value_or(""));
}

void ReadPublish(JsonObject* object, v1::Publish* publish) {
  publish->set_queue(ReadTarget(object, "queue"));
  publish->set_topic(ReadTarget(object, "topic"));
  if (publish->queue().empty() == publish->topic().empty())
    object->Reject("queue", "or \"topic\" must be given, and not both");
  ReadJsonMessage(object, publish->add_messages());
}

void ReadOperation(JsonObject* object, v1::Operation* operation) {
  const std::string_view op = object->GetString("op", 1, 16);
  if (op == "publish") return ReadPublish(object, operation->mutable_publish());
  if (op != "ack" && op != "nack") return object->Reject("op", "must be publish, ack or nack");
  std::string queue = ReadTarget(object, "queue");
  if (queue.empty()) object->Reject("queue", "is missing");
  if (op == "ack") {
    operation->mutable_ack()->set_queue(std::move(queue));
    ReadReceipts(object, operation->mutable_ack()->mutable_receipts());
    return;
  }
  v1::Nack* nack = operation->mutable_nack();
  nack->set_queue(std::move(queue));
  ReadReceipts(object, nack->mutable_receipts());
  if (const auto delay = object->TryInt("delay_ms", 0, broker::kDurationMsMax)) nack->set_delay_ms(*delay);
  nack->set_reason(std::string(object->TryString("reason", 1, 1024).value_or("")));
}

void AppendResult(const v1::Reply& result, JsonWriter* json) {
  json->BeginObject();
  if (result.has_publish() && result.publish().ids_size() > 0) {
    json->Member("op", "publish").Member("id", FormatId(result.publish().ids(0)));
    if (result.publish().duplicates_size() > 0) json->Member("duplicate", true);
    json->Member("delivered", result.publish().delivered());
  } else {
    json->Member("done", result.receipts().done());
  }
  json->EndObject();
}

void Run(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  v1::Transaction* transaction = command.mutable_transaction();
  for (JsonObject& operation : object.GetObjects("operations", 1, broker::kBatchMessagesMax))
    ReadOperation(&operation, transaction->add_operations());
  if (!call->FinishBody(body)) return;
  for (const v1::Operation& operation : transaction->operations())
    if (operation.has_publish() && !CheckBodies(*call, operation.publish())) return;
  if (!CheckEntrySize(*call, command)) return;
  call->Propose(std::move(command), [](Call& done, Outcome& outcome) {
    JsonWriter json;
    json.BeginObject().Member("offset", outcome.reply.offset()).Key("results").BeginArray();
    for (const v1::Reply& result : outcome.reply.transaction().results()) AppendResult(result, &json);
    done.SendJson(200, json.EndArray().EndObject().Take());
  });
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/transactions", Access::kSession, BodyKind::kBatch, false, Run},
};

}  // namespace

std::span<const Route> TransactionRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
