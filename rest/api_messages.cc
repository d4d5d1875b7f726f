// Messages: publishing to queues and topics, settling receipts, removing and reviving.
#include "core/broker/limits.h"
#include "rest/api_errors.h"
#include "rest/api_routes.h"
#include "rest/message_input.h"
#include "rest/names.h"
#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

using Outcome = replication::Outcome;

// Target of a publish from the path: {q} or {t}. False after having answered.
bool SetQueue(Call& call, v1::Publish* publish) {
  if (!call.CheckName("q", "queue-not-found")) return false;
  publish->set_queue(call.parameter("q"));
  return true;
}

bool SetTopic(Call& call, v1::Publish* publish) {
  if (!call.CheckName("t", "topic-not-found")) return false;
  publish->set_topic(call.parameter("t"));
  return true;
}

void AppendDelivered(const v1::PublishReply& reply, bool to_topic, JsonWriter* json) {
  if (!to_topic) return;
  json->Member("delivered", reply.delivered());
  if (reply.skipped() > 0) json->Member("skipped", reply.skipped());
}

void SendOnePublished(Call& call, const Outcome& outcome, bool to_topic) {
  const v1::PublishReply& reply = outcome.reply.publish();
  const bool duplicate = reply.duplicates_size() > 0 && reply.duplicates(0);
  JsonWriter json;
  json.BeginObject().Member("id", FormatId(reply.ids(0)));
  if (duplicate) {
    json.Member("duplicate", true);
  } else {
    json.Member("offset", outcome.reply.offset());
    AppendDelivered(reply, to_topic, &json);
  }
  call.SendJson(duplicate ? 200 : 201, json.EndObject().Take());
}

void SendBatchPublished(Call& call, const Outcome& outcome, bool to_topic) {
  const v1::PublishReply& reply = outcome.reply.publish();
  JsonWriter json;
  json.BeginObject().Key("ids").BeginArray();
  for (uint64_t id : reply.ids()) {
    std::string* out = json.BeginValue();
    out->push_back('"');
    AppendId(id, out);
    out->push_back('"');
  }
  json.EndArray().Member("offset", outcome.reply.offset());
  if (reply.duplicates_size() > 0) {
    json.Key("duplicates").BeginArray();
    for (bool duplicate : reply.duplicates()) json.Bool(duplicate);
    json.EndArray();
  }
  AppendDelivered(reply, to_topic, &json);
  call.SendJson(201, json.EndObject().Take());
}

void PublishOne(const CallPtr& call, bool (*set_target)(Call&, v1::Publish*)) {
  // Before the body moves: it hashes the request.
  v1::Command command =
      call->MakeCommand(call->idempotency_key().empty() ? std::string() : RawMessageHeaders(call->request()));
  v1::Publish* publish = command.mutable_publish();
  if (!set_target(*call, publish)) return;
  const bool to_topic = !publish->topic().empty();
  const HeaderFault fault = ReadRawMessage(&call->request(), publish->add_messages());
  if (!fault.empty()) return call->SendProblem(400, fault.code, fault.detail);
  if (DiesBeforeItsDelay(publish->messages(0))) {
    return call->SendProblem(
        400, "invalid-field",
        "header \"mom-ttl-ms\" must be larger than \"mom-delay-ms\", or the message is over "
        "before it can be received");
  }
  call->Propose(std::move(command),
                [to_topic](Call& done, Outcome& outcome) { SendOnePublished(done, outcome, to_topic); });
}

void PublishBatch(const CallPtr& call, bool (*set_target)(Call&, v1::Publish*)) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  v1::Publish* publish = command.mutable_publish();
  for (JsonObject& message : object.GetObjects("messages", 1, broker::kBatchMessagesMax))
    ReadJsonMessage(&message, publish->add_messages());
  if (!call->FinishBody(body) || !set_target(*call, publish) || !CheckBodies(*call, *publish) ||
      !CheckEntrySize(*call, command))
    return;
  const bool to_topic = !publish->topic().empty();
  call->Propose(std::move(command),
                [to_topic](Call& done, Outcome& outcome) { SendBatchPublished(done, outcome, to_topic); });
}

void PublishToQueue(const CallPtr& call) {
  PublishOne(call, SetQueue);
}
void PublishToTopic(const CallPtr& call) {
  PublishOne(call, SetTopic);
}
void BatchToQueue(const CallPtr& call) {
  PublishBatch(call, SetQueue);
}
void BatchToTopic(const CallPtr& call) {
  PublishBatch(call, SetTopic);
}

