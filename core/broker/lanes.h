// Lanes: the ready messages of a queue by priority, found without walking over deleted keys.
//
// A message at or above the lane's head is "fresh" and lies in table kReady; one that comes back below the
// head lies in table kReturned with a lower bound of its own. Taking always takes the smallest id of both.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/broker/context.h"

namespace mom::broker {

// Stores `state` as ready under its priority and counts it in its lane.
void AddToLane(Context* context, uint64_t queue_id, uint64_t message_id, const v1::MessageState& state);

// `table` is where it lies: kReady or kReturned.
void RemoveFromLane(Context* context, uint64_t queue_id, char table, uint64_t message_id, uint32_t priority);

// Calls `visit(table, id, state)` for ready messages in order of delivery until it returns false. `visit`
// must not change the view or the queue's lanes: collect first, then change.
void VisitReady(const ViewReader& view, uint64_t queue_id, const v1::QueueState& queue,
                const std::function<bool(char, uint64_t, const v1::MessageState&)>& visit);

// The one that was sent first of those that wait to be received: ready, or blocked by others of their group.
std::optional<uint64_t> OldestWaiting(const ViewReader& view, uint64_t queue_id, const v1::QueueState& queue);

// Whether `changes` touch a message that is or becomes ready or blocked, up to `message_id`: if not, and that
// one was the oldest, it still is. Costs a few look-ups, however many changes there are.
bool ChangesWaitingUpTo(const ViewBatch& changes, uint64_t queue_id, uint64_t message_id);

// Everything ready below or at `last` in the lane of `priority` has been taken: moves the bounds up.
void AdvanceLane(v1::QueueState* queue, uint32_t priority, uint64_t last);

}  // namespace mom::broker
