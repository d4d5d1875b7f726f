// Gunzip: bytes of a gzip stream (RFC 1952) unpacked, up to a limit.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mom::rest {

enum class Gunzipped { kWhole, kTooLarge, kDamaged };

// Unpacks `packed`, one gzip member or several in a row, into `*bytes`. Never makes more than `bytes_max`
// bytes, and holds little more memory than it has made: kTooLarge when there would be more. kDamaged: not
// gzip, cut off, followed by something else, or its checksum is wrong. `*bytes` is unspecified unless kWhole.
// Thread-safe.
Gunzipped Gunzip(std::string_view packed, size_t bytes_max, std::string* bytes);

}  // namespace mom::rest
