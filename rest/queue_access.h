// Finding a queue or topic for a reading request, with the answer when the caller may not.
#pragma once

#include <optional>
#include <string>

#include "core/broker/message_store.h"
#include "core/broker/view.h"
#include "rest/api_call.h"

namespace mom::rest {

// The queue, if it exists and the caller may know of it; else nothing after having answered 404.
std::optional<broker::QueueHandle> FindVisibleQueue(Call& call, const broker::ViewReader& view);
// Likewise, if the caller may look at its messages (owner, receivers, administrators); else 404 or 403.
std::optional<broker::QueueHandle> FindReadableQueue(Call& call, const broker::ViewReader& view);

}  // namespace mom::rest
