#include <algorithm>
#include <set>

#include "core/broker/access.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"
#include "core/broker/routing.h"

namespace mom::broker {
namespace {

std::string CheckMessage(const v1::NewMessage& message) {
  if (message.body().size() > (1u << 20)) return "a message body is at most 1 MiB";
  if (message.priority() > kPriorityMax) return "priority is 0 to 9";
  if (message.delay_ms() < 0 || message.delay_ms() > kDurationMsMax) return "delay_ms is out of range";
  if (message.ttl_ms() < 0 || message.ttl_ms() > kDurationMsMax) return "ttl_ms is out of range";
  if (message.group().size() > kShortTextBytesMax) return "group is at most 255 bytes";
  if (message.dedup_id().size() > kShortTextBytesMax) return "dedup_id is at most 255 bytes";
  return "";
}

v1::Envelope MakeEnvelope(const Context& context, const v1::NewMessage& message, const std::string& topic) {
  v1::Envelope envelope;
  envelope.set_sender(context.user);
  envelope.set_sent_ms(context.now_ms());
  envelope.set_body(message.body());
  envelope.set_content_type(message.content_type());
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
  const int64_t ttl_ms = message.ttl_ms() ? message.ttl_ms() : queue.record.settings().ttl_ms();
  if (ttl_ms > 0) {
    state.set_expires_ms(context->now_ms() + ttl_ms);
    context->Mark(keys::Timer(state.expires_ms(), keys::kTimerExpire, keys::Pair(queue.id(), id)));
  }
  auto* counts = context->State(queue.id())->mutable_counts();
  counts->set_bytes(counts->bytes() + state.bytes());
  const int64_t not_before = message.delay_ms() ? context->now_ms() + message.delay_ms() : 0;
  Place(context, queue, id, std::move(state), not_before);
}

// The id of an earlier message with the same dedup id to the same target, or 0; else remembers `new_id`.
uint64_t Deduplicate(Context* context, uint64_t target_id, const std::string& dedup_id, uint64_t new_id) {
  if (dedup_id.empty()) return 0;
  const std::string key = keys::Dedup(target_id, dedup_id);
  if (auto earlier = context->Get<v1::DedupRecord>(key)) return earlier->id();
  v1::DedupRecord record;
  record.set_id(new_id);
  record.set_expires_ms(context->now_ms() + kDedupWindowMs);
  context->Put(key, record);
  context->Mark(keys::Timer(record.expires_ms(), keys::kTimerDedup, key));
  return 0;
}

// Stores every message that is no repeat into all of `queues`. REQUIRES: all have room.
v1::PublishReply Deliver(Context* context, const v1::Publish& command, uint64_t target_id,
                         const std::vector<QueueHandle>& queues) {
  v1::PublishReply reply;
  bool any_duplicate = false;
  for (const v1::NewMessage& message : command.messages()) {
    const uint64_t new_id = context->NewPosition();
    const uint64_t earlier = Deduplicate(context, target_id, message.dedup_id(), new_id);
    reply.add_ids(earlier ? earlier : new_id);
    reply.add_duplicates(earlier != 0);
    any_duplicate |= earlier != 0;
    if (earlier || queues.empty()) continue;
    context->Put(keys::Envelope(new_id), MakeEnvelope(*context, message, command.topic()));
    const bool shared = queues.size() > 1;
    if (shared) SetReferences(context, new_id, queues.size());
    for (const QueueHandle& queue : queues) Add(context, queue, new_id, message, shared);
  }
  if (!any_duplicate) reply.clear_duplicates();
  reply.set_delivered(static_cast<uint32_t>(queues.size()));
  return reply;
}

uint64_t TotalBytes(const v1::Publish& command) {
  uint64_t bytes = 0;
  for (const auto& message : command.messages()) bytes += message.body().size();
  return bytes;
}

v1::Reply ToQueue(Context* context, const v1::Publish& command) {
  auto queue = FindQueue(*context, command.queue());
  if (!queue || !MaySee(queue->record, context->user, context->admin)) {
    return Refuse(v1::ERROR_QUEUE_NOT_FOUND, "there is no queue '" + command.queue() + "'");
  }
  if (!MaySend(queue->record, context->user)) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "'" + context->user + "' may not send to '" + command.queue() +
                                             "'; its creator can grant it");
  }
  if (queue->record.settings().closed()) {
    return Refuse(v1::ERROR_QUEUE_CLOSED, "queue '" + command.queue() + "' is closed for new messages");
  }
  if (!HasRoom(context, *queue, static_cast<uint64_t>(command.messages_size()), TotalBytes(command))) {
    return Refuse(v1::ERROR_QUEUE_FULL,
                  "queue '" + command.queue() + "' is full (max_messages or max_bytes); receive first");
  }
  v1::Reply reply;
  *reply.mutable_publish() = Deliver(context, command, queue->id(), {*queue});
  return reply;
}

v1::Reply ToTopic(Context* context, const v1::Publish& command) {
  auto topic = context->Get<v1::TopicRecord>(keys::Topic(command.topic()));
  if (!topic) return Refuse(v1::ERROR_TOPIC_NOT_FOUND, "there is no topic '" + command.topic() + "'");
  if (!MayPublish(*topic, context->user)) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "'" + context->user + "' may not publish to '" + command.topic() +
                                             "'; its creator can grant it");
  }
  std::vector<QueueHandle> queues;
  uint32_t skipped = 0;
  for (QueueHandle& queue : Route(*context, command.topic())) {
    const bool takes =
        !queue.record.settings().closed() &&
        HasRoom(context, queue, static_cast<uint64_t>(command.messages_size()), TotalBytes(command));
    if (takes) {
      queues.push_back(std::move(queue));
    } else {
      ++skipped;
    }
  }
  v1::Reply reply;
  *reply.mutable_publish() = Deliver(context, command, topic->id(), queues);
  reply.mutable_publish()->set_skipped(skipped);
  return reply;
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
