// Small text rules of the REST contract: names, base64, times, UTF-8. All are pure and thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace mom::rest {

inline constexpr size_t kNameCharsMax = 128;

// 1 to 128 of A-Z a-z 0-9 . _ -, starting with a letter or digit.
bool IsName(std::string_view text);

// Whether `text` is UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

// Bytes of the UTF-8 sequence that begins at `i`, or 0 when none does. REQUIRES: i < text.size().
size_t Utf8SequenceBytes(std::string_view text, size_t i);

// Whether UTF-8 `text` holds a control character (C0, DEL or C1).
bool HasControlCharacter(std::string_view text);

// Code points of UTF-8 `text`.
size_t CountCharacters(std::string_view text);

// Of a password that is set, counted in characters.
inline constexpr size_t kPasswordCharsMin = 8;
inline constexpr size_t kPasswordCharsMax = 128;
// Whether UTF-8 `text` has so many.
bool HasPasswordLength(std::string_view text);

// Standard alphabet with padding (RFC 4648, section 4).
std::string EncodeBase64(std::string_view bytes);
// Strict: no spaces or line breaks, padding required, unused bits zero. False leaves `*bytes` unspecified.
bool DecodeBase64(std::string_view text, std::string* bytes);

// "2026-01-31T23:59:59.007Z". Years outside 0 to 9999 are clamped to that range.
std::string FormatTimestamp(Timestamp time);

}  // namespace mom::rest
