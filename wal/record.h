// Writes and reads the bytes of one record and of a segment header. Pure functions, no files.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "wal/log_format.h"

namespace mom::wal {

// What the next record is checked against: the record before it.
struct ChainPoint {
  Offset next;            // Offset that the next record must have.
  Epoch epoch;            // Of the record before; later ones are never lower.
  Timestamp timestamp;    // The same.
  uint64_t checksum = 0;  // Of the record before; seeds the next one.
};

struct SegmentHeader {
  Uuid log_id;
  uint64_t segment_bytes = 0;
  ChainPoint begin;  // begin.next is the first offset of the segment.
};

// The checksum from which the chain of a log without history starts.
uint64_t FirstChecksum(Uuid log_id, Offset start, Epoch epoch, Timestamp timestamp);

// One whole sector. `key` receives the header's checksum, which ties records to their segment.
std::string EncodeSegmentHeader(const SegmentHeader& header, uint64_t* key);
// kCorruption, or kWrongOwner when a newer program wrote it.
Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes, uint64_t* key);

// Appends the record of `entry` to `out`, whose first byte will be at `buffer_position` of the segment with
// `key`, and moves `chain` behind it. REQUIRES: entry.offset == chain->next, epoch and timestamp not lower.
void EncodeRecord(const Entry& entry, Offset durable_end, uint64_t key, size_t buffer_position,
                  ChainPoint* chain, std::string* out);

// The header at `position` of a segment when it is whole and was written for this place; else nothing.
// `bytes` starts at the header.
std::optional<RecordHeaderBytes> DecodeRecordHeader(std::string_view bytes, uint64_t key, size_t position);

// Whether header and payload belong behind `chain`. `record` is exactly the record.
enum class RecordCheck { kGood, kWrongPlace, kBadChecksum };
RecordCheck CheckRecord(const RecordHeaderBytes& header, std::string_view record, const ChainPoint& chain);

// The entry of a record that is kGood.
Entry DecodeEntry(const RecordHeaderBytes& header, std::string_view record);
ChainPoint Behind(const RecordHeaderBytes& header);

// True when some piece of [begin, end), cut at sector boundaries, is entirely zero. `bytes` starts at
// `begin`.
bool HasEmptyPiece(std::string_view bytes, size_t begin);
bool IsZero(std::string_view bytes);

}  // namespace mom::wal
