#include "rest/names.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace mom::rest {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNotBase64 = 0xff;

constexpr std::array<uint8_t, 256> kReverse = [] {
  std::array<uint8_t, 256> table{};
  table.fill(kNotBase64);
  for (size_t i = 0; i < kAlphabet.size(); ++i)
    table[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  return table;
}();

constexpr bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

uint8_t Byte(std::string_view text, size_t i) {
  return static_cast<uint8_t>(text[i]);
}

void AppendDigits(int64_t value, size_t digits, std::string* out) {
  const size_t begin = out->size();
  out->append(digits, '0');
  for (size_t i = begin + digits; i > begin; --i, value /= 10)
    (*out)[i - 1] = static_cast<char>('0' + value % 10);
}

}  // namespace

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > kNameCharsMax || !IsAlphanumeric(text[0])) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

size_t Utf8SequenceBytes(std::string_view text, size_t i) {
  const auto continues = [&](size_t at, uint8_t low, uint8_t high) {
    return at < text.size() && Byte(text, at) >= low && Byte(text, at) <= high;
  };
  const uint8_t lead = Byte(text, i);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(i + 1, 0x80, 0xbf) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const uint8_t low = lead == 0xe0 ? 0xa0 : 0x80;   // No overlong forms.
    const uint8_t high = lead == 0xed ? 0x9f : 0xbf;  // No surrogates.
    return continues(i + 1, low, high) && continues(i + 2, 0x80, 0xbf) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const uint8_t low = lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xf4 ? 0x8f : 0xbf;  // Up to U+10FFFF.
    return continues(i + 1, low, high) && continues(i + 2, 0x80, 0xbf) && continues(i + 3, 0x80, 0xbf) ? 4
                                                                                                       : 0;
  }
  return 0;
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8SequenceBytes(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

bool HasControlCharacter(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t byte = Byte(text, i);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && Byte(text, i + 1) < 0xa0) return true;  // C1.
  }
  return false;
}

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool HasPasswordLength(std::string_view text) {
  const size_t characters = CountCharacters(text);
  return characters >= kPasswordCharsMin && characters <= kPasswordCharsMax;
}

std::string EncodeBase64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  size_t out = 0;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = uint32_t{Byte(bytes, i)} << 16;
    if (have > 1) group |= uint32_t{Byte(bytes, i + 1)} << 8;
    if (have > 2) group |= Byte(bytes, i + 2);
    for (size_t k = 0; k <= have; ++k) text[out + k] = kAlphabet[(group >> (18 - 6 * k)) & 63];
    out += 4;
  }
  return text;
}

bool DecodeBase64(std::string_view text, std::string* bytes) {
  bytes->clear();
  if (text.size() % 4 != 0) return false;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes->resize(text.size() / 4 * 3 - padding);
  size_t out = 0;
  for (size_t i = 0; i < text.size(); i += 4) {
    const size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    uint32_t group = 0;
    uint32_t bad = 0;
    for (size_t k = 0; k < digits; ++k) {
      const uint8_t value = kReverse[Byte(text, i + k)];
      bad |= value & 0x80;
      group |= uint32_t{value & 63u} << (18 - 6 * k);
    }
    const uint32_t unused = digits == 4 ? 0 : digits == 3 ? 0xff : 0xffff;
    if (bad != 0 || (group & unused) != 0) return false;
    for (size_t k = 0; k + 1 < digits; ++k)
      (*bytes)[out++] = static_cast<char>((group >> (16 - 8 * k)) & 0xff);
  }
  return true;
}

std::string FormatTimestamp(Timestamp time) {
  constexpr int64_t kDayMs = 86'400'000;
  constexpr int64_t kFirstMs = -62'167'219'200'000;  // 0000-01-01T00:00:00.000Z
  constexpr int64_t kLastMs = 253'402'300'799'999;   // 9999-12-31T23:59:59.999Z
  const int64_t since_year_0 = std::clamp(time.ms, kFirstMs, kLastMs) - kFirstMs;
  const int64_t ms = since_year_0 % kDayMs;
  // Civil date from days, counting from 0000-03-01 so that the leap day is a year's last; moved by one era
  // of 400 years so that nothing is negative.
  const int64_t days = since_year_0 / kDayMs - 60 + 146'097;
  const int64_t era = days / 146'097;
  const int64_t day_of_era = days % 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = (era - 1) * 400 + year_of_era + (month <= 2 ? 1 : 0);
  std::string out;
  out.reserve(24);
  const auto part = [&out](int64_t value, size_t digits, char behind) {
    AppendDigits(value, digits, &out);
    out.push_back(behind);
  };
  part(year, 4, '-');
  part(month, 2, '-');
  part(day, 2, 'T');
  part(ms / 3'600'000, 2, ':');
  part(ms / 60'000 % 60, 2, ':');
  part(ms / 1000 % 60, 2, '.');
  part(ms % 1000, 3, 'Z');
  return out;
}

}  // namespace mom::rest
