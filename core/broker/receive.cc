#include <algorithm>

#include "core/broker/access.h"
#include "core/broker/dead_letters.h"
#include "core/broker/keys.h"
#include "core/broker/lanes.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"

namespace mom::broker {
namespace {

// What will be handed out, and what ran out of time on the way.
struct Choice {
  std::vector<Located> taken;
  std::vector<std::string> envelopes;  // Of `taken`, serialised; empty when the answer carries none.
  std::vector<Located> expired;
};

std::string ReadEnvelope(const Context& context, uint64_t message_id) {
  auto bytes = context.reader().Get(keys::Envelope(message_id));
  MOM_CHECK(bytes.has_value(), message_id);
  return *std::move(bytes);
}

Choice Choose(Context* context, uint64_t queue_id, uint32_t max, uint64_t bytes_max, bool with_envelopes) {
  Choice choice;
  uint64_t bytes = 0;
  VisitReady(context->reader(), queue_id, *context->State(queue_id),
             [&](char table, uint64_t id, const v1::MessageState& state) {
               if (state.expires_ms() != 0 && state.expires_ms() <= context->now_ms()) {
                 choice.expired.push_back(Located{table, id, state});
                 return choice.expired.size() < kBatchMessagesMax;
               }
               std::string envelope;
               if (with_envelopes) envelope = ReadEnvelope(*context, id);
               const uint64_t weight = with_envelopes ? envelope.size() : state.bytes();
               if (!choice.taken.empty() && bytes + weight > bytes_max) return false;
               bytes += weight;
               if (with_envelopes) choice.envelopes.push_back(std::move(envelope));
               choice.taken.push_back(Located{table, id, state});
               return choice.taken.size() < max;
             });
  return choice;
}

void LiftReady(Context* context, const QueueHandle& queue, const Located& located) {
  Lift(context, queue, located);
  AdvanceLane(context->State(queue.id()), located.state.priority(), located.message_id);
}

// Gives one lifted message to the caller: for good, or until the lease ends.
void HandOut(Context* context, const QueueHandle& queue, const v1::Receive& command, uint64_t lease,
             const Located& located, v1::Delivery* delivery) {
  v1::MessageState state = located.state;
  state.set_attempt(state.attempt() + 1);
  delivery->set_id(located.message_id);
  delivery->set_attempt(state.attempt());
  if (command.auto_ack()) {
    Discard(context, queue, located.message_id, state);
    return;
  }
  const int64_t lease_ms = command.lease_ms() ? command.lease_ms() : queue.record.settings().lease_ms();
  state.set_lease(lease);
  state.set_receiver(context->user);
  state.set_received_ms(context->now_ms());
  state.set_due_ms(context->now_ms() + lease_ms);
  state.clear_came_back();
  delivery->set_lease(lease);
  delivery->set_lease_until_ms(state.due_ms());
  PutLeased(context, queue, located.message_id, state);
}

}  // namespace

v1::Reply Run(Context* context, const v1::Receive& command) {
  QueueHandle queue;
  if (v1::Reply refusal = FindVisible(*context, command.queue(), &queue); refusal.error()) return refusal;
  if (!MayReceive(queue.record, context->user)) {
    return Refuse(v1::ERROR_NOT_ALLOWED, "'" + context->user + "' may not receive from '" + command.queue() +
                                             "'; its creator can grant it");
  }
  if (command.lease_ms() < 0 || command.lease_ms() > kLeaseMsMax) {
    return Refuse(v1::ERROR_MALFORMED, "lease_ms is 1 ms to 12 h");
  }
  const uint32_t max = std::clamp<uint32_t>(command.max(), 1, kBatchMessagesMax);
  const bool with_envelopes = context->keep_bodies || command.auto_ack();
  const Choice choice =
      Choose(context, queue.id(), max, std::min(command.bytes_max(), kReceiveBytesMax), with_envelopes);
  for (const Located& located : choice.expired) LiftReady(context, queue, located);
  for (const Located& located : choice.taken) LiftReady(context, queue, located);
  const uint64_t lease = context->NewPosition();
  for (const Located& located : choice.expired) Expire(context, queue, located.message_id, located.state);
  v1::Reply reply;
  reply.mutable_receive();
  for (size_t i = 0; i < choice.taken.size(); ++i) {
    v1::Delivery* delivery = reply.mutable_receive()->add_messages();
    if (with_envelopes) MOM_CHECK(delivery->mutable_envelope()->ParseFromString(choice.envelopes[i]));
    HandOut(context, queue, command, lease, choice.taken[i], delivery);
  }
  return reply;
}

}  // namespace mom::broker
