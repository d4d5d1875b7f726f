// Bytes of the log: segment files and their records. See docs/log_format.md for the layout and the reasons.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/entry.h"

namespace mom::wal {

// Numbers are little-endian and copied as they are in memory.
static_assert(std::endian::native == std::endian::little, "the log format needs a little-endian machine");

// Format of segments and of the log mark; raised when an older program could not read the new files.
inline constexpr uint32_t kLogFormat = 1;

// The unit that a crash leaves old or new, never mixed. Disks with larger sectors keep the promise too.
inline constexpr size_t kSectorBytes = 512;

inline constexpr uint64_t kSegmentMagic = 0x31474f4c'574d4f4dull;  // "MOMWLOG1"
inline constexpr uint32_t kRecordMagic = 0xc3a5965au;
inline constexpr uint32_t kRecordEndMagic = 0x6978b4d2u;

// First bytes of a segment file. Alone in its sector, so that a torn record write cannot reach it.
struct SegmentHeaderBytes {
  uint64_t magic;
  uint64_t checksum;  // XXH3-64 of the rest of the sector, [16, 512).
  uint32_t format;
  uint32_t previous_epoch;
  uint64_t segment_bytes;  // Size of the file; a file of another size is damaged.
  uint64_t first_offset;
  uint64_t previous_checksum;  // Of the record before first_offset: the chain runs through all segments.
  int64_t previous_timestamp_ms;
  uint64_t log_id_high;
  uint64_t log_id_low;
};
static_assert(sizeof(SegmentHeaderBytes) == 72);
static_assert(sizeof(SegmentHeaderBytes) <= kSectorBytes);

// First bytes of a record, followed by the payload and by padding up to kRecordAlignment.
struct RecordHeaderBytes {
  uint32_t magic;
  uint32_t header_checksum;  // Low half of XXH3-64 of [8, 56), seeded with the segment and the position.
  uint64_t checksum;  // XXH3-64 of [16, end of padding), seeded with the checksum of the record before.
  uint32_t payload_bytes;
  uint32_t epoch;
  uint64_t offset;
  uint64_t durable_end;  // Everything below was durable when this was written; at most `offset`.
  int64_t timestamp_ms;
  uint8_t kind;
  uint8_t reserved;  // Zero.
  uint16_t mask;     // Xor-ed over payload and padding, so that no sector of a record is empty.
  uint32_t end_magic;
};
static_assert(sizeof(RecordHeaderBytes) == 56);
static_assert(offsetof(RecordHeaderBytes, payload_bytes) == 16);
static_assert(offsetof(RecordHeaderBytes, end_magic) == 52);

inline constexpr size_t kRecordHeaderBytes = sizeof(RecordHeaderBytes);
inline constexpr size_t kHeaderChecksumFrom = 8;
inline constexpr size_t kChecksumFrom = 16;
inline constexpr size_t kRecordAlignment = 8;
static_assert(kRecordHeaderBytes % kRecordAlignment == 0);
static_assert(kSectorBytes % kRecordAlignment == 0);
static_assert(kRecordHeaderBytes < kSectorBytes, "a header touches at most two sectors");

// Where the first record of a segment starts.
inline constexpr size_t kRecordsBegin = kSectorBytes;

constexpr size_t RecordBytes(size_t payload_bytes) {
  return (kRecordHeaderBytes + payload_bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}
constexpr size_t NextSector(size_t position) {
  return (position / kSectorBytes + 1) * kSectorBytes;
}

inline constexpr size_t kSegmentBytesMin = kRecordsBegin + kSectorBytes;
inline constexpr size_t kSegmentBytesMax = size_t{1} << 30;

// Every piece of a record that lies in one sector has at least so many bytes that are not zero: damage to
// fewer bytes cannot make a written piece look like one that never reached the disk.
inline constexpr size_t kPieceBytesSet = 4;
static_assert(kPieceBytesSet <= kRecordAlignment);

inline constexpr std::string_view kSegmentSuffix = ".log";
inline constexpr size_t kSegmentNameDigits = 20;

}  // namespace mom::wal
