// Ids, receipts and cursors as clients see them: text that they hand back as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mom/v1/commands.pb.h"

namespace mom::rest {

inline constexpr size_t kIdChars = 16;
inline constexpr size_t kReceiptChars = 2 * kIdChars + 1;

// 16 lower-case hexadecimal digits.
void AppendId(uint64_t id, std::string* out);
std::string FormatId(uint64_t id);
std::optional<uint64_t> ParseId(std::string_view text);

// "MESSAGE-LEASE", both as ids.
std::string FormatReceipt(uint64_t id, uint64_t lease);
std::optional<v1::Receipt> ParseReceipt(std::string_view text);

// Any bytes as lower-case hexadecimal digits, for cursors.
std::string EncodeCursor(std::string_view position);
std::optional<std::string> DecodeCursor(std::string_view cursor);

}  // namespace mom::rest
