// Users: registration, what they own, passwords, leaving.
#include <xxhash.h>

#include "core/broker/context.h"
#include "core/broker/keys.h"
#include "rest/api_routes.h"
#include "rest/login.h"
#include "rest/names.h"
#include "rest/paging.h"
#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

namespace keys = broker::keys;
constexpr size_t kNamesShownMax = 1000;  // Of each kind that a user owns.

// Without a user there is one space of idempotency keys for everybody: the name keeps strangers apart.
void SeparateKey(const std::string& name, v1::Command* command) {
  if (command->idempotency_key().empty() || !command->user().empty()) return;
  command->set_idempotency_key(FormatId(XXH3_64bits(name.data(), name.size())) + ":" +
                               command->idempotency_key());
}

void ProposeUser(Call& call, const std::string& name, std::string hash) {
  if (hash.empty()) return call.SendProblem(503, "overloaded", "there is no memory to hash a password now");
  v1::Command command = call.MakeCommand();
  SeparateKey(name, &command);
  command.mutable_create_user()->set_name(name);
  command.mutable_create_user()->set_password_hash(std::move(hash));
  call.Propose(std::move(command), [name](Call& done, replication::Outcome&) {
    JsonWriter json;
    json.BeginObject().Member("name", name).EndObject();
    done.Send(HttpResponse{
        201, {{"Content-Type", "application/json"}, {"Location", "/v1/users/" + name}}, json.Take()});
  });
}

void CreateUser(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  const std::string name(ReadName(&object, "name"));
  const std::string password(ReadPassword(&object, "password"));
  if (!call->FinishBody(body)) return;
  const auto snapshot = call->Snapshot();
  if (!call->options().registration_open && !(!call->user().empty() && call->IsAdmin(snapshot->reader()))) {
    if (call->user().empty())
      return call->SendProblem(401, "session-missing",
                               "registration is closed; an administrator creates users");
    return call->SendProblem(403, "not-allowed",
                             "registration is closed; only an administrator creates users");
  }
  // Names are no secret, so a taken one need not cost a hash. A repeat with its key is answered by the log.
  if (call->idempotency_key().empty() && snapshot->reader().Get(keys::User(name)))
    return call->SendProblem(409, "user-exists", "the name '" + name + "' is taken; choose another");
  const bool accepted = call->services().passwords.Hash(
      password, [call, name](std::string hash) { ProposeUser(*call, name, std::move(hash)); });
  if (!accepted) SendHashingBusy(*call);
}

void ListUsers(const CallPtr& call) {
  const auto query = call->ParseQuery({"limit", "after"});
  if (!query) return;
  const auto page = ReadPage(*call, *query);
  if (!page) return;
  const auto snapshot = call->Snapshot();
  call->SendJson(200, ListTable(snapshot->reader(), keys::kUser, *page,
                                [](std::string_view name, std::string_view, JsonWriter* json) {
                                  json->BeginObject().Member("name", name).EndObject();
                                  return true;
                                }));
}

// The last components of the keys with `prefix`, as an array of strings.
void AppendNames(const broker::ViewReader& view, std::string_view name, const std::string& prefix,
                 JsonWriter* json) {
  json->Key(name).BeginArray();
  for (const std::string& key : broker::KeysWithPrefix(view, prefix, kNamesShownMax))
    json->Text(std::string_view(key).substr(prefix.size()));
  json->EndArray();
}

void AppendSubscriptions(const broker::ViewReader& view, const std::string& user, JsonWriter* json) {
  json->Key("subscriptions").BeginArray();
  for (const std::string& key :
       broker::KeysWithPrefix(view, keys::Prefix(keys::kSubscriptionOf, user), kNamesShownMax)) {
    const uint64_t id = keys::ReadU64(key, key.size() - 8);
    const auto bytes = view.Get(keys::Subscription(id));
    v1::SubscriptionRecord record;
    if (!bytes || !record.ParseFromString(*bytes)) continue;
    json->BeginObject().Member("id", FormatId(id));
    if (!record.topic().empty()) json->Member("topic", record.topic());
    if (!record.pattern().empty()) json->Member("pattern", record.pattern());
    json->Member("queue", record.queue()).EndObject();
  }
  json->EndArray();
}

