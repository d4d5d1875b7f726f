// Values as text for one line of a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace mom::replay {

// "2026-01-31T23:59:59.123Z".
std::string ToRfc3339(Timestamp time);
// 16 hexadecimal digits.
std::string ToHex(uint64_t value);
// Bytes outside of printable ASCII, spaces, quotes and backslashes as \xNN; cut behind `bytes_max` bytes.
std::string Escape(std::string_view bytes, size_t bytes_max);
// The same in quotes, with spaces as they are, and not cut.
std::string Quote(std::string_view bytes);
bool IsUtf8(std::string_view bytes);
std::string ToBase64(std::string_view bytes);

}  // namespace mom::replay
