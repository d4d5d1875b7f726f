#include <algorithm>

#include "core/broker/keys.h"
#include "core/broker/operations.h"
#include "core/broker/session_list.h"

namespace mom::broker {
namespace {

void EndListed(Context* context, const ListedSession& listed) {
  auto session = context->Get<v1::SessionRecord>(keys::Session(listed.token_hash));
  MOM_CHECK(session.has_value(), listed.id);
  EndSession(context, listed.token_hash, *session);
}

// Whoever connects must never find the door shut because of what was forgotten to be closed: at the limit a
// session that is over goes, else the oldest one.
void MakeRoom(Context* context, const std::string& user) {
  const auto sessions = ListSessions(context->reader(), user, 0, kSessionsPerUserMax);
  MOM_CHECK(!sessions.empty(), user);
  const auto over = std::find_if(sessions.begin(), sessions.end(), [context](const ListedSession& session) {
    return session.expires_ms <= context->now_ms();
  });
  EndListed(context, over == sessions.end() ? sessions.front() : *over);
}

}  // namespace

v1::Reply Run(Context* context, const v1::CreateSession& command) {
  const std::string& name = command.name();
  if (v1::Reply refusal = CheckName("user", name); refusal.error()) return refusal;
  if (command.token_hash().size() != 32 || command.ttl_ms() <= 0 || command.ttl_ms() > kDurationMsMax) {
    return Refuse(v1::ERROR_MALFORMED, "a session needs a token hash of 32 bytes and a positive ttl_ms");
  }
  if (command.address().size() > kAddressBytesMax) {
    return Refuse(v1::ERROR_MALFORMED, "the address of a client has at most 64 bytes");
  }
  auto user = context->Get<v1::UserRecord>(keys::User(name));
  if (!user || user->password_revision() != command.password_revision()) {
    return Refuse(v1::ERROR_CREDENTIALS_CHANGED, "the user or the password changed meanwhile; connect again");
  }
  if (context->Has(keys::Session(command.token_hash()))) {
    return Refuse(v1::ERROR_MALFORMED, "this token is in use already");
  }
  if (user->sessions() >= kSessionsPerUserMax) {
    MakeRoom(context, name);
    user = context->Get<v1::UserRecord>(keys::User(name));
  }
  v1::SessionRecord session;
  session.set_user(name);
  session.set_created_ms(context->now_ms());
  session.set_expires_ms(context->now_ms() + command.ttl_ms());
  session.set_id(context->NewPosition());
  session.set_address(command.address());
  context->Put(keys::Session(command.token_hash()), session);
  context->view()->Put(keys::SessionOf(name, session.id()),
                       SessionOfValue(session.expires_ms(), command.token_hash()));
  context->Mark(keys::Timer(session.expires_ms(), keys::kTimerSession, command.token_hash()));
  user->set_sessions(user->sessions() + 1);
  context->Put(keys::User(name), *user);
  v1::Reply reply;
  reply.mutable_session()->set_expires_at_ms(session.expires_ms());
  reply.mutable_session()->set_id(session.id());
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

v1::Reply Run(Context* context, const v1::DeleteSessions& command) {
  const std::string& name = command.user();
  if (v1::Reply refusal = CheckName("user", name); refusal.error()) return refusal;
  if (command.id() != 0 && command.keep_current()) {
    return Refuse(v1::ERROR_MALFORMED, "either one session is named or the current one is kept");
  }
  if (context->user != name && !context->admin) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "only '" + name + "' or an administrator ends these sessions");
  }
  if (!context->Has(keys::User(name))) {
    return Refuse(v1::ERROR_USER_NOT_FOUND, "there is no user '" + name + "'");
  }
  v1::Reply reply;
  if (command.id() == 0) {
    reply.mutable_count()->set_count(
        EndSessions(context, name, command.keep_current() ? context->session_hash : ""));
    return reply;
  }
  const auto found = ListSessions(context->reader(), name, command.id(), 1);
  if (found.empty() || found[0].id != command.id()) {
    return Refuse(v1::ERROR_SESSION_NOT_FOUND, "'" + name + "' has no session of that id; it may have ended");
  }
  EndListed(context, found[0]);
  reply.mutable_count()->set_count(1);
  return reply;
}

void EndSession(Context* context, std::string_view token_hash, const v1::SessionRecord& session) {
  context->revoked.sessions.emplace(token_hash);
  context->Delete(keys::Session(token_hash));
  context->Delete(keys::SessionOf(session.user(), session.id()));
  auto user = context->Get<v1::UserRecord>(keys::User(session.user()));
  MOM_CHECK(user.has_value() && user->sessions() > 0, session.user());
  user->set_sessions(user->sessions() - 1);
  context->Put(keys::User(session.user()), *user);
}

uint64_t EndSessions(Context* context, const std::string& user, std::string_view keep) {
  uint64_t ended = 0;
  for (const ListedSession& session : ListSessions(context->reader(), user, 0, kSessionsPerUserMax)) {
    if (session.token_hash == keep) continue;
    EndListed(context, session);
    ++ended;
  }
  return ended;
}

}  // namespace mom::broker
