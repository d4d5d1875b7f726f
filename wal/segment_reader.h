// SegmentReader: walks over the records of one segment and checks each of them.
#pragma once

#include <string>
#include <string_view>

#include "wal/env.h"
#include "wal/record.h"
#include "wal/segment_scan.h"

namespace mom::wal {

// Not thread-safe. `file` must outlive it. After a non-ok status it must not be used.
class SegmentReader {
 public:
  // Starts at `from`. `name` is for messages, `end_position` lies behind the last record, and `chunk_bytes`
  // are read from the file at a time, more for a larger record.
  SegmentReader(File* file, std::string name, uint64_t key, const IndexPoint& from, uint64_t end_position,
                size_t chunk_bytes);

  // Whether a record follows.
  bool HasNext() const { return position_ < end_position_; }
  // Byte position and chain in front of the next record.
  uint64_t position() const { return position_; }
  const ChainPoint& chain() const { return chain_; }

  // Checks the next record and moves behind it; `record` is valid until the next call. kCorruption names
  // file and byte. REQUIRES: HasNext().
  Status Next(RecordHeaderBytes* header, std::string_view* record);

 private:
  Status Fill(size_t bytes);  // Makes the buffer hold at least `bytes` from position_ on.
  std::string_view Buffered() const;
  Status Damaged(std::string_view what) const;

  File* const file_;
  const std::string name_;
  const uint64_t key_;
  const uint64_t end_position_;
  const size_t chunk_bytes_;
  uint64_t position_;
  ChainPoint chain_;
  std::string buffer_;
  uint64_t buffer_position_;
};

}  // namespace mom::wal
