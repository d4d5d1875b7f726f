// FileWal: the Wal on an Env.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "wal/env.h"
#include "wal/log_mark.h"
#include "wal/record.h"
#include "wal/reserve.h"
#include "wal/segment_maker.h"
#include "wal/segment_reader.h"
#include "wal/segment_scan.h"
#include "wal/wal.h"

namespace mom::wal {

// One segment file; only the last one is written.
struct Segment {
  Offset first;
  uint64_t key = 0;  // Ties its records to it.
  uint64_t file_bytes = 0;
  uint64_t end_position = 0;      // Behind the last record.
  ChainPoint end;                 // The same as a place in the chain.
  std::vector<IndexPoint> index;  // Sorted; starts with the first record.
};

// Order of durable steps. A new segment: file, name, mark, then records. Truncation and reset: the mark with
// the intention, the work, the mark without it. DropPrefix: the mark, then the removal of files. So whatever
// a crash leaves, Open finds either the old log or work to finish.
class FileWal final : public Wal {
 public:
  FileWal(Env* env, std::string dir, const WalOptions& options);

  // Part of Wal::Open; see there.
  Status Open(RecoveryReport* report);

  Offset log_start() const override { return segments_.front().first; }
  Offset log_end() const override { return segments_.back().end.next; }
  Offset durable_end() const override { return durable_end_; }
  Epoch last_epoch() const override { return segments_.back().end.epoch; }
  Timestamp last_timestamp() const override { return segments_.back().end.timestamp; }
  Status Append(std::span<const Entry> entries) override;
  Status Sync() override;
  Result<std::vector<Entry>> Read(Offset from, size_t max_bytes) override;
  Status TruncateSuffix(Offset to) override;
  Status DropPrefix(Offset to) override;
  Status Reset(Offset start, Epoch epoch, Timestamp timestamp) override;
  uint64_t bytes() const override;
  uint64_t sync_count() const override { return sync_count_; }
  Status Close() override;
  bool WantsNextSegment() const override;
  Status PrepareNextSegment() override { return maker_.Prepare(); }
  bool reserve_held() const override { return reserve_.held() || !reserve_.wanted(); }
  Status ReleaseReserve() override { return reserve_.Release(); }
  Status RestoreReserve() override { return reserve_.Restore(); }

 private:
  // Opening, in recovery.cc.
  Status LoadMark();
  Status FindSegments(std::vector<Offset>* firsts);
  Status ScanAll(const std::vector<Offset>& firsts, RecoveryReport* report);
  Result<SegmentScan> ScanFile(Offset first, Offset stop, Segment* segment, std::string* file);
  Status Judge(const SegmentScan& scan, bool last, const Segment& segment, RecoveryReport* report);
  Status Settle(const SegmentScan& scan, const std::string& file, RecoveryReport* report);
  Status SaveUnproven(const SegmentScan& scan, const std::string& file);

  // Cutting, in file_wal_cut.cc.
  Status FinishTruncation(Offset to);
  Status FinishReset();
  Status RemoveSegmentsFrom(size_t index);
  Status ZeroTail(Segment* segment, File* file, Offset to);

  Status Seal(Status status);  // Remembers the first failure for all later mutating calls.
  Status WriteMark(const LogMark& mark);
  Status CheckPayloads(std::span<const Entry> entries, uint64_t* bytes) const;
  Status MakeRoom(uint64_t bytes);
  Status WriteSome(std::span<const Entry>* entries);
  Status Roll();
  Status MarkLastSegment();
  static void ForgetPointsBehind(Segment* segment);  // Its end.
  Status StartSegment(const ChainPoint& begin);
  size_t SegmentIndexOf(Offset offset) const;
  Status ReadFrom(const Segment& segment, Offset from, size_t max_bytes, size_t* bytes,
                  std::vector<Entry>* entries);
  std::string PathOf(Offset first) const { return dir_ + "/" + SegmentName(first); }

  Env* const env_;
  const std::string dir_;
  const WalOptions options_;
  std::unique_ptr<FileLock> lock_;
  LogMark mark_;                   // As it is on the disk.
  std::vector<Segment> segments_;  // Never empty once open; contiguous.
  std::unique_ptr<File> active_;   // The file of segments_.back().
  Offset durable_end_;
  uint64_t sync_count_ = 0;
  Status failed_;       // Not ok: every mutating call returns it.
  std::string buffer_;  // Reused by Append.
  SegmentMaker maker_;
  Reserve reserve_;
  std::unique_ptr<DurableHint> hint_;
};

}  // namespace mom::wal
