#include <span>
#include <utility>

#include "core/broker/access.h"
#include "core/broker/arrival.h"
#include "core/broker/header_names.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"
#include "core/broker/routing.h"

namespace mom::broker {
namespace {

size_t TextBytes(const v1::NewMessage& message) {
  size_t bytes = message.content_type().size() + message.content_encoding().size() +
                 message.reply_to().size() + message.correlation_id().size();
  for (const auto& header : message.headers()) bytes += header.name().size() + header.value().size();
  return bytes;
}

std::string CheckMessage(const v1::NewMessage& message) {
  if (message.body().size() > kBodyBytesMax) return "a message body is at most 1 MiB";
  if (TextBytes(message) > kEnvelopeTextBytesMax) {
    return "headers, content type and encoding, reply_to and correlation_id are at most 8 KiB in all";
  }
  if (message.priority() > kPriorityMax) return "priority is 0 to 9";
  if (message.delay_ms() < 0 || message.delay_ms() > kDurationMsMax) return "delay_ms is out of range";
  if (message.ttl_ms() < 0 || message.ttl_ms() > kDurationMsMax) return "ttl_ms is out of range";
  if (message.ttl_ms() > 0 && message.ttl_ms() <= message.delay_ms()) {
    return "ttl_ms must be larger than delay_ms, or the message is over before it can be received";
  }
  if (message.group().size() > kShortTextBytesMax) return "group is at most 255 bytes";
  if (message.dedup_id().size() > kShortTextBytesMax) return "dedup_id is at most 255 bytes";
  for (const auto& header : message.headers()) {
    if (IsReservedHeader(header.name())) return "names of headers that begin with mom- are the broker's";
  }
  if (!RepeatedHeader(message.headers()).empty()) return "a message has each header once";
  return "";
}

v1::Envelope MakeEnvelope(const Context& context, const v1::NewMessage& message, const std::string& topic) {
  v1::Envelope envelope;
  envelope.set_sender(context.user);
  envelope.set_sent_ms(context.now_ms());
  envelope.set_body(message.body());
  envelope.set_content_type(message.content_type());
  envelope.set_content_encoding(message.content_encoding());
  envelope.set_topic(topic);
  envelope.set_priority(message.priority());
  envelope.set_group(message.group());
  envelope.set_reply_to(message.reply_to());
  envelope.set_correlation_id(message.correlation_id());
  *envelope.mutable_headers() = message.headers();
  return envelope;
}

void Add(Context* context, const QueueHandle& queue, uint64_t id, const v1::NewMessage& message,
         bool shared) {
  v1::MessageState state;
  state.set_bytes(static_cast<uint32_t>(message.body().size()));
  state.set_priority(message.priority());
  state.set_group(message.group());
  state.set_shared(shared);
  Arrive(context, queue, id, std::move(state), Terms{message.ttl_ms(), message.delay_ms()});
}

// The id of an earlier message with the same dedup id to the same target, or 0; else remembers `new_id`.
uint64_t Deduplicate(Context* context, uint64_t target_id, const std::string& dedup_id, uint64_t new_id) {
  if (dedup_id.empty()) return 0;
  const std::string key = keys::Dedup(target_id, dedup_id);
  auto earlier = context->Get<v1::DedupRecord>(key);
  if (earlier && earlier->expires_ms() > context->now_ms()) return earlier->id();
  v1::DedupRecord record;
  record.set_id(new_id);
  record.set_expires_ms(context->now_ms() + kDedupWindowMs);
  context->Put(key, record);
  context->Mark(keys::Timer(record.expires_ms(), keys::kTimerDedup, key));
  return 0;
}

// The messages of a command that are no repeats: only these need room.
struct Plan {
  v1::PublishReply reply;  // Ids and duplicates.
  std::vector<std::pair<uint64_t, const v1::NewMessage*>> fresh;
  uint64_t fresh_bytes = 0;
};

Plan MakePlan(Context* context, const v1::Publish& command, uint64_t target_id) {
  Plan plan;
  for (const v1::NewMessage& message : command.messages()) {
    const uint64_t new_id = context->NewPosition();
    const uint64_t earlier = Deduplicate(context, target_id, message.dedup_id(), new_id);
    plan.reply.add_ids(earlier ? earlier : new_id);
    plan.reply.add_duplicates(earlier != 0);
    if (earlier) continue;
    plan.fresh.emplace_back(new_id, &message);
    plan.fresh_bytes += message.body().size();
  }
  if (plan.fresh.size() == static_cast<size_t>(command.messages_size())) plan.reply.clear_duplicates();
  return plan;
}

// Repeats need no room.
Entrance EntranceOf(Context* context, const QueueHandle& queue, const Plan& plan) {
  if (plan.fresh.empty()) return Entrance::kOpen;
  return EntranceOf(context, queue, plan.fresh.size(), plan.fresh_bytes);
}

// Stores the planned messages into all of `queues`. REQUIRES: all are open for them.
v1::Reply Deliver(Context* context, const std::string& topic, Plan plan,
                  std::span<const QueueHandle> queues) {
  if (!plan.fresh.empty()) plan.reply.set_delivered(static_cast<uint32_t>(queues.size()));
  for (const auto& [id, message] : plan.fresh) {
    if (queues.empty()) break;
    context->Put(keys::Envelope(id), MakeEnvelope(*context, *message, topic));
    const bool shared = queues.size() > 1;
    if (shared) SetReferences(context, id, queues.size());
    for (const QueueHandle& queue : queues) Add(context, queue, id, *message, shared);
  }
  v1::Reply reply;
  *reply.mutable_publish() = std::move(plan.reply);
  return reply;
}

// A message that lives as long as the queue says must outlive its delay, too.
v1::Reply CheckDelays(const QueueHandle& queue, const v1::Publish& command) {
  const int64_t ttl_ms = queue.record.settings().ttl_ms();
  for (const auto& message : command.messages()) {
    if (ttl_ms == 0 || message.ttl_ms() != 0 || message.delay_ms() < ttl_ms) continue;
    return Refuse(v1::ERROR_MALFORMED, "delay_ms must be less than ttl_ms, which queue '" + queue.name +
                                           "' sets to " + std::to_string(ttl_ms) +
                                           " for messages that name none");
  }
  return v1::Reply();
}

v1::Reply ToQueue(Context* context, const v1::Publish& command) {
  QueueHandle queue;
  if (v1::Reply refusal = FindVisible(*context, command.queue(), &queue); refusal.error()) return refusal;
  if (!MaySend(queue.record, context->user)) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "'" + context->user + "' may not send to '" + command.queue() +
                                             "'; its creator can grant it");
  }
  if (v1::Reply refusal = CheckDelays(queue, command); refusal.error()) return refusal;
  Plan plan = MakePlan(context, command, queue.id());
  switch (EntranceOf(context, queue, plan)) {
    case Entrance::kOpen:
      break;
    case Entrance::kClosed:
      return Refuse(v1::ERROR_QUEUE_CLOSED, "queue '" + command.queue() + "' is closed for new messages");
    case Entrance::kFull:
      return Refuse(v1::ERROR_QUEUE_FULL,
                    "queue '" + command.queue() + "' is full (max_messages or max_bytes); receive first");
  }
  return Deliver(context, command.topic(), std::move(plan), std::span(&queue, 1));
}

