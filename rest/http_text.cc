#include "rest/http_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace mom::rest {
namespace {

constexpr bool IsTokenChar(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr std::array<bool, 256> kTokenTable = [] {
  std::array<bool, 256> table{};
  for (size_t i = 0; i < 256; ++i) table[i] = i < 128 && i != 0 && IsTokenChar(static_cast<char>(i));
  return table;
}();

}  // namespace

char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(),
                                                   [](char a, char b) { return LowerAscii(a) == b; });
}

bool IsHttpToken(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return kTokenTable[static_cast<uint8_t>(c)]; });
}

bool HasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

std::string_view TakeElement(std::string_view* list, char separator) {
  const std::string_view element = list->substr(0, list->find(separator));
  list->remove_prefix(std::min(list->size(), element.size() + 1));
  return TrimSpaces(element);
}

bool ListHas(std::string_view list, std::string_view lower) {
  while (!list.empty())
    if (EqualsIgnoringCase(TakeElement(&list), lower)) return true;
  return false;
}

}  // namespace mom::rest
