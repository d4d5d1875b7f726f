#include "core/broker/arrival.h"

#include <utility>

#include "core/broker/keys.h"

namespace mom::broker {

Entrance EntranceOf(Context* context, const QueueHandle& queue, uint64_t messages, uint64_t bytes) {
  const v1::QueueSettings& settings = queue.record.settings();
  if (settings.closed()) return Entrance::kClosed;
  const v1::QueueCounts& counts = context->State(queue.id())->counts();
  if (settings.max_messages() != 0 && MessageCount(counts) + messages > settings.max_messages())
    return Entrance::kFull;
  if (settings.max_bytes() != 0 && counts.bytes() + bytes > settings.max_bytes()) return Entrance::kFull;
  return Entrance::kOpen;
}

void Arrive(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state,
            const Terms& terms) {
  const int64_t ttl_ms = terms.ttl_ms != 0 ? terms.ttl_ms : queue.record.settings().ttl_ms();
  if (ttl_ms > 0) {
    state.set_expires_ms(context->now_ms() + ttl_ms);
    context->Mark(keys::Timer(state.expires_ms(), keys::kTimerExpire, keys::Pair(queue.id(), message_id)));
  }
  auto* counts = context->State(queue.id())->mutable_counts();
  counts->set_bytes(counts->bytes() + state.bytes());
  const int64_t not_before_ms = terms.delay_ms != 0 ? context->now_ms() + terms.delay_ms : 0;
  Place(context, queue, message_id, std::move(state), not_before_ms);
}

}  // namespace mom::broker