v1::Reply ToTopic(Context* context, const v1::Publish& command) {
  if (v1::Reply refusal = CheckName("topic", command.topic()); refusal.error()) return refusal;
  auto topic = context->Get<v1::TopicRecord>(keys::Topic(command.topic()));
  if (!topic) return Refuse(v1::ERROR_TOPIC_NOT_FOUND, "there is no topic '" + command.topic() + "'");
  if (!MayPublish(*topic, context->user)) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "'" + context->user + "' may not publish to '" + command.topic() +
                                             "'; its creator can grant it");
  }
  Plan plan = MakePlan(context, command, topic->id());
  std::vector<QueueHandle> queues;
  for (QueueHandle& queue : Route(*context, command.topic())) {
    if (plan.fresh.empty()) break;
    if (EntranceOf(context, queue, plan) == Entrance::kOpen) {
      queues.push_back(std::move(queue));
    } else {
      plan.reply.set_skipped(plan.reply.skipped() + 1);
    }
  }
  return Deliver(context, command.topic(), std::move(plan), queues);
}

}  // namespace

v1::Reply Run(Context* context, const v1::Publish& command) {
  if (command.queue().empty() == command.topic().empty()) {
    return Refuse(v1::ERROR_MALFORMED, "a message goes to one queue or to one topic");
  }
  if (command.messages_size() < 1 || command.messages_size() > static_cast<int>(kBatchMessagesMax)) {
    return Refuse(v1::ERROR_MALFORMED, "a batch has 1 to 1000 messages");
  }
  for (const auto& message : command.messages()) {
    if (std::string wrong = CheckMessage(message); !wrong.empty()) return Refuse(v1::ERROR_MALFORMED, wrong);
  }
  return command.topic().empty() ? ToQueue(context, command) : ToTopic(context, command);
}

}  // namespace mom::broker
