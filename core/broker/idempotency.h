// Idempotency: the answer to a keyed request that was done is kept in the view and given again for a repeat,
// by whatever node, for 24 hours or the newest million keys. Refusals are not kept: they changed nothing, and
// what stood in the way may be gone when the request comes again.
#pragma once

#include <optional>

#include "core/broker/context.h"

namespace mom::broker {

// The answer to a repeat: the stored reply, or a refusal when the key came with another request. Nothing when
// the key is new or `command` has none.
std::optional<v1::Reply> FindReplay(const Context& context, const v1::Command& command);

// Keeps `reply` for repeats. Does nothing when `command` has no key. REQUIRES: `reply` is no refusal.
void RememberReply(Context* context, const v1::Command& command, const v1::Reply& reply);

// Drops keys beyond the window, a bounded number at a time.
void ForgetOldKeys(Context* context);

}  // namespace mom::broker
