// What stands behind every value that the view stores: a checksum of key and value. docs/view_format.md.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mom::replication {

inline constexpr size_t kValueChecksumBytes = 4;

// Makes `stored` the bytes of `value` with the checksum behind them.
void StoreValue(std::string_view key, std::string_view value, std::string* stored);

// The value in `stored`, a part of it; empty when it is not what was stored under `key`.
std::optional<std::string_view> StoredValue(std::string_view key, std::string_view stored);

}  // namespace mom::replication
