#include "core/broker/access.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"

namespace mom::broker {
namespace {

bool AnyUser(const ViewReader& view) {
  const std::string table(1, keys::kUser);
  return !KeysWithPrefix(view, table, 1).empty();
}

// Whether there is no administrator but `name`.
bool IsLastAdmin(const ViewReader& view, const std::string& name) {
  const auto admins = KeysWithPrefix(view, std::string(1, keys::kAdmin), 2);
  return admins.size() == 1 && admins[0] == keys::Admin(name);
}

v1::Reply RefuseLastAdmin(const std::string& name) {
  return Refuse(v1::ERROR_LAST_ADMIN,
                "'" + name + "' is the last administrator and stays; make another user one first");
}

void SetAdmin(Context* context, const std::string& name, bool admin, v1::UserRecord* user) {
  user->set_admin(admin);
  if (admin) {
    context->Mark(keys::Admin(name));
  } else {
    context->Delete(keys::Admin(name));
  }
}

// Names of what `user` owns; `kind` is 'q' or 't'.
std::vector<std::string> OwnedNames(const Context& context, const std::string& user, char kind) {
  const std::string prefix = keys::Owned(user, kind, "");
  auto names = KeysWithPrefix(context.reader(), prefix, kQueuesPerUserMax + kTopicsPerUserMax);
  for (auto& name : names) name.erase(0, prefix.size());
  return names;
}

v1::Reply CheckHash(const std::string& password_hash) {
  if (!password_hash.empty() && password_hash.size() <= kPasswordHashBytesMax) return v1::Reply();
  return Refuse(v1::ERROR_MALFORMED, "a password hash is 1 to 512 bytes");
}

}  // namespace

v1::Reply Run(Context* context, const v1::CreateUser& command) {
  if (v1::Reply refusal = CheckName("user", command.name()); refusal.error()) return refusal;
  if (v1::Reply refusal = CheckHash(command.password_hash()); refusal.error()) return refusal;
  if (command.admin() && AnyUser(context->reader())) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "the first administrator exists already");
  }
  const std::string key = keys::User(command.name());
  if (context->Has(key)) {
    return Refuse(v1::ERROR_USER_EXISTS, "the name '" + command.name() + "' is taken; choose another");
  }
  v1::UserRecord user;
  user.set_password_hash(command.password_hash());
  user.set_password_revision(context->NewPosition());
  if (command.admin()) SetAdmin(context, command.name(), true, &user);
  user.set_created_ms(context->now_ms());
  context->Put(key, user);
  return v1::Reply();
}

v1::Reply Run(Context* context, const v1::ChangePassword& command) {
  if (v1::Reply refusal = CheckName("user", command.name()); refusal.error()) return refusal;
  if (v1::Reply refusal = CheckHash(command.password_hash()); refusal.error()) return refusal;
  if (context->user != command.name()) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "only '" + command.name() + "' changes this password");
  }
  auto user = context->Get<v1::UserRecord>(keys::User(command.name()));
  if (!user || user->password_revision() != command.password_revision()) {
    return Refuse(v1::ERROR_CREDENTIALS_CHANGED, "the password was changed meanwhile; try again");
  }
  user->set_password_hash(command.password_hash());
  user->set_password_revision(context->NewPosition());
  context->Put(keys::User(command.name()), *user);
  EndSessions(context, command.name(), context->session_hash);
  return v1::Reply();
}

v1::Reply Run(Context* context, const v1::UpdateUser& command) {
  const std::string& name = command.name();
  if (v1::Reply refusal = CheckName("user", name); refusal.error()) return refusal;
  if (!command.has_password_hash() && !command.has_admin()) {
    return Refuse(v1::ERROR_MALFORMED, "nothing of user '" + name + "' is to be changed");
  }
  if (command.has_password_hash()) {
    if (v1::Reply refusal = CheckHash(command.password_hash()); refusal.error()) return refusal;
  }
  if (!context->admin) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "only an administrator changes user '" + name + "' so");
  }
  if (command.has_password_hash() && context->user == name) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "your own password is changed with the current one");
  }
  auto user = context->Get<v1::UserRecord>(keys::User(name));
  if (!user) return Refuse(v1::ERROR_USER_NOT_FOUND, "there is no user '" + name + "'");
  if (command.has_admin() && !command.admin() && IsLastAdmin(context->reader(), name)) {
    return RefuseLastAdmin(name);
  }
  if (command.has_admin()) SetAdmin(context, name, command.admin(), &*user);
  if (command.has_password_hash()) {
    user->set_password_hash(command.password_hash());
    user->set_password_revision(context->NewPosition());
  }
  context->Put(keys::User(name), *user);
  EndSessions(context, name, context->session_hash);
  return v1::Reply();
}

v1::Reply Run(Context* context, const v1::DeleteUser& command) {
  const std::string& name = command.name();
  if (v1::Reply refusal = CheckName("user", name); refusal.error()) return refusal;
  if (context->user != name && !context->admin) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "only '" + name + "' or an administrator deletes this user");
  }
  auto user = context->Get<v1::UserRecord>(keys::User(name));
  if (!user) return Refuse(v1::ERROR_USER_NOT_FOUND, "there is no user '" + name + "'");
  if (IsLastAdmin(context->reader(), name)) return RefuseLastAdmin(name);
  const auto queues = OwnedNames(*context, name, 'q');
  for (const auto& queue_name : queues) {
    auto queue = FindQueue(*context, queue_name);
    MOM_CHECK(queue.has_value(), queue_name);
    if (MessageCount(context->State(queue->id())->counts()) != 0) {
      return Refuse(v1::ERROR_USER_OWNS_MESSAGES,
                    "queue '" + queue_name + "' of '" + name + "' still holds messages; drain or purge it");
    }
  }
  ReturnLeasesOf(context, name);
  for (const std::string& key : KeysWithPrefix(context->reader(), keys::Prefix(keys::kSubscriptionOf, name),
                                               kSubscriptionsPerUserMax)) {
    RemoveSubscription(context, keys::ReadU64(key, key.size() - 8));
  }
  for (const auto& queue_name : queues) RemoveQueue(context, queue_name);
  for (const auto& topic_name : OwnedNames(*context, name, 't')) RemoveTopic(context, topic_name);
  const std::string grants = keys::Prefix(keys::kGrant, name);
  for (const std::string& key : KeysWithPrefix(context->reader(), grants, SIZE_MAX)) {
    DropGrants(context, key.substr(grants.size()), name);
  }
  const std::string topic_grants = keys::Prefix(keys::kTopicGrant, name);
  for (const std::string& key : KeysWithPrefix(context->reader(), topic_grants, SIZE_MAX)) {
    DropTopicGrants(context, key.substr(topic_grants.size()), name);
  }
  EndSessions(context, name, "");
  if (user->admin()) context->Delete(keys::Admin(name));
  context->Delete(keys::User(name));
  return v1::Reply();
}

}  // namespace mom::broker
