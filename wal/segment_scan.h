// Scans all records of one segment when the log is opened.
#pragma once

#include <string_view>
#include <vector>

#include "wal/record.h"
#include "wal/tail_rule.h"
#include "wal/wal.h"

namespace mom::wal {

// A place where reading can start: the record at `position` has offset `before.next`.
struct IndexPoint {
  uint64_t position = 0;
  ChainPoint before;
};

// At least so many bytes lie between two index points.
inline constexpr uint64_t kIndexStepBytes = 32u << 10;

struct SegmentScan {
  uint64_t records = 0;
  ChainPoint end;                     // Behind the last good record.
  uint64_t end_position = 0;          // The same in bytes.
  uint64_t used_end = 0;              // Behind the last byte of the file that is not zero; >= end_position.
  std::vector<IndexPoint> index;      // Never empty.
  Found found = Found::kNothing;      // Behind the last good record.
  Offset proven_end;                  // Everything below was durable, says some record header of the segment.
  std::vector<EpochBegin> epochs;     // Those that begin in this segment.
  std::vector<Entry> voters_entries;  // Those of kind kVoters.
};

// `file` is the whole segment with a good header. Stops before the record of offset `stop`.
SegmentScan ScanSegment(std::string_view file, const SegmentHeader& header, uint64_t key, Offset stop);

}  // namespace mom::wal
