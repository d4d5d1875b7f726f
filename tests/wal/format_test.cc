// Bytes of records, and the rule that judges the end of a log.
#include <gtest/gtest.h>

#include <random>

#include "tests/wal/log_fixture.h"
#include "wal/record.h"
#include "wal/segment_maker.h"
#include "wal/segment_scan.h"
#include "wal/tail_rule.h"

namespace mom::wal {
namespace {

constexpr uint64_t kKey = 0x0123456789abcdefull;

// Encodes one record at `position`, checks that it reads back, and returns its bytes.
std::string RoundTrip(const std::string& payload, size_t position) {
  ChainPoint chain{Offset{7}, Epoch{1}, Timestamp{5}, 99};
  const ChainPoint before = chain;
  const Entry entry = MakeEntry(7, payload);
  std::string bytes;
  EncodeRecord(entry, Offset{3}, kKey, position, &chain, &bytes);
  const auto header = DecodeRecordHeader(bytes, kKey, position);
  EXPECT_TRUE(header.has_value());
  if (!header) return bytes;
  EXPECT_EQ(CheckRecord(*header, bytes, before), RecordCheck::kGood);
  EXPECT_TRUE(SameEntry(DecodeEntry(*header, bytes), entry));
  EXPECT_EQ(header->durable_end, 3u);
  EXPECT_EQ(Behind(*header).checksum, chain.checksum);
  return bytes;
}

size_t BytesSet(std::string_view bytes) {
  return bytes.size() - static_cast<size_t>(std::count(bytes.begin(), bytes.end(), '\0'));
}

// Goal: no piece of a written record can be taken for one that never reached the disk, not even after a byte
// of it was damaged. Method: payloads made of long runs, at all places in a sector.
TEST(Record, HasNoEmptyPieceWhateverThePayload) {
  std::mt19937 random(1);  // NOLINT: the same numbers in every run.
  for (size_t position = 512; position < 1024; position += 8) {
    for (const size_t size : {0u, 1u, 7u, 8u, 9u, 300u, 449u, 512u, 1600u, 5000u}) {
      std::string payload(size, '\0');
      for (size_t run = 0; run < size; run += 256) {
        const char value = random() % 3 == 0 ? static_cast<char>(random()) : '\0';
        payload.replace(run, std::min<size_t>(256, size - run), std::min<size_t>(256, size - run), value);
      }
      const std::string bytes = RoundTrip(payload, position);
      for (size_t at = position; at < position + bytes.size();) {
        const size_t next = std::min(NextSector(at), position + bytes.size());
        ASSERT_GE(BytesSet(std::string_view(bytes).substr(at - position, next - at)), kPieceBytesSet)
            << "record at " << position << ", payload " << size << ", piece at " << at;
        at = next;
      }
    }
  }
}

TEST(Record, MasksOnlyWhatNeedsIt) {
  const std::string bytes = RoundTrip("hello world, long enough for a piece of its own", 512);
  EXPECT_NE(bytes.find("hello"), std::string::npos);
}

TEST(Record, CarriesTheLargestPayload) {
  EXPECT_EQ(RoundTrip(std::string(kEntryPayloadBytesMax, '\0'), 512).size(),
            RecordBytes(kEntryPayloadBytesMax));
}

TEST(Record, KnowsItsPlace) {
  ChainPoint chain{Offset{7}, Epoch{1}, Timestamp{5}, 99};
  std::string bytes;
  EncodeRecord(MakeEntry(7, "x"), Offset{7}, kKey, 512, &chain, &bytes);
  EXPECT_FALSE(DecodeRecordHeader(bytes, kKey, 520).has_value()) << "another position";
  EXPECT_FALSE(DecodeRecordHeader(bytes, kKey + 1, 512).has_value()) << "another segment";
  const auto header = DecodeRecordHeader(bytes, kKey, 512);
  ASSERT_TRUE(header.has_value());
  const auto check = [&](const ChainPoint& before) { return CheckRecord(*header, bytes, before); };
  EXPECT_EQ(check({Offset{7}, Epoch{1}, Timestamp{5}, 99}), RecordCheck::kGood);
  EXPECT_EQ(check({Offset{8}, Epoch{1}, Timestamp{5}, 99}), RecordCheck::kWrongPlace);
  EXPECT_EQ(check({Offset{7}, Epoch{2}, Timestamp{5}, 99}), RecordCheck::kWrongPlace) << "epochs never fall";
  EXPECT_EQ(check({Offset{7}, Epoch{1}, Timestamp{5000}, 99}), RecordCheck::kWrongPlace) << "nor does time";
  EXPECT_EQ(check({Offset{7}, Epoch{1}, Timestamp{5}, 98}), RecordCheck::kBadChecksum) << "another chain";
}

TEST(SegmentHeader, RoundTripsAndRefusesNewerFormats) {
  SegmentHeader header{Uuid{1, 2}, 8192, ChainPoint{Offset{9}, Epoch{3}, Timestamp{4}, 5}};
  uint64_t key = 0;
  const std::string sector = EncodeSegmentHeader(header, &key);
  uint64_t read_key = 0;
  const auto read = DecodeSegmentHeader(sector, &read_key);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read_key, key);
  EXPECT_EQ(read->log_id, header.log_id);
  EXPECT_EQ(read->segment_bytes, 8192u);
  EXPECT_EQ(read->begin.next, Offset{9});
  EXPECT_EQ(read->begin.checksum, 5u);
}

TEST(SegmentName, IsTheFirstOffset) {
  EXPECT_EQ(SegmentName(Offset{42}), "00000000000000000042.log");
  Offset first;
  EXPECT_TRUE(ParseSegmentName("18446744073709551615.log", &first));
  EXPECT_EQ(first, Offset{18446744073709551615ull});
  for (const char* const name : {"18446744073709551616.log", "42.log", "log.mark", "0000000000000000004x.log",
                                 "00000000000000000042.tmp"}) {
    EXPECT_FALSE(ParseSegmentName(name, &first)) << name;
  }
}

TEST(TailRule, CutsOnlyWhatACrashCanLeave) {
  for (const bool last : {false, true}) {
    for (const bool durable : {false, true}) {
      EXPECT_EQ(Decide(Found::kDamage, last, durable), Decision::kCorruption);
      EXPECT_EQ(Decide(Found::kWrongPlace, last, durable), Decision::kCorruption);
      EXPECT_EQ(Decide(Found::kHole, last, durable),
                last && !durable ? Decision::kCut : Decision::kCorruption);
      EXPECT_EQ(Decide(Found::kNothing, last, durable), durable ? Decision::kCorruption : Decision::kEnd);
      EXPECT_EQ(Decide(Found::kTruncation, last, durable), Decision::kCut);
    }
  }
}

// A user can put any bytes into a payload, also a record header; it may not count as evidence.
TEST(SegmentScan, IsNotFooledByRecordsInsidePayloads) {
  SegmentHeader header{Uuid{1, 2}, 8192, ChainPoint{}};
  uint64_t key = 0;
  std::string file = EncodeSegmentHeader(header, &key);
  ChainPoint forged_chain{Offset{50}, Epoch{0}, Timestamp{0}, 0};
  std::string forged;
  EncodeRecord(MakeEntry(50, "forged"), Offset{50}, key + 1, 0, &forged_chain, &forged);
  ChainPoint chain;
  std::string records;
  EncodeRecord(MakeEntry(0, forged + std::string(2000, 'x')), Offset{0}, key, 512, &chain, &records);
  file += records;
  file.resize(8192);
  file.replace(1024, 512, 512, '\0');  // Torn.
  const SegmentScan scan = ScanSegment(file, header, key, Offset{1000});
  EXPECT_EQ(scan.found, Found::kHole);
  EXPECT_EQ(scan.proven_end, Offset{0});
  EXPECT_EQ(scan.records, 0u);
}

}  // namespace
}  // namespace mom::wal
