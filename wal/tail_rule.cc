#include "wal/tail_rule.h"

#include "core/base/check.h"

namespace mom::wal {
namespace {

enum Answer { kNo, kYes, kAny };

struct Rule {
  Found found;
  Answer last_segment;
  Answer known_durable;
  Decision decision;
};

// The first matching line counts; every combination matches one.
// clang-format off
constexpr Rule kRules[] = {
    // found              last   durable  decision
    {Found::kTruncation,  kAny,  kAny,    Decision::kCut},         // Asked for; whatever lies behind goes.
    {Found::kNothing,     kAny,  kYes,    Decision::kCorruption},  // Zeros where an acknowledged record was.
    {Found::kNothing,     kAny,  kNo,     Decision::kEnd},
    {Found::kHole,        kNo,   kAny,    Decision::kCorruption},  // Closed segments were synced whole.
    {Found::kHole,        kYes,  kYes,    Decision::kCorruption},
    {Found::kHole,        kYes,  kNo,     Decision::kCut},         // The only way a crash leaves a record.
    {Found::kDamage,      kAny,  kAny,    Decision::kCorruption},  // A crash cannot do this.
    {Found::kWrongPlace,  kAny,  kAny,    Decision::kCorruption},  // Nor this.
};
// clang-format on

constexpr bool Matches(Answer wanted, bool actual) {
  return wanted == kAny || (wanted == kYes) == actual;
}

}  // namespace

Decision Decide(Found found, bool last_segment, bool known_durable) {
  for (const Rule& rule : kRules) {
    const bool matches = rule.found == found && Matches(rule.last_segment, last_segment) &&
                         Matches(rule.known_durable, known_durable);
    if (matches) return rule.decision;
  }
  MOM_CHECK(false, static_cast<int>(found), last_segment, known_durable);
  return Decision::kCorruption;
}

std::string_view FoundText(Found found) {
  switch (found) {
    case Found::kNothing:
      return "zeros where a durable record was";
    case Found::kHole:
      return "empty sector in a record that was durable";
    case Found::kDamage:
      return "bad bytes in a completely written record";
    case Found::kWrongPlace:
      return "record of another place";
    case Found::kTruncation:
      return "end of a truncation";
  }
  return "unknown";
}

}  // namespace mom::wal
