#include "rest/zlib_gunzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

namespace mom::rest {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;
constexpr size_t kFirstBytes = 16u << 10;

// Frees zlib's memory on every way out.
class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();  // Nothing else can be wrong.
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream* stream() { return &stream_; }

 private:
  z_stream stream_{};
};

}  // namespace

Gunzipped Gunzip(std::string_view packed, size_t bytes_max, std::string* bytes) {
  constexpr size_t kZlibMax = std::numeric_limits<uInt>::max();
  bytes->clear();
  if (packed.size() > kZlibMax || bytes_max >= kZlibMax) return Gunzipped::kTooLarge;
  Inflater inflater;
  z_stream* stream = inflater.stream();
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib only reads it.
  stream->avail_in = static_cast<uInt>(packed.size());
  size_t made = 0;
  for (;;) {
    if (made == bytes->size()) {  // One byte more than allowed tells that there is more.
      if (made > bytes_max) return Gunzipped::kTooLarge;
      bytes->resize(std::min(bytes_max + 1, std::max(kFirstBytes, 2 * made)));
    }
    stream->next_out = reinterpret_cast<Bytef*>(bytes->data() + made);
    stream->avail_out = static_cast<uInt>(bytes->size() - made);
    const int result = inflate(stream, Z_NO_FLUSH);
    made = bytes->size() - stream->avail_out;
    if (made > bytes_max) return Gunzipped::kTooLarge;
    if (result == Z_STREAM_END) {
      if (stream->avail_in == 0) break;
      if (inflateReset(stream) != Z_OK) return Gunzipped::kDamaged;  // The next member.
    } else if (result != Z_OK) {
      return Gunzipped::kDamaged;  // Z_BUF_ERROR: it ends too early.
    }
  }
  bytes->resize(made);
  return Gunzipped::kWhole;
}

}  // namespace mom::rest
