#include <algorithm>

#include "core/broker/access.h"
#include "core/broker/differences.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"

namespace mom::broker {
namespace {

v1::Reply CheckUser(const Context& context, const std::string& name) {
  if (v1::Reply refusal = CheckName("user", name); refusal.error()) return refusal;
  if (context.Has(keys::User(name))) return v1::Reply();
  return Refuse(v1::ERROR_USER_NOT_FOUND, "there is no user '" + name + "' to grant anything to");
}

std::string CheckNumbers(const v1::QueueSettings& settings) {
  if (settings.lease_ms() < 1 || settings.lease_ms() > kLeaseMsMax) return "lease_ms is 1 ms to 12 h";
  if (settings.max_attempts() < 1 || settings.max_attempts() > 1000) return "max_attempts is 1 to 1000";
  if (settings.retry_delay_ms() < 0 || settings.retry_delay_ms() > kDurationMsMax)
    return "retry_delay_ms is out of range";
  if (settings.ttl_ms() < 0 || settings.ttl_ms() > kDurationMsMax) return "ttl_ms is out of range";
  return "";
}

// Fills what the lists of `settings` imply and checks all of it against the view.
v1::Reply CheckSettings(Context* context, const std::string& name, const std::string& owner,
                        v1::QueueSettings* settings) {
  if (std::string wrong = CheckNumbers(*settings); !wrong.empty()) {
    return Refuse(v1::ERROR_MALFORMED, wrong);
  }
  if (!settings->receiver().empty()) {
    if (settings->has_senders() || settings->has_receivers()) {
      return Refuse(v1::ERROR_MALFORMED,
                    "'receiver' makes a private pair and excludes senders and receivers");
    }
    if (v1::Reply refusal = CheckUser(*context, settings->receiver()); refusal.error()) return refusal;
  }
  for (v1::UserList* list : {settings->mutable_senders(), settings->mutable_receivers()}) {
    if (v1::Reply refusal = Normalise(*context, list); refusal.error()) return refusal;
  }
  if (settings->dead_letter().empty()) return v1::Reply();
  if (v1::Reply refusal = CheckName("queue", settings->dead_letter()); refusal.error()) return refusal;
  auto target = FindQueue(*context, settings->dead_letter());
  if (settings->dead_letter() == name || !target || !MaySend(target->record, owner)) {
    return Refuse(v1::ERROR_DEAD_LETTER_INVALID,
                  "dead_letter '" + settings->dead_letter() + "' must be another queue that you may send to");
  }
  return v1::Reply();
}

std::vector<std::string> GrantedUsers(const v1::QueueSettings& settings) {
  std::vector<std::string> users(settings.senders().users().begin(), settings.senders().users().end());
  users.insert(users.end(), settings.receivers().users().begin(), settings.receivers().users().end());
  if (!settings.receiver().empty()) users.push_back(settings.receiver());
  return users;
}

void WriteReferences(Context* context, const std::string& name, const v1::QueueSettings& settings) {
  for (const auto& user : GrantedUsers(settings)) context->Mark(keys::Grant(user, name));
  if (!settings.dead_letter().empty()) context->Mark(keys::DeadLetterOf(settings.dead_letter(), name));
}

void DeleteReferences(Context* context, const std::string& name, const v1::QueueSettings& settings) {
  for (const auto& user : GrantedUsers(settings)) context->Delete(keys::Grant(user, name));
  if (!settings.dead_letter().empty()) context->Delete(keys::DeadLetterOf(settings.dead_letter(), name));
}

// Queues whose dead messages go to `target` keep them from now on: all, or those whose owners lost the right.
// They keep what expires, too, which would be gone if they had never had a dead-letter queue.
void DropDeadLetterSources(Context* context, const QueueHandle& target, bool all) {
  const std::string sources = keys::Prefix(keys::kDeadLetterOf, target.name);
  for (const auto& key : KeysWithPrefix(context->reader(), sources, SIZE_MAX)) {
    const std::string name = key.substr(sources.size());
    auto source = FindQueue(*context, name);
    MOM_CHECK(source.has_value(), name);
    if (!all && MaySend(target.record, source->record.owner())) continue;
    source->record.mutable_settings()->clear_dead_letter();
    source->record.set_lost_dead_letter(target.name);
    context->Put(keys::Queue(name), source->record);
    context->Delete(key);
  }
}

void ApplyUpdate(const v1::UpdateQueue& update, v1::QueueSettings* settings) {
  if (update.has_lease_ms()) settings->set_lease_ms(update.lease_ms());
  if (update.has_max_attempts()) settings->set_max_attempts(update.max_attempts());
  if (update.has_retry_delay_ms()) settings->set_retry_delay_ms(update.retry_delay_ms());
  if (update.has_ttl_ms()) settings->set_ttl_ms(update.ttl_ms());
  if (update.has_max_messages()) settings->set_max_messages(update.max_messages());
  if (update.has_max_bytes()) settings->set_max_bytes(update.max_bytes());
  if (update.has_dead_letter()) settings->set_dead_letter(update.dead_letter());
  if (update.has_closed()) settings->set_closed(update.closed());
  if (update.has_senders()) *settings->mutable_senders() = update.senders();
  if (update.has_receivers()) *settings->mutable_receivers() = update.receivers();
}

}  // namespace

v1::Reply Normalise(const Context& context, v1::UserList* list) {
  auto* users = list->mutable_users();
  if (static_cast<uint32_t>(users->size()) > kGrantsPerListMax) {
    return Refuse(v1::ERROR_MALFORMED, "a list names at most 1000 users");
  }
  std::sort(users->begin(), users->end());
  users->erase(std::unique(users->begin(), users->end()), users->end());
  for (const auto& user : *users) {
    if (v1::Reply refusal = CheckUser(context, user); refusal.error()) return refusal;
  }
  return v1::Reply();
}

v1::QueueSettings DefaultSettings() {
  v1::QueueSettings settings;
  settings.set_lease_ms(kDefaultLeaseMs);
  settings.set_max_attempts(kDefaultAttemptsMax);
  return settings;
}

v1::Reply FindVisible(const Context& context, const std::string& name, QueueHandle* found) {
  if (v1::Reply refusal = CheckName("queue", name); refusal.error()) return refusal;
  auto queue = FindQueue(context, name);
  if (!queue || !MaySee(queue->record, context.user, context.admin)) {
    return Refuse(v1::ERROR_QUEUE_NOT_FOUND, "there is no queue '" + name + "'");
  }
  *found = *std::move(queue);
  return v1::Reply();
}

v1::Reply FindOwned(const Context& context, const std::string& name, QueueHandle* found) {
  if (v1::Reply refusal = FindVisible(context, name, found); refusal.error()) return refusal;
  if (IsOwner(found->record, context.user)) return v1::Reply();
  return Refuse(v1::ERROR_NOT_OWNER, "only the creator of queue '" + name + "' may do this");
}

v1::Reply Run(Context* context, const v1::CreateQueue& command) {
  const std::string& name = command.name();
  if (v1::Reply refusal = CheckName("queue", name); refusal.error()) return refusal;
  v1::QueueSettings settings = command.settings();
  if (settings.lease_ms() == 0) settings.set_lease_ms(kDefaultLeaseMs);
  if (settings.max_attempts() == 0) settings.set_max_attempts(kDefaultAttemptsMax);
  if (v1::Reply refusal = CheckSettings(context, name, context->user, &settings); refusal.error()) {
    return refusal;
  }
  if (auto queue = FindQueue(*context, name)) {
    if (!IsOwner(queue->record, context->user)) {
      return Refuse(v1::ERROR_QUEUE_EXISTS, "the queue name '" + name + "' is taken; choose another");
    }
    v1::Reply reply;
    AddDifferences(queue->record.settings(), settings, &reply);
    if (reply.differences_size() > 0) {
      reply.set_error(v1::ERROR_QUEUE_EXISTS);
      reply.set_detail("you own queue '" + name + "' already, with other settings: " +
                       DescribeDifferences(reply) + "; ask for it as it is, or change it");
      return reply;
    }
    reply.set_existed(true);
    return reply;
  }
  auto user = context->Get<v1::UserRecord>(keys::User(context->user));
  if (!user || user->queues() >= kQueuesPerUserMax) {
    return Refuse(v1::ERROR_QUOTA, "'" + context->user + "' owns too many queues; delete some");
  }
  AddQueue(context, name, context->user, settings);
  return v1::Reply();
}

void AddQueue(Context* context, const std::string& name, const std::string& owner,
              const v1::QueueSettings& settings) {
  v1::QueueRecord record;
  record.set_id(context->NewPosition());
  record.set_owner(owner);
  record.set_created_ms(context->now_ms());
  *record.mutable_settings() = settings;
  context->Put(keys::Queue(name), record);
  context->Put(keys::QueueState(record.id()), v1::QueueState());
  context->view()->Put(keys::QueueName(record.id()), name);
  context->Mark(keys::Owned(owner, 'q', name));
  WriteReferences(context, name, settings);
  auto user = context->Get<v1::UserRecord>(keys::User(owner));
  MOM_CHECK(user.has_value(), owner);
  user->set_queues(user->queues() + 1);
  context->Put(keys::User(owner), *user);
}

v1::Reply Run(Context* context, const v1::UpdateQueue& command) {
  const std::string& name = command.name();
  QueueHandle queue;
  if (v1::Reply refusal = FindOwned(*context, name, &queue); refusal.error()) return refusal;
  v1::QueueSettings settings = queue.record.settings();
  if (!settings.receiver().empty()) {
    if (command.has_senders() || command.has_receivers()) {
      return Refuse(v1::ERROR_MALFORMED, "queue '" + name + "' is a private pair; its grants are fixed");
    }
    settings.clear_senders();
    settings.clear_receivers();
  }
  ApplyUpdate(command, &settings);
  if (v1::Reply refusal = CheckSettings(context, name, context->user, &settings); refusal.error()) {
    return refusal;
  }
  if (command.has_receivers()) context->revoked.queues.insert(name);
  DeleteReferences(context, name, queue.record.settings());
  *queue.record.mutable_settings() = settings;
  if (command.has_dead_letter()) queue.record.clear_lost_dead_letter();
  WriteReferences(context, name, settings);
  context->Put(keys::Queue(name), queue.record);
  DropDeadLetterSources(context, queue, false);
  return v1::Reply();
}

v1::Reply Run(Context* context, const v1::DeleteQueue& command) {
  const std::string& name = command.name();
  QueueHandle queue;
  if (v1::Reply refusal = FindOwned(*context, name, &queue); refusal.error()) return refusal;
  const v1::QueueCounts counts = context->State(queue.id())->counts();
  if (MessageCount(counts) != 0) {
    v1::Reply reply =
        Refuse(v1::ERROR_QUEUE_NOT_EMPTY,
               "queue '" + name + "' still holds messages; receive and acknowledge or purge them");
    *reply.mutable_counts() = counts;
    return reply;
  }
  RemoveQueue(context, name);
  return v1::Reply();
}

void RemoveQueue(Context* context, const std::string& name) {
  auto queue = FindQueue(*context, name);
  MOM_CHECK(queue.has_value(), name);
  MOM_CHECK(MessageCount(context->State(queue->id())->counts()) == 0, name);
  const std::string subscriptions = keys::Prefix(keys::kSubscribedQueue, name);
  for (const auto& key : KeysWithPrefix(context->reader(), subscriptions, SIZE_MAX)) {
    RemoveSubscription(context, keys::ReadU64(key, key.size() - 8));
  }
  DropDeadLetterSources(context, *queue, true);
  context->revoked.queues.insert(name);
  DeleteReferences(context, name, queue->record.settings());
  context->ForgetState(queue->id());
  context->Delete(keys::QueueState(queue->id()));
  context->Delete(keys::QueueName(queue->id()));
  context->Delete(keys::Queue(name));
  context->Delete(keys::Owned(queue->record.owner(), 'q', name));
  auto user = context->Get<v1::UserRecord>(keys::User(queue->record.owner()));
  MOM_CHECK(user.has_value() && user->queues() > 0, queue->record.owner());
  user->set_queues(user->queues() - 1);
  context->Put(keys::User(queue->record.owner()), *user);
}

void DropGrants(Context* context, const std::string& queue_name, const std::string& user) {
  auto queue = FindQueue(*context, queue_name);
  MOM_CHECK(queue.has_value(), queue_name);
  v1::QueueSettings* settings = queue->record.mutable_settings();
  for (v1::UserList* list : {settings->mutable_senders(), settings->mutable_receivers()}) {
    auto* users = list->mutable_users();
    users->erase(std::remove(users->begin(), users->end(), user), users->end());
  }
  // A private pair whose receiver is gone belongs to its owner alone: what it holds can still be drained.
  if (settings->receiver() == user) settings->clear_receiver();
  context->revoked.queues.insert(queue_name);
  context->Delete(keys::Grant(user, queue_name));
  context->Put(keys::Queue(queue_name), queue->record);
}

}  // namespace mom::broker
