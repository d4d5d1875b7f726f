// Sessions: connecting, who am I, which do I have, disconnecting and ending the others.
#include "core/broker/keys.h"
#include "core/broker/session_list.h"
#include "rest/api_routes.h"
#include "rest/login.h"
#include "rest/names.h"
#include "rest/paging.h"
#include "rest/session_token.h"
#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

namespace keys = broker::keys;

struct Login {
  std::string name;
  int64_t ttl_ms = 0;
  uint64_t revision = 0;
};

void SendWrongPassword(Call& call) {
  call.SendProblem(401, "wrong-credentials", "the name or the password is wrong");
}

// Connecting ignores an Idempotency-Key: a token is given out once, so a repeat makes a session of its own.
void ProposeSession(Call& call, const Login& login) {
  const std::string token = MakeToken();
  v1::Command command;
  v1::CreateSession* session = command.mutable_create_session();
  session->set_name(login.name);
  session->set_token_hash(HashToken(token));
  session->set_password_revision(login.revision);
  session->set_ttl_ms(login.ttl_ms);
  session->set_address(call.Address());
  call.Propose(std::move(command), [token, name = login.name](Call& done, replication::Outcome& outcome) {
    const v1::SessionReply& reply = outcome.reply.session();
    JsonWriter json;
    json.BeginObject().Member("token", token).Member("user", name).Member("id", FormatId(reply.id()));
    json.Member("expires_at", Timestamp{reply.expires_at_ms()}).EndObject();
    done.SendJson(201, json.Take());
  });
}

bool Verify(const CallPtr& call, Login login, const std::string& password, int64_t delay_ms) {
  const Credentials credentials = ReadCredentials(call->Snapshot()->reader(), login.name);
  login.revision = credentials.revision;
  const bool accepted = call->services().passwords.Verify(password, credentials.hash, delay_ms,
                                                          [call, login = std::move(login)](bool matches) {
                                                            EndLogin(*call, login.name, matches);
                                                            if (!matches) return SendWrongPassword(*call);
                                                            ProposeSession(*call, login);
                                                          });
  if (!accepted) SendHashingBusy(*call);
  return accepted;
}

void Connect(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  Login login;
  login.name = ReadName(&object, "name");
  std::string password(ReadAnyPassword(&object, "password"));
  const auto ttl_ms = object.TryInt("ttl_ms", 1, call->options().session_ttl_ms_max);
  if (!call->FinishBody(body)) return;
  login.ttl_ms = ttl_ms.value_or(call->options().session_ttl_ms);
  BeginLogin(call, login.name, [call, login, password = std::move(password)](int64_t delay_ms) {
    return Verify(call, login, password, delay_ms);
  });
}

// Without the token, of which the node keeps a hash only, and without that.
void AppendSession(Call& call, std::string_view token_hash, const v1::SessionRecord& session,
                   JsonWriter* json) {
  json->Member("id", FormatId(session.id()));
  json->Member("created_at", Timestamp{session.created_ms()});
  json->Member("expires_at", Timestamp{session.expires_ms()});
  if (const auto last_use = call.services().session_uses.LastUse(token_hash)) {
    json->Member("last_used_at", *last_use);
  } else {
    json->Key("last_used_at").Null();
  }
  if (session.address().empty()) {
    json->Key("address").Null();
  } else {
    json->Member("address", session.address());
  }
}

std::optional<v1::SessionRecord> FindSession(const broker::ViewReader& view, std::string_view token_hash) {
  const auto bytes = view.Get(keys::Session(token_hash));
  v1::SessionRecord session;
  if (!bytes || !session.ParseFromString(*bytes)) return std::nullopt;
  return session;
}

void GetSession(const CallPtr& call) {
  const auto snapshot = call->Snapshot();
  const auto session = FindSession(snapshot->reader(), call->session_hash());
  if (!session) return call->SendProblem(401, "session-invalid", "the session has just ended; connect again");
  JsonWriter json;
  json.BeginObject().Member("user", call->user()).Member("admin", call->IsAdmin(snapshot->reader()));
  AppendSession(*call, call->session_hash(), *session, &json);
  call->SendJson(200, json.EndObject().Take());
}

