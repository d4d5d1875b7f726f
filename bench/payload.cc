#include "bench/payload.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <charconv>

#include "core/base/random.h"

namespace mom::bench {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kAlphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_abcdefghijklmnopqrstuvwxyz";
static_assert(sizeof(kAlphabet) == 64 + 1);

char* WriteHex(uint64_t value, int digits, char* out) {
  for (int i = digits - 1; i >= 0; --i) *out++ = kHex[(value >> (4 * i)) & 15];
  return out;
}

bool ReadHex(std::string_view digits, uint64_t* value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *value, 16);
  return error == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

void PayloadFormat::Write(uint64_t number, char* out) const {
  char* at = WriteHex(number, 16, WriteHex(run_, 8, out));
  char* const hash_at = out + bytes_ - 16;
  SplitMix64 random(number ^ (uint64_t{run_} << 32));
  while (at < hash_at) {
    uint64_t bits = random.Next();
    for (int i = 0; i < 10 && at < hash_at; ++i, bits >>= 6) *at++ = kAlphabet[bits & 63];
  }
  WriteHex(XXH3_64bits(out, bytes_ - 16), 16, hash_at);
}

PayloadVerdict PayloadFormat::Read(std::string_view payload, uint64_t* number) const {
  if (payload.size() < kPayloadBytesMin) return PayloadVerdict::kCorrupted;
  const std::string_view hashed = payload.substr(0, payload.size() - 16);
  uint64_t hash = 0;
  uint64_t run = 0;
  if (!ReadHex(payload.substr(hashed.size()), &hash) || hash != XXH3_64bits(hashed.data(), hashed.size()) ||
      !ReadHex(payload.substr(0, 8), &run) || !ReadHex(payload.substr(8, 16), number)) {
    return PayloadVerdict::kCorrupted;
  }
  if (run != run_ || payload.size() != bytes_) return PayloadVerdict::kForeign;
  return PayloadVerdict::kOk;
}

}  // namespace mom::bench
