#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr size_t kCursorCharsMax = 1024;

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

void AppendId(uint64_t id, std::string* out) {
  char digits[kIdChars];
  for (size_t i = kIdChars; i-- > 0; id >>= 4) digits[i] = kHex[id & 15];
  out->append(digits, kIdChars);
}

std::string FormatId(uint64_t id) {
  std::string text;
  AppendId(id, &text);
  return text;
}

std::optional<uint64_t> ParseId(std::string_view text) {
  if (text.size() != kIdChars) return std::nullopt;
  uint64_t id = 0;
  for (char c : text) {
    const int digit = Digit(c);
    if (digit < 0) return std::nullopt;
    id = id << 4 | static_cast<uint64_t>(digit);
  }
  return id;
}

std::string FormatReceipt(uint64_t id, uint64_t lease) {
  std::string text;
  AppendId(id, &text);
  text.push_back('-');
  AppendId(lease, &text);
  return text;
}

std::optional<v1::Receipt> ParseReceipt(std::string_view text) {
  if (text.size() != kReceiptChars || text[kIdChars] != '-') return std::nullopt;
  const auto id = ParseId(text.substr(0, kIdChars));
  const auto lease = ParseId(text.substr(kIdChars + 1));
  if (!id || !lease) return std::nullopt;
  v1::Receipt receipt;
  receipt.set_id(*id);
  receipt.set_lease(*lease);
  return receipt;
}

std::string EncodeCursor(std::string_view position) {
  std::string cursor;
  cursor.reserve(2 * position.size());
  for (char c : position) {
    const auto byte = static_cast<unsigned char>(c);
    cursor.push_back(kHex[byte >> 4]);
    cursor.push_back(kHex[byte & 15]);
  }
  return cursor;
}

std::optional<std::string> DecodeCursor(std::string_view cursor) {
  if (cursor.empty() || cursor.size() % 2 != 0 || cursor.size() > kCursorCharsMax) return std::nullopt;
  std::string position;
  for (size_t i = 0; i < cursor.size(); i += 2) {
    const int high = Digit(cursor[i]);
    const int low = Digit(cursor[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    position.push_back(static_cast<char>(high * 16 + low));
  }
  return position;
}

}  // namespace mom::rest
