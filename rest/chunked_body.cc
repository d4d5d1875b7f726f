#include "rest/chunked_body.h"

#include <algorithm>

#include "rest/http_text.h"

namespace mom::rest {
namespace {

constexpr size_t kDigitsMax = 16;
constexpr std::string_view kLineEnd = "\r\n";
constexpr size_t kLastChunkBytes = 5;  // "0", and two ends of lines.

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool ChunkedBody::Refuse(Refusal refusal) {
  refusal_ = refusal;
  return false;
}

size_t ChunkedBody::bytes_missing() const {
  if (phase_ == Phase::kDone) return 0;
  if (phase_ == Phase::kData) return data_missing_ + kLineEnd.size() + kLastChunkBytes;
  return 1;
}

// A line that is too long is refused where its byte too much is, whether that came with the others or alone.
bool ChunkedBody::TakeLine(std::string_view* bytes, size_t bytes_max, Refusal beyond) {
  const size_t end = bytes->find('\n');
  const size_t taken = end == std::string_view::npos ? bytes->size() : end + 1;
  if (line_.size() + taken > bytes_max) return Refuse(beyond);
  line_.append(bytes->substr(0, taken));
  bytes->remove_prefix(taken);
  if (end == std::string_view::npos) return false;
  if (!line_.ends_with(kLineEnd)) return Refuse(Refusal::kMalformed);
  line_.resize(line_.size() - kLineEnd.size());
  return true;
}

// 1*HEXDIG [ BWS ";" extensions ]
bool ChunkedBody::ReadSize(const ChunkedLimits& limits, size_t body_bytes) {
  uint64_t size = 0;
  size_t digits = 0;
  for (; digits < line_.size() && HexDigit(line_[digits]) >= 0; ++digits) {
    if (digits == kDigitsMax) return Refuse(Refusal::kMalformed);
    size = size * 16 + static_cast<uint64_t>(HexDigit(line_[digits]));
  }
  if (digits == 0) return Refuse(Refusal::kMalformed);
  const std::string_view rest = std::string_view(line_).substr(digits);
  if (!rest.empty()) {
    const size_t mark = rest.find_first_not_of(" \t");
    if (mark == std::string_view::npos || rest[mark] != ';' || HasControlByte(rest))
      return Refuse(Refusal::kMalformed);
    extension_bytes_ += rest.size();
    if (extension_bytes_ > limits.extension_bytes_max) return Refuse(Refusal::kExtensionsTooLarge);
  }
  if (size > limits.body_bytes_max || body_bytes > limits.body_bytes_max - size)
    return Refuse(Refusal::kBodyTooLarge);
  data_missing_ = size;
  phase_ = size == 0 ? Phase::kTrailer : Phase::kData;
  line_.clear();
  return true;
}

bool ChunkedBody::ReadTrailer(const ChunkedLimits& limits) {
  if (line_.empty()) {
    phase_ = Phase::kDone;
    return true;
  }
  const size_t colon = line_.find(':');
  if (colon == std::string::npos || !IsHttpToken(std::string_view(line_).substr(0, colon)) ||
      HasControlByte(std::string_view(line_).substr(colon + 1)))
    return Refuse(Refusal::kMalformed);
  trailer_bytes_ += line_.size() + kLineEnd.size();
  if (trailer_bytes_ > limits.trailer_bytes_max) return Refuse(Refusal::kTrailersTooLarge);
  line_.clear();
  return true;
}

ChunkedBody::State ChunkedBody::Feed(std::string_view bytes, const ChunkedLimits& limits, size_t* consumed,
                                     std::string* body) {
  const size_t given = bytes.size();
  while (phase_ != Phase::kDone && refusal_ == Refusal::kNone && !bytes.empty()) {
    switch (phase_) {
      case Phase::kSize: {
        const size_t line_max = kDigitsMax + limits.extension_bytes_max - extension_bytes_ + kLineEnd.size();
        if (TakeLine(&bytes, line_max, Refusal::kExtensionsTooLarge)) ReadSize(limits, body->size());
        break;
      }
      case Phase::kData: {
        const auto take = static_cast<size_t>(std::min<uint64_t>(bytes.size(), data_missing_));
        body->append(bytes.substr(0, take));
        bytes.remove_prefix(take);
        data_missing_ -= take;
        if (data_missing_ == 0) phase_ = Phase::kDataEnd;
        break;
      }
      case Phase::kDataEnd:
        if (bytes.front() != kLineEnd[end_seen_]) {
          Refuse(Refusal::kMalformed);
          break;
        }
        bytes.remove_prefix(1);
        if (++end_seen_ == kLineEnd.size()) {
          end_seen_ = 0;
          phase_ = Phase::kSize;
        }
        break;
      case Phase::kTrailer: {
        const size_t line_max = limits.trailer_bytes_max - trailer_bytes_ + kLineEnd.size();
        if (TakeLine(&bytes, line_max, Refusal::kTrailersTooLarge)) ReadTrailer(limits);
        break;
      }
      case Phase::kDone:
        break;
    }
  }
  *consumed += given - bytes.size();
  if (refusal_ != Refusal::kNone) return State::kRefused;
  return phase_ == Phase::kDone ? State::kDone : State::kNeedMore;
}

}  // namespace mom::rest
