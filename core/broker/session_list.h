// The sessions of one user in the order in which they were made: what a list shows and what a limit needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/broker/view.h"

namespace mom::broker {

struct ListedSession {
  uint64_t id = 0;
  int64_t expires_ms = 0;
  std::string token_hash;
};

// Oldest first, from the first id that is not below `from`; at most `max`. One that is over is listed until a
// clock entry ends it.
std::vector<ListedSession> ListSessions(const ViewReader& view, std::string_view user, uint64_t from,
                                        size_t max);

// The value beside a session's id in that list.
std::string SessionOfValue(int64_t expires_ms, std::string_view token_hash);

}  // namespace mom::broker
