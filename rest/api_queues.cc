// Queues: making, listing, changing, deleting, purging.
#include "core/broker/access.h"
#include "core/broker/keys.h"
#include "core/broker/limits.h"
#include "rest/api_routes.h"
#include "rest/login.h"
#include "rest/names.h"
#include "rest/paging.h"
#include "rest/queue_access.h"
#include "rest/queue_json.h"

namespace mom::rest {
namespace {

constexpr uint32_t kPurgeStep = 10'000;

// 201 with Location, or 200 when the caller owned one alike, with the queue as it is now.
void SendQueue(Call& call, const std::string& name, bool existed) {
  const auto snapshot = call.Snapshot();
  JsonWriter json;
  const auto queue = broker::FindQueue(snapshot->reader(), name);
  if (queue) {
    AppendQueue(snapshot->reader(), name, queue->record, &json);
  } else {  // Deleted again meanwhile.
    json.BeginObject().Member("name", name).EndObject();
  }
  HttpResponse response{existed ? 200 : 201, {{"Content-Type", "application/json"}}, json.Take()};
  if (!existed) response.headers.emplace_back("Location", "/v1/queues/" + name);
  call.Send(std::move(response));
}

void CreateQueue(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  v1::CreateQueue* create = command.mutable_create_queue();
  create->set_name(std::string(ReadName(&object, "name")));
  *create->mutable_settings() = ReadSettings(call->request().body, &object);
  if (const auto receiver = object.TryString("receiver", 1, kNameCharsMax)) {
    create->mutable_settings()->set_receiver(std::string(*receiver));
    if (create->settings().has_senders() || create->settings().has_receivers())
      object.Reject("receiver", "makes a private pair and excludes senders and receivers");
  }
  if (!call->FinishBody(body)) return;
  const std::string name = create->name();
  call->Propose(std::move(command), [name](Call& done, replication::Outcome& outcome) {
    SendQueue(done, name, outcome.reply.existed());
  });
}

void ListQueues(const CallPtr& call) {
  const auto query = call->ParseQuery({"limit", "after"});
  if (!query) return;
  const auto page = ReadPage(*call, *query);
  if (!page) return;
  const auto snapshot = call->Snapshot();
  const broker::ViewReader& view = snapshot->reader();
  const bool admin = call->IsAdmin(view);
  const auto visit = [&](std::string_view name, std::string_view value, JsonWriter* json) {
    v1::QueueRecord record;
    if (!record.ParseFromArray(value.data(), static_cast<int>(value.size()))) return false;
    if (!broker::MaySee(record, call->user(), admin)) return false;
    AppendQueue(view, name, record, json);
    return true;
  };
  call->SendJson(200, ListTable(view, broker::keys::kQueue, *page, visit));
}

void GetQueue(const CallPtr& call) {
  const replication::LatestView& latest = call->Latest();
  const auto found = FindVisibleQueue(*call, latest);
  if (!found) return;
  JsonWriter json;
  const QueueLook look(&latest, found->record);
  if (look.TryAppend(found->name, found->record, &json)) return call->SendJson(200, json.Take());
  const auto snapshot = call->Snapshot();
  const auto queue = FindVisibleQueue(*call, snapshot->reader());
  if (!queue) return;
  look.Append(snapshot->reader(), queue->name, queue->record, &json);
  call->SendJson(200, json.Take());
}

void UpdateQueue(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  v1::Command command = call->MakeCommand();
  v1::UpdateQueue* update = command.mutable_update_queue();
  update->set_name(call->parameter("q"));
  const v1::QueueSettings settings = ReadSettings(call->request().body, &object);
  if (object.Has("lease_ms")) update->set_lease_ms(settings.lease_ms());
  if (object.Has("max_attempts")) update->set_max_attempts(settings.max_attempts());
  if (object.Has("retry_delay_ms")) update->set_retry_delay_ms(settings.retry_delay_ms());
  if (object.Has("ttl_ms")) update->set_ttl_ms(settings.ttl_ms());
  if (object.Has("max_messages")) update->set_max_messages(settings.max_messages());
  if (object.Has("max_bytes")) update->set_max_bytes(settings.max_bytes());
  if (object.Has("dead_letter")) update->set_dead_letter(settings.dead_letter());
  if (settings.has_senders()) *update->mutable_senders() = settings.senders();
  if (settings.has_receivers()) *update->mutable_receivers() = settings.receivers();
  if (const auto closed = object.TryBool("closed")) update->set_closed(*closed);
  if (!call->FinishBody(body) || !call->CheckName("q", "queue-not-found")) return;
  call->Propose(std::move(command),
                [](Call& done, replication::Outcome&) { SendQueue(done, done.parameter("q"), true); });
}

void DeleteQueue(const CallPtr& call) {
  if (!call->CheckName("q", "queue-not-found")) return;
  v1::Command command = call->MakeCommand();
  command.mutable_delete_queue()->set_name(call->parameter("q"));
  call->Propose(std::move(command), [](Call& done, replication::Outcome&) { done.SendEmpty(); });
}

// One entry removes a bounded number, so that no entry holds up the others; more follow until nothing is
// left. Each has a key of its own, made from the caller's: a repeat replays them all.
void PurgeStep(Call& call, uint64_t purged, uint32_t step) {
  v1::Command command = call.MakeCommand();
  if (!command.idempotency_key().empty() && step > 0)
    command.set_idempotency_key(command.idempotency_key() + "\x01" + std::to_string(step));
  command.mutable_purge_queue()->set_name(call.parameter("q"));
  command.mutable_purge_queue()->set_max(kPurgeStep);
  call.Propose(std::move(command), [purged, step](Call& done, replication::Outcome& outcome) {
    const uint64_t total = purged + outcome.reply.count().count();
    if (outcome.reply.count().more() && !done.IsHungUp()) return PurgeStep(done, total, step + 1);
    JsonWriter json;
    done.SendJson(200, json.BeginObject().Member("purged", total).EndObject().Take());
  });
}

void Purge(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr || !call->FinishBody(body) || !call->CheckName("q", "queue-not-found")) return;
  PurgeStep(*call, 0, 0);
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/queues", Access::kSession, BodyKind::kJson, false, CreateQueue},
    {"GET", "/v1/queues", Access::kSession, BodyKind::kNone, true, ListQueues},
    {"GET", "/v1/queues/{q}", Access::kSession, BodyKind::kNone, false, GetQueue},
    {"PATCH", "/v1/queues/{q}", Access::kSession, BodyKind::kJson, false, UpdateQueue},
    {"DELETE", "/v1/queues/{q}", Access::kSession, BodyKind::kNone, false, DeleteQueue},
    {"POST", "/v1/queues/{q}/purge", Access::kSession, BodyKind::kJson, false, Purge},
};

}  // namespace

std::span<const Route> QueueRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
