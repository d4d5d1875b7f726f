#include <algorithm>

#include "core/broker/keys.h"
#include "core/broker/operations.h"

namespace mom::broker {

v1::Reply Run(Context* context, const v1::CreateSession& command) {
  if (v1::Reply refusal = CheckName("user", command.name()); refusal.error()) return refusal;
  if (command.token_hash().size() != 32 || command.ttl_ms() <= 0 || command.ttl_ms() > kDurationMsMax) {
    return Refuse(v1::ERROR_MALFORMED, "a session needs a token hash of 32 bytes and a positive ttl_ms");
  }
  auto user = context->Get<v1::UserRecord>(keys::User(command.name()));
  if (!user || user->password_revision() != command.password_revision()) {
    return Refuse(v1::ERROR_CREDENTIALS_CHANGED, "the user or the password changed meanwhile; connect again");
  }
  if (user->sessions() >= kSessionsPerUserMax) {
    return Refuse(v1::ERROR_QUOTA, "user '" + command.name() + "' has too many sessions; disconnect some");
  }
  if (context->Has(keys::Session(command.token_hash()))) {
    return Refuse(v1::ERROR_MALFORMED, "this token is in use already");
  }
  v1::SessionRecord session;
  session.set_user(command.name());
  session.set_created_ms(context->now_ms());
  session.set_expires_ms(context->now_ms() + command.ttl_ms());
  context->Put(keys::Session(command.token_hash()), session);
  context->Mark(keys::SessionOf(command.name(), command.token_hash()));
  context->Mark(keys::Timer(session.expires_ms(), keys::kTimerSession, command.token_hash()));
  user->set_sessions(user->sessions() + 1);
  context->Put(keys::User(command.name()), *user);
  v1::Reply reply;
  reply.mutable_session()->set_expires_at_ms(session.expires_ms());
  return reply;
}

v1::Reply Run(Context* context, const v1::DeleteSession& command) {
  auto session = context->Get<v1::SessionRecord>(keys::Session(command.token_hash()));
  if (!session || session->user() != context->user) {
    return Refuse(v1::ERROR_SESSION_INVALID, "no such session; connect first");
  }
  EndSession(context, command.token_hash(), *session);
  return v1::Reply();
}

void EndSession(Context* context, std::string_view token_hash, const v1::SessionRecord& session) {
  context->Delete(keys::Session(token_hash));
  context->Delete(keys::SessionOf(session.user(), token_hash));
  auto user = context->Get<v1::UserRecord>(keys::User(session.user()));
  MOM_CHECK(user.has_value() && user->sessions() > 0, session.user());
  user->set_sessions(user->sessions() - 1);
  context->Put(keys::User(session.user()), *user);
}

void EndSessions(Context* context, const std::string& user, std::string_view keep) {
  const std::string prefix = keys::Prefix(keys::kSessionOf, user);
  for (const std::string& key : KeysWithPrefix(context->reader(), prefix, kSessionsPerUserMax)) {
    const std::string token_hash = key.substr(prefix.size());
    if (token_hash == keep) continue;
    auto session = context->Get<v1::SessionRecord>(keys::Session(token_hash));
    MOM_CHECK(session.has_value(), user);
    EndSession(context, token_hash, *session);
  }
}

}  // namespace mom::broker
