// ChunkedBody: takes a request body that comes in chunks (RFC 9112 7.1) out of its frame.
//
// Strict, for a proxy before us must see the same end of the request: a size is 1 to 16 hexadecimal digits,
// lines end in CR LF, the data of a chunk ends exactly where it says. Extensions and trailers are checked for
// their form, bounded and thrown away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mom::rest {

struct ChunkedLimits {
  size_t body_bytes_max = 0;
  size_t extension_bytes_max = 0;  // Of all chunks of a body.
  size_t trailer_bytes_max = 0;
};

// Not thread-safe. The same bytes give the same result however they are cut.
class ChunkedBody {
 public:
  enum class State {
    kNeedMore,  // All bytes taken.
    kDone,      // The body and its trailers are complete.
    kRefused,   // See refusal().
  };
  enum class Refusal { kNone, kMalformed, kBodyTooLarge, kExtensionsTooLarge, kTrailersTooLarge };

  // For the next body.
  void Start() { *this = ChunkedBody(); }
  // Appends data of `bytes` to `*body` and adds to `*consumed` what was taken. REQUIRES: the last call
  // returned kNeedMore, or Start() was called since.
  State Feed(std::string_view bytes, const ChunkedLimits& limits, size_t* consumed, std::string* body);

  Refusal refusal() const { return refusal_; }
  // At least so many bytes are still to come. 0 once done.
  size_t bytes_missing() const;

 private:
  enum class Phase { kSize, kData, kDataEnd, kTrailer, kDone };

  // Up to the end of a line of at most `bytes_max`, with it. False: there is no end yet, or never (refused).
  bool TakeLine(std::string_view* bytes, size_t bytes_max, Refusal beyond);
  bool ReadSize(const ChunkedLimits& limits, size_t body_bytes);
  bool ReadTrailer(const ChunkedLimits& limits);
  bool Refuse(Refusal refusal);

  Phase phase_ = Phase::kSize;
  Refusal refusal_ = Refusal::kNone;
  std::string line_;           // Without its end once TakeLine() is true.
  uint64_t data_missing_ = 0;  // Of the chunk.
  size_t end_seen_ = 0;        // Bytes of the CR LF behind the data.
  size_t extension_bytes_ = 0;
  size_t trailer_bytes_ = 0;
};

}  // namespace mom::rest
