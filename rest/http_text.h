// Small rules of HTTP's text (RFC 9110 5.6). ASCII only: no locale has a say. Inline where every byte of a
// request passes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mom::rest {

inline constexpr std::array<bool, 256> kHttpTokenBytes = [] {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  std::array<bool, 256> table{};
  for (size_t i = 1; i < 128; ++i) {
    const char c = static_cast<char>(i);
    table[i] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kSigns.find(c) != std::string_view::npos;
  }
  return table;
}();

constexpr char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Without spaces and tabs around it.
constexpr std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Whether it may be the name of a header.
inline bool IsHttpToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return kHttpTokenBytes[static_cast<uint8_t>(c)]; });
}

// Anything below a space but a tab, or DEL.
inline bool HasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

// REQUIRES: `lower` has no capital letters.
bool EqualsIgnoringCase(std::string_view text, std::string_view lower);
// The first element of a list that commas part, trimmed; takes it and its comma off `*list`.
std::string_view TakeElement(std::string_view* list, char separator = ',');
// Whether the comma-separated `list` holds `lower`.
bool ListHas(std::string_view list, std::string_view lower);

}  // namespace mom::rest