// {"acked":N,"failed":[...]}, with the verb's own word for N.
void SendSettled(Call& call, const Outcome& outcome, const char* word) {
  const v1::ReceiptsReply& reply = outcome.reply.receipts();
  JsonWriter json;
  json.BeginObject().Member(word, reply.done()).Key("failed").BeginArray();
  for (const v1::FailedReceipt& failed : reply.failed()) {
    json.BeginObject().Member("receipt", FormatReceipt(failed.receipt().id(), failed.receipt().lease()));
    json.Member("code", CodeOf(failed.error())).EndObject();
  }
  call.SendJson(200, json.EndArray().EndObject().Take());
}

void Ack(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  ReadReceipts(&object, command.mutable_ack()->mutable_receipts());
  if (!call->FinishBody(body) || !call->CheckName("q", "queue-not-found")) return;
  command.mutable_ack()->set_queue(call->parameter("q"));
  call->Propose(std::move(command),
                [](Call& done, Outcome& outcome) { SendSettled(done, outcome, "acked"); });
}

void Nack(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  v1::Nack* nack = command.mutable_nack();
  ReadReceipts(&object, nack->mutable_receipts());
  if (const auto delay = object.TryInt("delay_ms", 0, broker::kDurationMsMax)) nack->set_delay_ms(*delay);
  nack->set_reason(std::string(object.TryString("reason", 1, 1024).value_or("")));
  if (!call->FinishBody(body) || !call->CheckName("q", "queue-not-found")) return;
  nack->set_queue(call->parameter("q"));
  call->Propose(std::move(command),
                [](Call& done, Outcome& outcome) { SendSettled(done, outcome, "nacked"); });
}

void Extend(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  v1::Extend* extend = command.mutable_extend();
  ReadReceipts(&object, extend->mutable_receipts());
  extend->set_lease_ms(object.GetInt("lease_ms", 1, broker::kLeaseMsMax));
  if (!call->FinishBody(body) || !call->CheckName("q", "queue-not-found")) return;
  extend->set_queue(call->parameter("q"));
  call->Propose(std::move(command),
                [](Call& done, Outcome& outcome) { SendSettled(done, outcome, "extended"); });
}

void DeleteMessage(const CallPtr& call) {
  if (!call->CheckName("q", "queue-not-found")) return;
  const auto id = ParseId(call->parameter("id"));
  if (!id) return call->SendProblem(404, "message-not-found", "a message id is 16 hexadecimal digits");
  v1::Command command = call->MakeCommand();
  command.mutable_delete_message()->set_queue(call->parameter("q"));
  command.mutable_delete_message()->set_id(*id);
  call->Propose(std::move(command), [](Call& done, Outcome&) { done.SendEmpty(); });
}

void Redrive(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  const auto max = object.TryInt("max", 1, broker::kBatchMessagesMax);
  if (!call->FinishBody(body) || !call->CheckName("q", "queue-not-found")) return;
  v1::Command command = call->MakeCommand();
  command.mutable_redrive()->set_queue(call->parameter("q"));
  command.mutable_redrive()->set_max(static_cast<uint32_t>(max.value_or(broker::kBatchMessagesMax)));
  call->Propose(std::move(command), [](Call& done, Outcome& outcome) {
    JsonWriter json;
    json.BeginObject().Member("redriven", outcome.reply.count().count());
    done.SendJson(200, json.Member("more", outcome.reply.count().more()).EndObject().Take());
  });
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/queues/{q}/messages", Access::kSession, BodyKind::kMessage, false, PublishToQueue},
    {"POST", "/v1/queues/{q}/batch", Access::kSession, BodyKind::kBatch, false, BatchToQueue},
    {"POST", "/v1/topics/{t}/messages", Access::kSession, BodyKind::kMessage, false, PublishToTopic},
    {"POST", "/v1/topics/{t}/batch", Access::kSession, BodyKind::kBatch, false, BatchToTopic},
    {"POST", "/v1/queues/{q}/ack", Access::kSession, BodyKind::kJson, false, Ack},
    {"POST", "/v1/queues/{q}/nack", Access::kSession, BodyKind::kJson, false, Nack},
    {"POST", "/v1/queues/{q}/extend", Access::kSession, BodyKind::kJson, false, Extend},
    {"DELETE", "/v1/queues/{q}/messages/{id}", Access::kSession, BodyKind::kNone, false, DeleteMessage},
    {"POST", "/v1/queues/{q}/redrive", Access::kSession, BodyKind::kJson, false, Redrive},
};

}  // namespace

std::span<const Route> MessageRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
