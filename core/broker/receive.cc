#include <algorithm>

#include "core/broker/access.h"
#include "core/broker/keys.h"
#include "core/broker/lanes.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"

namespace mom::broker {
namespace {

// What will be handed out, and what ran out of time on the way.
struct Choice {
  std::vector<Located> taken;
  std::vector<Located> expired;
};

Choice Choose(Context* context, uint64_t queue_id, uint32_t max, uint64_t bytes_max) {
  Choice choice;
  uint64_t bytes = 0;
  VisitReady(context->reader(), queue_id, *context->State(queue_id),
             [&](char table, uint64_t id, const v1::MessageState& state) {
               if (state.expires_ms() != 0 && state.expires_ms() <= context->now_ms()) {
                 choice.expired.push_back(Located{table, id, state});
                 return choice.expired.size() < kBatchMessagesMax;
               }
               if (!choice.taken.empty() && bytes + state.bytes() > bytes_max) return false;
               bytes += state.bytes();
               choice.taken.push_back(Located{table, id, state});
               return choice.taken.size() < max;
             });
  return choice;
}

void LiftReady(Context* context, const QueueHandle& queue, const Located& located) {
  Lift(context, queue, located);
  AdvanceLane(context->State(queue.id()), located.state.priority(), located.message_id);
}

}  // namespace

v1::Reply Run(Context* context, const v1::Receive& command) {
  auto queue = FindQueue(*context, command.queue());
  if (!queue || !MaySee(queue->record, context->user, context->admin)) {
    return Refuse(v1::ERROR_QUEUE_NOT_FOUND, "there is no queue '" + command.queue() + "'");
  }
  if (!MayReceive(queue->record, context->user)) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "'" + context->user + "' may not receive from '" + command.queue() +
                                             "'; its creator can grant it");
  }
  if (command.lease_ms() < 0 || command.lease_ms() > kLeaseMsMax) {
    return Refuse(v1::ERROR_MALFORMED, "lease_ms is 1 ms to 12 h");
  }
  const uint32_t max = std::clamp<uint32_t>(command.max(), 1, kBatchMessagesMax);
  const int64_t lease_ms = command.lease_ms() ? command.lease_ms() : queue->record.settings().lease_ms();
  const Choice choice = Choose(context, queue->id(), max, command.bytes_max());
  const uint64_t lease = context->NewPosition();
  v1::Reply reply;
  v1::ReceiveReply* receive = reply.mutable_receive();
  for (const Located& located : choice.expired) LiftReady(context, *queue, located);
  for (const Located& located : choice.taken) LiftReady(context, *queue, located);
  for (const Located& located : choice.expired) Expire(context, *queue, located.message_id, located.state);
  for (const Located& located : choice.taken) {
    v1::MessageState state = located.state;
    state.set_attempt(state.attempt() + 1);
    state.set_lease(lease);
    state.set_receiver(context->user);
    state.set_received_ms(context->now_ms());
    state.set_due_ms(context->now_ms() + lease_ms);
    state.clear_came_back();
    v1::Delivery* delivery = receive->add_messages();
    delivery->set_id(located.message_id);
    delivery->set_attempt(state.attempt());
    if (context->keep_bodies || command.auto_ack()) {
      auto envelope = context->Get<v1::Envelope>(keys::Envelope(located.message_id));
      MOM_CHECK(envelope.has_value(), command.queue(), located.message_id);
      *delivery->mutable_envelope() = *std::move(envelope);
    }
    if (command.auto_ack()) {
      Discard(context, *queue, located.message_id, state);
      continue;
    }
    delivery->set_lease(lease);
    delivery->set_lease_until_ms(state.due_ms());
    PutLeased(context, *queue, located.message_id, state);
  }
  return reply;
}

}  // namespace mom::broker
