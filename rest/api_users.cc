// Users: registration, what they own, passwords and rights, leaving.
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <iterator>

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
constexpr size_t kNamesShownMax = 1000;  // Of each list, beside the user.

// Without a user there is one space of idempotency keys for everybody: the name keeps strangers apart.
void SeparateKey(const std::string& name, v1::Command* command) {
  if (command->idempotency_key().empty() || !command->user().empty()) return;
  command->set_idempotency_key(FormatId(XXH3_64bits(name.data(), name.size())) + ":" +
                               command->idempotency_key());
}

void SendNoMemory(Call& call) {
  call.SendProblem(503, "overloaded", "there is no memory to hash a password now");
}

void ProposeUser(Call& call, const std::string& name, std::string hash) {
  if (hash.empty()) return SendNoMemory(call);
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

// What belongs to a user, in lists: shown from the beginning beside the user, and each in pages of its own.
struct OwnList {
  std::string_view name;
  std::string (*prefix)(const std::string& user);
  // `rest` is the key behind the prefix. False: nothing to show.
  bool (*append)(const broker::ViewReader& view, std::string_view rest, JsonWriter* json);
};

bool AppendName(const broker::ViewReader&, std::string_view rest, JsonWriter* json) {
  json->Text(rest);
  return true;
}

bool AppendSubscription(const broker::ViewReader& view, std::string_view rest, JsonWriter* json) {
  const uint64_t id = keys::ReadU64(rest, 0);
  const auto bytes = view.Get(keys::Subscription(id));
  v1::SubscriptionRecord record;
  if (!bytes || !record.ParseFromString(*bytes)) return false;
  json->BeginObject().Member("id", FormatId(id));
  if (!record.topic().empty()) json->Member("topic", record.topic());
  if (!record.pattern().empty()) json->Member("pattern", record.pattern());
  json->Member("queue", record.queue()).EndObject();
  return true;
}

constexpr OwnList kLists[] = {
    {"queues", [](const std::string& user) { return keys::Owned(user, 'q', ""); }, AppendName},
    {"topics", [](const std::string& user) { return keys::Owned(user, 't', ""); }, AppendName},
    {"granted_queues", [](const std::string& user) { return keys::Prefix(keys::kGrant, user); }, AppendName},
    {"granted_topics", [](const std::string& user) { return keys::Prefix(keys::kTopicGrant, user); },
     AppendName},
    {"subscriptions", [](const std::string& user) { return keys::Prefix(keys::kSubscriptionOf, user); },
     AppendSubscription},
};

// The user, if the caller may look into what belongs to it. Nothing after having answered.
std::optional<v1::UserRecord> FindShownUser(Call& call, const broker::ViewReader& view) {
  if (!call.CheckName("name", "user-not-found")) return std::nullopt;
  const std::string& name = call.parameter("name");
  const auto bytes = view.Get(keys::User(name));
  v1::UserRecord record;
  if (!bytes || !record.ParseFromString(*bytes)) {
    call.SendProblem(404, "user-not-found", "there is no user '" + name + "'");
  } else if (name != call.user() && !call.IsAdmin(view)) {
    call.SendProblem(403, "not-allowed", "only '" + name + "' and administrators see what this user owns");
  } else {
    return record;
  }
  return std::nullopt;
}

// At most kNamesShownMax of a list; the cursor behind which its own page goes on, or empty: that was all.
std::string AppendBeginning(const broker::ViewReader& view, const OwnList& list, const std::string& user,
                            JsonWriter* json) {
  const std::string prefix = list.prefix(user);
  json->Key(list.name).BeginArray();
  size_t shown = 0;
  std::string last;
  for (const std::string& key : broker::KeysWithPrefix(view, prefix, kNamesShownMax + 1)) {
    if (shown++ == kNamesShownMax) {
      json->EndArray();
      return EncodeCursor(last);
    }
    last = key.substr(prefix.size());
    list.append(view, last, json);
  }
  json->EndArray();
  return "";
}

void GetUser(const CallPtr& call) {
  const auto snapshot = call->Snapshot();
  const broker::ViewReader& view = snapshot->reader();
  const auto record = FindShownUser(*call, view);
  if (!record) return;
  const std::string& name = call->parameter("name");
  JsonWriter json;
  json.BeginObject().Member("name", name).Member("admin", record->admin());
  json.Member("created_at", Timestamp{record->created_ms()});
  json.Member("sessions", record->sessions());
  std::array<std::string, std::size(kLists)> cursors;
  for (size_t i = 0; i < cursors.size(); ++i) cursors[i] = AppendBeginning(view, kLists[i], name, &json);
  json.Key("next").BeginObject();
  for (size_t i = 0; i < cursors.size(); ++i)
    if (!cursors[i].empty()) json.Member(kLists[i].name, cursors[i]);
  call->SendJson(200, json.EndObject().EndObject().Take());
}

void GetUserList(const CallPtr& call) {
  const auto query = call->ParseQuery({"limit", "after"});
  if (!query) return;
  const auto page = ReadPage(*call, *query);
  if (!page) return;
  const std::string& name = call->parameter("list");
  const auto list = std::find_if(std::begin(kLists), std::end(kLists),
                                 [&](const OwnList& one) { return one.name == name; });
  if (list == std::end(kLists))
    return call->SendProblem(404, "no-such-resource",
                             "a user has queues, topics, granted_queues, granted_topics and subscriptions");
  const auto snapshot = call->Snapshot();
  const broker::ViewReader& view = snapshot->reader();
  if (!FindShownUser(*call, view)) return;
  call->SendJson(200, ListPrefix(view, list->prefix(call->parameter("name")), *page,
                                 [&](std::string_view rest, std::string_view, JsonWriter* json) {
                                   return list->append(view, rest, json);
                                 }));
}

// What a PATCH of a user asks for.
struct UserChange {
  std::string name;
  std::optional<std::string> password, current;
  std::optional<bool> admin;
};

bool StartChangingOwn(const CallPtr& call, const UserChange& change, int64_t delay_ms) {
  const Credentials credentials = ReadCredentials(call->Snapshot()->reader(), change.name);
  const bool accepted = call->services().passwords.Replace(
      *change.current, credentials.hash, *change.password, delay_ms,
      [call, name = change.name, revision = credentials.revision](bool matches, std::string hash) {
        EndLogin(*call, name, matches);
        if (!matches) return call->SendProblem(403, "wrong-password", "current_password is not the password");
        if (hash.empty()) return SendNoMemory(*call);
        v1::Command command = call->MakeCommand();
        command.mutable_change_password()->set_name(name);
        command.mutable_change_password()->set_password_hash(std::move(hash));
        command.mutable_change_password()->set_password_revision(revision);
        call->Propose(std::move(command), [](Call& done, replication::Outcome&) { done.SendEmpty(); });
      });
  if (!accepted) SendHashingBusy(*call);
  return accepted;
}

void ProposeChange(Call& call, const UserChange& change, std::string hash) {
  v1::Command command = call.MakeCommand();
  v1::UpdateUser* update = command.mutable_update_user();
  update->set_name(change.name);
  if (!hash.empty()) update->set_password_hash(std::move(hash));
  if (change.admin) update->set_admin(*change.admin);
  call.Propose(std::move(command), [](Call& done, replication::Outcome&) { done.SendEmpty(); });
}

// What is wrong with the fields together, whoever asks.
void CheckFields(const UserChange& change, bool own, JsonObject* object) {
  if (!change.password && !change.admin)
    object->Reject("password", own ? "is missing" : "is missing, and \"admin\" as well");
  if (own && change.password && !change.current) object->Reject("current_password", "is missing");
  if (own && change.password && change.admin)
    object->Reject("admin", "cannot be changed together with the own password");
  if (change.current && !(own && change.password))
    object->Reject("current_password", "belongs to a change of the own password only");
}

// Null counts as absent.
std::optional<std::string> TryText(JsonObject* object, std::string_view field,
                                   std::string_view (*read)(JsonObject*, std::string_view)) {
  if (object->Has(field)) return std::string(read(object, field));
  object->TryString(field, 0, 0);
  return std::nullopt;
}

void UpdateUser(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  UserChange change;
  change.name = call->parameter("name");
  change.password = TryText(&object, "password", ReadPassword);
  change.current = TryText(&object, "current_password", ReadAnyPassword);
  change.admin = object.TryBool("admin");
  const bool own = change.name == call->user();
  const auto snapshot = call->Snapshot();
  if (!call->CheckName("name", "user-not-found")) return;
  if ((!own || change.admin) && !call->IsAdmin(snapshot->reader()))
    return call->SendProblem(403, "not-allowed",
                             "only an administrator changes the rights, or the password of another user");
  CheckFields(change, own, &object);
  if (!call->FinishBody(body)) return;
  if (own && change.password) {
    return BeginLogin(call, change.name,
                      [call, change](int64_t delay_ms) { return StartChangingOwn(call, change, delay_ms); });
  }
  if (!snapshot->reader().Get(keys::User(change.name)))
    return call->SendProblem(404, "user-not-found", "there is no user '" + change.name + "'");
  if (!change.password) return ProposeChange(*call, change, "");
  const bool accepted = call->services().passwords.Hash(*change.password, [call, change](std::string hash) {
    if (hash.empty()) return SendNoMemory(*call);
    ProposeChange(*call, change, std::move(hash));
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
    {"GET", "/v1/users/{name}/{list}", Access::kSession, BodyKind::kNone, true, GetUserList},
    {"PATCH", "/v1/users/{name}", Access::kSession, BodyKind::kJson, false, UpdateUser, true},
    {"DELETE", "/v1/users/{name}", Access::kSession, BodyKind::kNone, false, DeleteUser},
};

}  // namespace

std::span<const Route> UserRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
