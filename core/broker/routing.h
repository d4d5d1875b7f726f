// Routing: from a topic's name to the queues that get its messages.
#pragma once

#include <string_view>
#include <vector>

#include "core/broker/message_store.h"

namespace mom::broker {

// Words are separated by dots; in a pattern `*` is exactly one word and `#` any number of them, also none.
bool MatchesPattern(std::string_view pattern, std::string_view topic);
bool IsPattern(std::string_view pattern);

// The queues of all subscriptions to the topic or to a pattern that matches it, those to the topic first; no
// queue twice.
std::vector<QueueHandle> Route(const Context& context, const std::string& topic);

}  // namespace mom::broker
