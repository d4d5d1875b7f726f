#include "wal/record.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "core/base/check.h"

namespace mom::wal {
namespace {

uint32_t HeaderChecksum(const char* record, uint64_t key, size_t position) {
  // The position is in the seed: a header found elsewhere, or forged inside a payload, does not check.
  const uint64_t seed = key + position * 0x9e3779b97f4a7c15ull;
  return static_cast<uint32_t>(
      XXH3_64bits_withSeed(record + kHeaderChecksumFrom, kRecordHeaderBytes - kHeaderChecksumFrom, seed));
}

uint64_t RecordChecksum(std::string_view record, uint64_t previous) {
  return XXH3_64bits_withSeed(record.data() + kChecksumFrom, record.size() - kChecksumFrom, previous);
}

uint64_t SegmentChecksum(std::string_view sector) {
  return XXH3_64bits(sector.data() + offsetof(SegmentHeaderBytes, format),
                     kSectorBytes - offsetof(SegmentHeaderBytes, format));
}

// `bytes` starts at a multiple of kRecordAlignment, so the mask keeps its phase.
void ApplyMask(uint16_t mask, char* bytes, size_t size) {
  MOM_CHECK(size % 2 == 0, size);
  for (size_t i = 0; i < size; i += 2) {
    bytes[i] = static_cast<char>(bytes[i] ^ static_cast<char>(mask & 0xff));
    bytes[i + 1] = static_cast<char>(bytes[i + 1] ^ static_cast<char>(mask >> 8));
  }
}

// Whether `piece` has enough bytes set once `mask` is applied.
bool PieceIsDense(std::string_view piece, uint16_t mask) {
  const char masks[2] = {static_cast<char>(mask & 0xff), static_cast<char>(mask >> 8)};
  size_t set = 0;
  for (size_t i = 0; i < piece.size(); ++i) {
    if (piece[i] != masks[i % 2] && ++set == kPieceBytesSet) return true;
  }
  return false;
}

// `body` is payload and padding, which start at `position` of the segment. The piece that shares its sector
// with the end of the header is dense already.
bool MaskWorks(std::string_view body, size_t position, uint16_t mask) {
  size_t at = 0;
  if (position % kSectorBytes != 0) at = NextSector(position) - position;
  for (; at < body.size(); at += kSectorBytes) {
    if (!PieceIsDense(body.substr(at, kSectorBytes), mask)) return false;
  }
  return true;
}

// A payload of 4 MiB has 8193 pieces and each rules out few of the 65536 masks, so one always works. The
// search starts where the sender of a payload cannot know, else payloads could be made that search long.
uint16_t ChooseMask(std::string_view body, size_t position, uint64_t key) {
  if (MaskWorks(body, position, 0)) return 0;
  const uint64_t start = XXH3_64bits_withSeed(body.data(), body.size(), key);
  for (uint32_t i = 0; i <= 0xffff; ++i) {
    const auto mask = static_cast<uint16_t>(start + uint64_t{i} * 0x9e37);
    if (MaskWorks(body, position, mask)) return mask;
  }
  MOM_CHECK(false, body.size());
  return 0;
}

}  // namespace

uint64_t FirstChecksum(Uuid log_id, Offset start, Epoch epoch, Timestamp timestamp) {
  const uint64_t seed[5] = {log_id.high, log_id.low, start.value, epoch.value,
                            static_cast<uint64_t>(timestamp.ms)};
  return XXH3_64bits(seed, sizeof(seed));
}

std::string EncodeSegmentHeader(const SegmentHeader& header, uint64_t* key) {
  SegmentHeaderBytes raw{};
  raw.magic = kSegmentMagic;
  raw.format = kLogFormat;
  raw.previous_epoch = header.begin.epoch.value;
  raw.segment_bytes = header.segment_bytes;
  raw.first_offset = header.begin.next.value;
  raw.previous_checksum = header.begin.checksum;
  raw.previous_timestamp_ms = header.begin.timestamp.ms;
  raw.log_id_high = header.log_id.high;
  raw.log_id_low = header.log_id.low;
  std::string sector(kSectorBytes, '\0');
  std::memcpy(sector.data(), &raw, sizeof(raw));
  *key = SegmentChecksum(sector);
  std::memcpy(sector.data() + offsetof(SegmentHeaderBytes, checksum), key, sizeof(*key));
  return sector;
}

Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes, uint64_t* key) {
  if (bytes.size() < kSectorBytes) return Status(Status::kCorruption, "segment header cut at byte 0");
  SegmentHeaderBytes raw;
  std::memcpy(&raw, bytes.data(), sizeof(raw));
  if (raw.magic != kSegmentMagic) return Status(Status::kCorruption, "no segment header at byte 0");
  if (raw.checksum != SegmentChecksum(bytes.substr(0, kSectorBytes))) {
    return Status(Status::kCorruption, "bad segment header checksum at byte 8");
  }
  if (raw.format != kLogFormat) {
    return Status(Status::kWrongOwner, "log format " + std::to_string(raw.format) + ", this program reads " +
                                           std::to_string(kLogFormat));
  }
  *key = raw.checksum;
  SegmentHeader header;
  header.log_id = Uuid{raw.log_id_high, raw.log_id_low};
  header.segment_bytes = raw.segment_bytes;
  header.begin = ChainPoint{Offset{raw.first_offset}, Epoch{raw.previous_epoch},
                            Timestamp{raw.previous_timestamp_ms}, raw.previous_checksum};
  return header;
}

