#include "wal/segment_scan.h"

#include <algorithm>
#include <cstring>

namespace mom::wal {
namespace {

uint64_t UsedEnd(std::string_view file) {
  size_t end = file.size();
  // Whole blocks first: most of a fresh segment is zeros.
  constexpr size_t kBlock = 64u << 10;
  while (end > kBlock && IsZero(file.substr(end - kBlock, kBlock))) end -= kBlock;
  while (end > 0 && file[end - 1] == '\0') --end;
  return end;
}

// What is wrong at `position`, where no good record starts although something is written there or behind.
Found Classify(std::string_view file, uint64_t key, size_t position) {
  const std::string_view rest = file.substr(position);
  const auto header = DecodeRecordHeader(rest, key, position);
  if (!header) {
    // Without a header the length is unknown, but a header touches two sectors at most, and both of its
    // ends are never zero.
    const std::string_view raw = rest.substr(0, kRecordHeaderBytes);
    return HasEmptyPiece(raw, position) ? Found::kHole : Found::kDamage;
  }
  const size_t bytes = RecordBytes(header->payload_bytes);
  if (bytes > rest.size()) return Found::kWrongPlace;
  return HasEmptyPiece(rest.substr(0, bytes), position) ? Found::kHole : Found::kDamage;
}

// Looks for record headers anywhere behind `position`: a torn write may have left them behind a hole, and
// each says how far the log was durable when it was written.
Offset ProvenBehind(std::string_view file, uint64_t key, size_t position, size_t used_end) {
  Offset proven;
  const char magic[4] = {'\x5a', '\x96', '\xa5', '\xc3'};
  for (size_t at = position; at + kRecordHeaderBytes <= file.size() && at < used_end;
       at += kRecordAlignment) {
    if (std::memcmp(file.data() + at, magic, sizeof(magic)) != 0) continue;
    const auto header = DecodeRecordHeader(file.substr(at), key, at);
    if (header) proven = std::max(proven, Offset{header->durable_end});
  }
  return proven;
}

// Moves `scan` over the record at its end when it is good; else says what is there.
bool Advance(std::string_view file, uint64_t key, SegmentScan* scan) {
  const size_t position = scan->end_position;
  const std::string_view rest = file.substr(position);
  const auto header = DecodeRecordHeader(rest, key, position);
  const size_t bytes = header ? RecordBytes(header->payload_bytes) : 0;
  if (!header || bytes > rest.size()) {
    scan->found = Classify(file, key, position);
    return false;
  }
  const RecordCheck check = CheckRecord(*header, rest.substr(0, bytes), scan->end);
  if (check != RecordCheck::kGood) {
    scan->found = check == RecordCheck::kWrongPlace ? Found::kWrongPlace : Classify(file, key, position);
    return false;
  }
  if (position - scan->index.back().position >= kIndexStepBytes) {
    scan->index.push_back(IndexPoint{position, scan->end});
  }
  scan->proven_end = std::max(scan->proven_end, Offset{header->durable_end});
  if (Epoch{header->epoch} != scan->end.epoch) {
    scan->epochs.push_back(EpochBegin{Epoch{header->epoch}, Offset{header->offset}});
  }
  if (header->kind == static_cast<uint8_t>(EntryKind::kVoters)) {
    scan->voters_entries.push_back(DecodeEntry(*header, rest.substr(0, bytes)));
  }
  scan->end = Behind(*header);
  scan->end_position = position + bytes;
  ++scan->records;
  return true;
}

}  // namespace

SegmentScan ScanSegment(std::string_view file, const SegmentHeader& header, uint64_t key, Offset stop) {
  SegmentScan scan;
  scan.end = header.begin;
  scan.end_position = kRecordsBegin;
  scan.index.push_back(IndexPoint{kRecordsBegin, header.begin});
  const uint64_t written_end = UsedEnd(file);
  while (scan.end_position < written_end) {
    if (scan.end.next == stop) {
      scan.found = Found::kTruncation;
      break;
    }
    if (!Advance(file, key, &scan)) {
      const Offset proven = ProvenBehind(file, key, scan.end_position, written_end);
      scan.proven_end = std::max(scan.proven_end, proven);
      break;
    }
  }
  // Padding may be zero only when masked, so the last record can end behind the last byte that is not.
  scan.used_end = std::max(written_end, scan.end_position);
  return scan;
}

}  // namespace mom::wal
