#include "infra/replay/text.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace mom::replay {
namespace {

constexpr int64_t kMsMax = 253402300799999;  // The end of the year 9999.

// Bytes of the UTF-8 sequence that starts `bytes`, or 0 when there is none.
size_t SequenceBytes(std::string_view bytes) {
  const auto at = [&bytes](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xc2 && lead < 0xe0   ? 2
                      : lead >= 0xe0 && lead < 0xf0 ? 3
                      : lead >= 0xf0 && lead < 0xf5 ? 4
                                                    : 0;
  if (size == 0 || bytes.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  }
  // Neither longer than needed, nor a surrogate, nor behind the last code point.
  const bool bad = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xed && at(1) > 0x9f) ||
                   (lead == 0xf0 && at(1) < 0x90) || (lead == 0xf4 && at(1) > 0x8f);
  return bad ? 0 : size;
}

// Bytes from `first_shown` to '~' stay as they are, but for quotes and backslashes.
std::string EscapeAll(std::string_view bytes, unsigned char first_shown) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= first_shown && byte < 0x7f && c != '\\' && c != '"') {
      text.push_back(c);
      continue;
    }
    text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text;
}

}  // namespace

std::string ToRfc3339(Timestamp time) {
  if (time.ms < 0 || time.ms > kMsMax) return std::to_string(time.ms) + "ms";
  const auto seconds = static_cast<std::time_t>(time.ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(time.ms % 1000));
  return std::string(date.data()) + fraction.data();
}

std::string ToHex(uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

std::string Escape(std::string_view bytes, size_t bytes_max) {
  std::string text = EscapeAll(bytes.substr(0, bytes_max), 0x21);
  if (bytes.size() > bytes_max) text += "...";
  return text;
}

std::string Quote(std::string_view bytes) {
  return std::string(1, '"').append(EscapeAll(bytes, 0x20)).append(1, '"');
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t size = SequenceBytes(bytes);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

std::string ToBase64(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      text.push_back(i + j <= bytes.size() ? kAlphabet[group >> (18 - 6 * j) & 63] : '=');
    }
  }
  return text;
}

}  // namespace mom::replay
