// Sessions: connecting, who am I, disconnecting.
#include "core/broker/keys.h"
#include "rest/api_routes.h"
#include "rest/login.h"
#include "rest/session_token.h"

namespace mom::rest {
namespace {

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
  call.Propose(std::move(command), [token, name = login.name](Call& done, replication::Outcome& outcome) {
    JsonWriter json;
    json.BeginObject().Member("token", token).Member("user", name);
    json.Member("expires_at", Timestamp{outcome.reply.session().expires_at_ms()}).EndObject();
    done.SendJson(201, json.Take());
  });
}

void Connect(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  Login login;
  login.name = ReadName(&object, "name");
  const std::string password(ReadAnyPassword(&object, "password"));
  const auto ttl_ms = object.TryInt("ttl_ms", 1, call->options().session_ttl_ms_max);
  if (!call->FinishBody(body) || !CheckLockout(*call, login.name)) return;
  const Credentials credentials = ReadCredentials(call->Snapshot()->reader(), login.name);
  login.ttl_ms = ttl_ms.value_or(call->options().session_ttl_ms);
  login.revision = credentials.revision;
  const bool accepted =
      call->services().passwords.Verify(password, credentials.hash, [call, login](bool matches) {
        CountLogin(*call, login.name, matches);
        if (!matches) return SendWrongPassword(*call);
        ProposeSession(*call, login);
      });
  if (!accepted) SendHashingBusy(*call);
}

void GetSession(const CallPtr& call) {
  const auto snapshot = call->Snapshot();
  const auto bytes = snapshot->reader().Get(broker::keys::Session(call->session_hash()));
  v1::SessionRecord session;
  if (!bytes || !session.ParseFromString(*bytes))
    return call->SendProblem(401, "session-invalid", "the session has just ended; connect again");
  JsonWriter json;
  json.BeginObject().Member("user", call->user()).Member("admin", call->IsAdmin(snapshot->reader()));
  json.Member("created_at", Timestamp{session.created_ms()});
  json.Member("expires_at", Timestamp{session.expires_ms()}).EndObject();
  call->SendJson(200, json.Take());
}

void Disconnect(const CallPtr& call) {
  v1::Command command = call->MakeCommand();
  command.mutable_delete_session()->set_token_hash(call->session_hash());
  call->Propose(std::move(command), [](Call& done, replication::Outcome&) { done.SendEmpty(); });
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/sessions", Access::kPublic, BodyKind::kJson, false, Connect, true},
    {"GET", "/v1/sessions/current", Access::kSession, BodyKind::kNone, false, GetSession},
    {"DELETE", "/v1/sessions/current", Access::kSession, BodyKind::kNone, false, Disconnect},
};

}  // namespace

std::span<const Route> SessionRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