void EncodeRecord(const Entry& entry, Offset durable_end, uint64_t key, size_t buffer_position,
                  ChainPoint* chain, std::string* out) {
  MOM_CHECK(entry.offset == chain->next, entry.offset, chain->next);
  MOM_CHECK(entry.epoch >= chain->epoch, entry.epoch, chain->epoch);
  MOM_CHECK(entry.timestamp >= chain->timestamp, entry.timestamp, chain->timestamp);
  MOM_CHECK(durable_end <= entry.offset, durable_end, entry.offset);
  const std::string_view payload = entry.bytes();
  const size_t begin = out->size();
  const size_t position = buffer_position + begin;
  MOM_CHECK(position % kRecordAlignment == 0, position);

  out->resize(begin + RecordBytes(payload.size()));  // Padding is zero.
  char* const record = out->data() + begin;
  char* const body = record + kRecordHeaderBytes;
  const size_t body_bytes = RecordBytes(payload.size()) - kRecordHeaderBytes;
  if (!payload.empty()) std::memcpy(body, payload.data(), payload.size());

  RecordHeaderBytes header{};
  header.magic = kRecordMagic;
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  header.epoch = entry.epoch.value;
  header.offset = entry.offset.value;
  header.durable_end = durable_end.value;
  header.timestamp_ms = entry.timestamp.ms;
  header.kind = static_cast<uint8_t>(entry.kind);
  header.mask = ChooseMask(std::string_view(body, body_bytes), position + kRecordHeaderBytes, key);
  header.end_magic = kRecordEndMagic;
  if (header.mask != 0) ApplyMask(header.mask, body, body_bytes);
  std::memcpy(record, &header, sizeof(header));
  header.checksum = RecordChecksum(std::string_view(*out).substr(begin), chain->checksum);
  std::memcpy(record, &header, sizeof(header));
  header.header_checksum = HeaderChecksum(record, key, position);
  std::memcpy(record, &header, sizeof(header));
  *chain = Behind(header);
}

std::optional<RecordHeaderBytes> DecodeRecordHeader(std::string_view bytes, uint64_t key, size_t position) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  RecordHeaderBytes header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kRecordMagic || header.end_magic != kRecordEndMagic) return std::nullopt;
  if (header.header_checksum != HeaderChecksum(bytes.data(), key, position)) return std::nullopt;
  return header;
}

RecordCheck CheckRecord(const RecordHeaderBytes& header, std::string_view record, const ChainPoint& chain) {
  MOM_CHECK(record.size() == RecordBytes(header.payload_bytes), record.size(), header.payload_bytes);
  const bool in_place = header.offset == chain.next.value && header.epoch >= chain.epoch.value &&
                        header.timestamp_ms >= chain.timestamp.ms && header.durable_end <= header.offset &&
                        IsKnownKind(header.kind) && header.reserved == 0;
  if (!in_place) return RecordCheck::kWrongPlace;
  return header.checksum == RecordChecksum(record, chain.checksum) ? RecordCheck::kGood
                                                                   : RecordCheck::kBadChecksum;
}

Entry DecodeEntry(const RecordHeaderBytes& header, std::string_view record) {
  std::string payload(record.substr(kRecordHeaderBytes));
  if (header.mask != 0) ApplyMask(header.mask, payload.data(), payload.size());
  payload.resize(header.payload_bytes);
  return Entry{Offset{header.offset}, Epoch{header.epoch}, Timestamp{header.timestamp_ms},
               static_cast<EntryKind>(header.kind), std::make_shared<const std::string>(std::move(payload))};
}

ChainPoint Behind(const RecordHeaderBytes& header) {
  return ChainPoint{Next(Offset{header.offset}), Epoch{header.epoch}, Timestamp{header.timestamp_ms},
                    header.checksum};
}

bool IsZero(std::string_view bytes) {
  if (bytes.empty()) return true;
  // The first byte is zero and every byte equals the one before it.
  return bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

bool HasEmptyPiece(std::string_view bytes, size_t begin) {
  const size_t end = begin + bytes.size();
  for (size_t at = begin; at < end;) {
    const size_t next = std::min(NextSector(at), end);
    if (IsZero(bytes.substr(at - begin, next - at))) return true;
    at = next;
  }
  return false;
}

}  // namespace mom::wal
