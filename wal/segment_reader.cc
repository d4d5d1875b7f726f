#include "wal/segment_reader.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace mom::wal {

SegmentReader::SegmentReader(File* file, std::string name, uint64_t key, const IndexPoint& from,
                             uint64_t end_position, size_t chunk_bytes)
    : file_(file),
      name_(std::move(name)),
      key_(key),
      end_position_(end_position),
      chunk_bytes_(std::max(chunk_bytes, kRecordHeaderBytes)),
      position_(from.position),
      chain_(from.before),
      buffer_position_(from.position) {}

Status SegmentReader::Next(RecordHeaderBytes* header, std::string_view* record) {
  MOM_CHECK(HasNext(), position_, end_position_);
  MOM_RETURN_IF_ERROR(Fill(kRecordHeaderBytes));
  const auto decoded = DecodeRecordHeader(Buffered(), key_, position_);
  if (!decoded) return Damaged("bad record header");
  const size_t bytes = RecordBytes(decoded->payload_bytes);
  MOM_RETURN_IF_ERROR(Fill(bytes));
  *record = Buffered().substr(0, bytes);
  if (CheckRecord(*decoded, *record, chain_) != RecordCheck::kGood) return Damaged("bad record");
  *header = *decoded;
  position_ += bytes;
  chain_ = Behind(*decoded);
  return Status();
}

Status SegmentReader::Fill(size_t bytes) {
  if (Buffered().size() >= bytes) return Status();
  if (bytes > end_position_ - position_) return Damaged("record behind the end");
  const uint64_t wanted = std::min<uint64_t>(end_position_ - position_, std::max(bytes, chunk_bytes_));
  Result<std::string> read = file_->ReadAt(position_, wanted);
  if (!read.ok()) return read.status();
  buffer_ = std::move(*read);
  buffer_position_ = position_;
  if (buffer_.size() < bytes) return Damaged("file cut");
  return Status();
}

std::string_view SegmentReader::Buffered() const {
  const uint64_t skip = position_ - buffer_position_;
  if (skip >= buffer_.size()) return {};
  return std::string_view(buffer_).substr(skip);
}

Status SegmentReader::Damaged(std::string_view what) const {
  return Status(Status::kCorruption, name_ + ": " + std::string(what) + " at byte " +
                                         std::to_string(position_) + ", offset " +
                                         std::to_string(chain_.next.value));
}

}  // namespace mom::wal
