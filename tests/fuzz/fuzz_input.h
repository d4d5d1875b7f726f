// FuzzInput: the bytes of one run, taken from the front; behind their end everything reads as zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mom::fuzz {

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  uint8_t Byte() {
    const std::string_view byte = Take(1);
    return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
  }
  // Eight bytes.
  uint64_t Number() {
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | Byte();
    return number;
  }
  // At most `count` bytes.
  std::string_view Take(size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // A byte says how many.
  std::string_view TakeText() { return Take(Byte()); }
  std::string_view TakeRest() { return Take(rest_.size()); }

 private:
  std::string_view rest_;
};

}  // namespace mom::fuzz
