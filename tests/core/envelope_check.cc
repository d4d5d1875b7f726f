#include "tests/core/envelope_check.h"

#include <algorithm>

#include "core/broker/header_names.h"
#include "core/broker/limits.h"

namespace mom::broker::test {

std::string CheckEnvelope(const v1::Envelope& envelope) {
  const auto kept = static_cast<uint32_t>(envelope.dead_letters_size());
  if (kept != std::min<uint32_t>(envelope.dead_letter_count(), kDeadLettersKept)) return "history of moves";
  if (!RepeatedHeader(envelope.headers()).empty()) return "a header twice";
  for (const auto& header : envelope.headers())
    if (IsReservedHeader(header.name())) return "a forged header";
  return "";
}

}  // namespace mom::broker::test