// Whose sessions it is about: the caller's, or those of `?user=`. Nothing after having answered.
std::optional<std::string> ReadUser(Call& call, const QueryParameters& query) {
  const std::string* user = query.Find("user");
  if (user == nullptr) return call.user();
  if (IsName(*user)) return *user;
  call.SendProblem(400, "invalid-query", "the query parameter \"user\" must be a name");
  return std::nullopt;
}

void ListSessions(const CallPtr& call) {
  const auto query = call->ParseQuery({"user", "limit", "after"});
  if (!query) return;
  const auto page = ReadPage(*call, *query);
  const auto user = page ? ReadUser(*call, *query) : std::nullopt;
  if (!user) return;
  const auto snapshot = call->Snapshot();
  const broker::ViewReader& view = snapshot->reader();
  if (*user != call->user() && !call->IsAdmin(view))
    return call->SendProblem(403, "not-allowed",
                             "only '" + *user + "' and administrators see these sessions");
  if (!view.Get(keys::User(*user)))
    return call->SendProblem(404, "user-not-found", "there is no user '" + *user + "'");
  const int64_t now_ms = call->services().replica->Now().ms;
  const auto visit = [&](std::string_view, std::string_view value, JsonWriter* json) {
    const std::string_view token_hash = value.substr(8);
    const auto session = FindSession(view, token_hash);
    if (!session || session->expires_ms() <= now_ms) return false;
    AppendSession(*call, token_hash, *session, &json->BeginObject());
    json->Member("current", token_hash == call->session_hash()).EndObject();
    return true;
  };
  call->SendJson(200, ListPrefix(view, keys::Prefix(keys::kSessionOf, *user), *page, visit));
}

void ProposeEnd(Call& call, const std::string& user, uint64_t id, bool keep_current) {
  v1::Command command = call.MakeCommand();
  v1::DeleteSessions* end = command.mutable_delete_sessions();
  end->set_user(user);
  end->set_id(id);
  end->set_keep_current(keep_current);
  call.Propose(std::move(command), [](Call& done, replication::Outcome&) { done.SendEmpty(); });
}

void EndSessions(const CallPtr& call) {
  const auto query = call->ParseQuery({"user", "except"});
  if (!query) return;
  const std::string* except = query->Find("except");
  if (except != nullptr && *except != "current")
    return call->SendProblem(400, "invalid-query", "the query parameter \"except\" must be current");
  if (const auto user = ReadUser(*call, *query)) ProposeEnd(*call, *user, 0, except != nullptr);
}

void EndSession(const CallPtr& call) {
  const auto query = call->ParseQuery({"user"});
  if (!query) return;
  const auto user = ReadUser(*call, *query);
  if (!user) return;
  const auto id = ParseId(call->parameter("id"));
  if (!id || *id == 0)
    return call->SendProblem(404, "session-not-found",
                             "the id of a session is 16 hexadecimal digits, as GET /v1/sessions shows it");
  ProposeEnd(*call, *user, *id, false);
}

void Disconnect(const CallPtr& call) {
  v1::Command command = call->MakeCommand();
  command.mutable_delete_session()->set_token_hash(call->session_hash());
  call->Propose(std::move(command), [](Call& done, replication::Outcome&) { done.SendEmpty(); });
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/sessions", Access::kPublic, BodyKind::kJson, false, Connect, true},
    {"GET", "/v1/sessions", Access::kSession, BodyKind::kNone, true, ListSessions},
    {"DELETE", "/v1/sessions", Access::kSession, BodyKind::kNone, true, EndSessions},
    {"GET", "/v1/sessions/current", Access::kSession, BodyKind::kNone, false, GetSession},
    {"DELETE", "/v1/sessions/current", Access::kSession, BodyKind::kNone, false, Disconnect},
    {"DELETE", "/v1/sessions/{id}", Access::kSession, BodyKind::kNone, true, EndSession},
};

}  // namespace

std::span<const Route> SessionRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
