// The rule that tells a torn tail from damage. See docs/adr/0002-torn-or-damaged.md.
#pragma once

#include <string_view>

namespace mom::wal {

// What lies behind the last good record of a segment.
enum class Found {
  kNothing,     // Zeros up to the end of the file.
  kHole,        // A piece of the next record never reached the disk: one of its sectors is empty.
  kDamage,      // All of the next record was written once, and its bytes are wrong.
  kWrongPlace,  // A whole record, but not the one that belongs here.
  kTruncation,  // The end that an interrupted truncation asked for.
};

enum class Decision {
  kEnd,         // The log ends here.
  kCut,         // The same, and what lies behind is zeroed.
  kCorruption,  // Refuse.
};

// `last_segment`: no later segment exists. `known_durable`: something proves that the record which should
// start here was durable once.
Decision Decide(Found found, bool last_segment, bool known_durable);

// For messages: "bad bytes in a completely written record".
std::string_view FoundText(Found found);

}  // namespace mom::wal
