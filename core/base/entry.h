// Entry: one record of the log, as the core, the log and the broker see it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace mom {

// What the payload is. Values are stored in the log: never reuse or renumber.
enum class EntryKind : uint8_t {
  kLeaderChange = 1,  // First entry of every epoch; payload: the leader's node id, decimal.
  kCommand = 2,       // Payload: serialised mom.v1.Command, for the broker.
  kClock = 3,         // No payload; the timestamp lets leases, delays and time-to-live run out.
  kVoters = 4,        // Payload: the voter set from here on.
};

constexpr bool IsKnownKind(uint8_t kind) {
  return kind >= 1 && kind <= 4;
}

// Largest payload of an entry in bytes; an entry always travels whole.
inline constexpr size_t kEntryPayloadBytesMax = 4u << 20;

// A plain value. The payload is immutable and shared, so copying an entry copies no bytes.
struct Entry {
  Offset offset;
  Epoch epoch;
  Timestamp timestamp;
  EntryKind kind = EntryKind::kCommand;
  std::shared_ptr<const std::string> payload;  // Never null once in the log; may be empty.

  std::string_view bytes() const { return payload ? std::string_view(*payload) : std::string_view(); }
};

}  // namespace mom