void GetUser(const CallPtr& call) {
  if (!call->CheckName("name", "user-not-found")) return;
  const std::string& name = call->parameter("name");
  const auto snapshot = call->Snapshot();
  const broker::ViewReader& view = snapshot->reader();
  const auto bytes = view.Get(keys::User(name));
  v1::UserRecord record;
  if (!bytes || !record.ParseFromString(*bytes))
    return call->SendProblem(404, "user-not-found", "there is no user '" + name + "'");
  if (name != call->user() && !call->IsAdmin(view))
    return call->SendProblem(403, "not-allowed",
                             "only '" + name + "' and administrators see what this user owns");
  JsonWriter json;
  json.BeginObject().Member("name", name).Member("admin", record.admin());
  json.Member("created_at", Timestamp{record.created_ms()});
  json.Member("sessions", record.sessions());
  AppendNames(view, "queues", keys::Owned(name, 'q', ""), &json);
  AppendNames(view, "topics", keys::Owned(name, 't', ""), &json);
  AppendNames(view, "granted_queues", keys::Prefix(keys::kGrant, name), &json);
  AppendNames(view, "granted_topics", keys::Prefix(keys::kTopicGrant, name), &json);
  AppendSubscriptions(view, name, &json);
  call->SendJson(200, json.EndObject().Take());
}

void ChangePassword(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  const std::string next(ReadPassword(&object, "password"));
  const std::string current(ReadAnyPassword(&object, "current_password"));
  if (!call->FinishBody(body) || !call->CheckName("name", "user-not-found")) return;
  const std::string& name = call->parameter("name");
  if (name != call->user())
    return call->SendProblem(403, "not-allowed", "only '" + name + "' changes this password");
  if (!CheckLockout(*call, name)) return;
  const Credentials credentials = ReadCredentials(call->Snapshot()->reader(), name);
  const bool accepted = call->services().passwords.Replace(
      current, credentials.hash, next,
      [call, name, revision = credentials.revision](bool matches, std::string hash) {
        CountLogin(*call, name, matches);
        if (!matches) return call->SendProblem(403, "wrong-password", "current_password is not the password");
        if (hash.empty())
          return call->SendProblem(503, "overloaded", "there is no memory to hash a password now");
        v1::Command command = call->MakeCommand();
        command.mutable_change_password()->set_name(name);
        command.mutable_change_password()->set_password_hash(std::move(hash));
        command.mutable_change_password()->set_password_revision(revision);
        call->Propose(std::move(command), [](Call& done, replication::Outcome&) { done.SendEmpty(); });
      });
  if (!accepted) SendHashingBusy(*call);
}

void DeleteUser(const CallPtr& call) {
  if (!call->CheckName("name", "user-not-found")) return;
  v1::Command command = call->MakeCommand();
  command.mutable_delete_user()->set_name(call->parameter("name"));
  call->Propose(std::move(command), [](Call& done, replication::Outcome&) { done.SendEmpty(); });
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/users", Access::kOptional, BodyKind::kJson, false, CreateUser},
    {"GET", "/v1/users", Access::kSession, BodyKind::kNone, true, ListUsers},
    {"GET", "/v1/users/{name}", Access::kSession, BodyKind::kNone, false, GetUser},
    {"PATCH", "/v1/users/{name}", Access::kSession, BodyKind::kJson, false, ChangePassword, true},
    {"DELETE", "/v1/users/{name}", Access::kSession, BodyKind::kNone, false, DeleteUser},
};

}  // namespace

std::span<const Route> UserRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
