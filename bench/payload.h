// Payloads that carry their own proof: a receiver sees whether one is whole, from this run, and which it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mom::bench {

// Letters, digits, '-' and '_' only, so that a payload stands in JSON as it is:
//   8 hex digits of the run, 16 of the number, filler that differs from payload to payload and does not
//   compress well, 16 hex digits of XXH3 over everything before.
inline constexpr size_t kPayloadBytesMin = 8 + 16 + 16;

enum class PayloadVerdict { kOk, kCorrupted, kForeign };

class PayloadFormat {
 public:
  // REQUIRES: bytes >= kPayloadBytesMin.
  PayloadFormat(uint32_t run, size_t bytes) : run_(run), bytes_(bytes) {}

  size_t bytes() const { return bytes_; }
  // Writes bytes() characters.
  void Write(uint64_t number, char* out) const;
  // kForeign: whole, but not of this run. `*number` is set when kOk.
  PayloadVerdict Read(std::string_view payload, uint64_t* number) const;

 private:
  uint32_t run_;
  size_t bytes_;
};

}  // namespace mom::bench
