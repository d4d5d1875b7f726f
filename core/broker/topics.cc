#include <algorithm>
#include <cstdio>

#include "core/broker/access.h"
#include "core/broker/differences.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"
#include "core/broker/routing.h"

namespace mom::broker {
namespace {

std::string Bytes(uint64_t id) {
  std::string bytes;
  keys::AppendU64(&bytes, id);
  return bytes;
}

// The key under which a subscriber's subscription to this topic or pattern is found.
std::string TargetKey(const std::string& user, const std::string& topic, const std::string& pattern) {
  return topic.empty() ? keys::PatternOf(user, pattern) : keys::SubscriberOf(topic, user);
}

std::string OwnQueueName(uint64_t id) {
  char name[32];
  const int size = std::snprintf(name, sizeof name, "sub-%016llx", static_cast<unsigned long long>(id));
  return {name, static_cast<size_t>(size)};
}

void ChangeCount(Context* context, const std::string& name, int topics, int subscriptions) {
  auto user = context->Get<v1::UserRecord>(keys::User(name));
  MOM_CHECK(user.has_value(), name);
  user->set_topics(user->topics() + static_cast<uint32_t>(topics));
  user->set_subscriptions(user->subscriptions() + static_cast<uint32_t>(subscriptions));
  context->Put(keys::User(name), *user);
}

// The subscriber's own queue, made if it is not named. Sets `name`.
v1::Reply EnsureQueue(Context* context, const v1::Subscribe& command, uint64_t id, std::string* name) {
  *name = command.queue();
  if (name->empty()) {
    auto user = context->Get<v1::UserRecord>(keys::User(context->user));
    *name = OwnQueueName(id);
    if (user->queues() >= kQueuesPerUserMax) {
      return Refuse(v1::ERROR_QUOTA, "'" + context->user + "' owns too many queues; delete some");
    }
    if (FindQueue(*context, *name)) {
      return Refuse(v1::ERROR_QUEUE_EXISTS, "the queue name '" + *name + "' is taken; name a queue of yours");
    }
    v1::QueueSettings settings = DefaultSettings();
    settings.mutable_senders();
    settings.mutable_receivers();
    AddQueue(context, *name, context->user, settings);
    return v1::Reply();
  }
  QueueHandle queue;
  if (v1::Reply refusal = FindVisible(*context, *name, &queue); refusal.error()) return refusal;
  if (!IsOwner(queue.record, context->user)) {
    return Refuse(v1::ERROR_NOT_OWNER,
                  "a subscription delivers into a queue of your own; '" + *name + "' is not");
  }
  return v1::Reply();
}

}  // namespace

v1::Reply Run(Context* context, const v1::CreateTopic& command) {
  if (v1::Reply refusal = CheckName("topic", command.name()); refusal.error()) return refusal;
  v1::UserList publishers = command.publishers();
  if (v1::Reply refusal = Normalise(*context, &publishers); refusal.error()) return refusal;
  if (auto topic = context->Get<v1::TopicRecord>(keys::Topic(command.name()))) {
    if (topic->owner() != context->user) {
      return Refuse(v1::ERROR_TOPIC_EXISTS, "the topic name '" + command.name() + "' is taken");
    }
    v1::Reply reply;
    AddDifferences(topic->publishers(), publishers, &reply);
    if (reply.differences_size() > 0) {
      reply.set_error(v1::ERROR_TOPIC_EXISTS);
      reply.set_detail("you own topic '" + command.name() +
                       "' already, with other settings: " + DescribeDifferences(reply));
      return reply;
    }
    reply.set_existed(true);
    return reply;
  }
  auto user = context->Get<v1::UserRecord>(keys::User(context->user));
  if (!user || user->topics() >= kTopicsPerUserMax) {
    return Refuse(v1::ERROR_QUOTA, "'" + context->user + "' owns too many topics; delete some");
  }
  v1::TopicRecord topic;
  topic.set_id(context->NewPosition());
  topic.set_owner(context->user);
  topic.set_created_ms(context->now_ms());
  *topic.mutable_publishers() = publishers;
  context->Put(keys::Topic(command.name()), topic);
  context->Mark(keys::Owned(context->user, 't', command.name()));
  for (const auto& name : publishers.users()) context->Mark(keys::TopicGrant(name, command.name()));
  ChangeCount(context, context->user, 1, 0);
  return v1::Reply();
}

v1::Reply Run(Context* context, const v1::DeleteTopic& command) {
  if (v1::Reply refusal = CheckName("topic", command.name()); refusal.error()) return refusal;
  auto topic = context->Get<v1::TopicRecord>(keys::Topic(command.name()));
  if (!topic) return Refuse(v1::ERROR_TOPIC_NOT_FOUND, "there is no topic '" + command.name() + "'");
  if (topic->owner() != context->user) {
    return Refuse(v1::ERROR_NOT_OWNER, "only the creator of topic '" + command.name() + "' deletes it");
  }
  RemoveTopic(context, command.name());
  return v1::Reply();
}

void RemoveTopic(Context* context, const std::string& name) {
  auto topic = context->Get<v1::TopicRecord>(keys::Topic(name));
  MOM_CHECK(topic.has_value(), name);
  for (const auto& key :
       KeysWithPrefix(context->reader(), keys::Prefix(keys::kSubscriberOf, name), SIZE_MAX)) {
    RemoveSubscription(context, keys::ReadU64(*context->view()->Get(key), 0));
  }
  for (const auto& user : topic->publishers().users()) context->Delete(keys::TopicGrant(user, name));
  context->Delete(keys::Topic(name));
  context->Delete(keys::Owned(topic->owner(), 't', name));
  ChangeCount(context, topic->owner(), -1, 0);
}

void DropTopicGrants(Context* context, const std::string& topic_name, const std::string& user) {
  auto topic = context->Get<v1::TopicRecord>(keys::Topic(topic_name));
  MOM_CHECK(topic.has_value(), topic_name);
  auto* users = topic->mutable_publishers()->mutable_users();
  users->erase(std::remove(users->begin(), users->end(), user), users->end());
  context->Delete(keys::TopicGrant(user, topic_name));
  context->Put(keys::Topic(topic_name), *topic);
}

v1::Reply Run(Context* context, const v1::Subscribe& command) {
  if (command.topic().empty() == command.pattern().empty()) {
    return Refuse(v1::ERROR_MALFORMED, "a subscription has one topic or one pattern");
  }
  if (!command.topic().empty()) {
    if (v1::Reply refusal = CheckName("topic", command.topic()); refusal.error()) return refusal;
    if (!context->Has(keys::Topic(command.topic()))) {
      return Refuse(v1::ERROR_TOPIC_NOT_FOUND, "there is no topic '" + command.topic() + "'");
    }
  }
  if (command.topic().empty() && !IsPattern(command.pattern())) {
    return Refuse(v1::ERROR_MALFORMED,
                  "a pattern has dot-separated words, `*` for one and `#` for any number");
  }
  const std::string target = TargetKey(context->user, command.topic(), command.pattern());
  if (auto existing = context->view()->Get(target)) {
    const uint64_t id = keys::ReadU64(*existing, 0);
    auto subscription = context->Get<v1::SubscriptionRecord>(keys::Subscription(id));
    MOM_CHECK(subscription.has_value(), id);
    if (!command.queue().empty() && command.queue() != subscription->queue()) {
      return Refuse(v1::ERROR_SUBSCRIPTION_EXISTS, "you are subscribed already, into queue '" +
                                                       subscription->queue() + "'; unsubscribe first");
    }
    v1::Reply reply;
    reply.set_existed(true);
    reply.mutable_subscribe()->set_id(id);
    reply.mutable_subscribe()->set_queue(subscription->queue());
    return reply;
  }
  auto user = context->Get<v1::UserRecord>(keys::User(context->user));
  if (!user || user->subscriptions() >= kSubscriptionsPerUserMax) {
    return Refuse(v1::ERROR_QUOTA, "'" + context->user + "' has too many subscriptions; drop some");
  }
  const uint64_t id = context->NewPosition();
  v1::SubscriptionRecord subscription;
  if (v1::Reply refusal = EnsureQueue(context, command, id, subscription.mutable_queue()); refusal.error()) {
    return refusal;
  }
  subscription.set_user(context->user);
  subscription.set_topic(command.topic());
  subscription.set_pattern(command.pattern());
  subscription.set_created_ms(context->now_ms());
  context->Put(keys::Subscription(id), subscription);
  context->view()->Put(target, Bytes(id));
  context->Mark(keys::SubscribedQueue(subscription.queue(), id));
  context->Mark(keys::SubscriptionOf(context->user, id));
  ChangeCount(context, context->user, 0, 1);
  v1::Reply reply;
  reply.mutable_subscribe()->set_id(id);
  reply.mutable_subscribe()->set_queue(subscription.queue());
  return reply;
}

v1::Reply Run(Context* context, const v1::Unsubscribe& command) {
  uint64_t id = command.id();
  if (!command.topic().empty()) {
    if (v1::Reply refusal = CheckName("topic", command.topic()); refusal.error()) return refusal;
    auto bytes = context->view()->Get(keys::SubscriberOf(command.topic(), context->user));
    id = bytes ? keys::ReadU64(*bytes, 0) : 0;
  }
  auto subscription = context->Get<v1::SubscriptionRecord>(keys::Subscription(id));
  if (!subscription || subscription->user() != context->user) {
    return Refuse(v1::ERROR_SUBSCRIPTION_NOT_FOUND, "you have no such subscription");
  }
  RemoveSubscription(context, id);
  return v1::Reply();
}

void RemoveSubscription(Context* context, uint64_t id) {
  auto subscription = context->Get<v1::SubscriptionRecord>(keys::Subscription(id));
  MOM_CHECK(subscription.has_value(), id);
  context->Delete(TargetKey(subscription->user(), subscription->topic(), subscription->pattern()));
  context->Delete(keys::SubscribedQueue(subscription->queue(), id));
  context->Delete(keys::SubscriptionOf(subscription->user(), id));
  context->Delete(keys::Subscription(id));
  ChangeCount(context, subscription->user(), 0, -1);
}

}  // namespace mom::broker
