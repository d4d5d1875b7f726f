// The part of FileWal that removes entries: truncation, reset and dropping of the prefix.
#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "wal/file_wal.h"

namespace mom::wal {
namespace {

constexpr uint64_t kZeroBytesMax = 1u << 20;

}  // namespace

Status FileWal::TruncateSuffix(Offset to) {
  if (!failed_.ok()) return failed_;
  MOM_CHECK(to >= log_start() && to <= log_end(), to, log_start(), log_end());
  MOM_CHECK(durable_end_ == log_end(), durable_end_, log_end());
  if (to == log_end()) return Status();
  // The intention first: a crash half way leaves records whose evidence says that the cut ones were durable,
  // which without this mark is corruption.
  LogMark mark = mark_;
  ++mark.generation;
  mark.last_segment = segments_[SegmentIndexOf(to)].first;
  mark.durable_end = to;
  mark.pending = PendingWork::kTruncate;
  MOM_RETURN_IF_ERROR(WriteMark(mark));
  return Seal(FinishTruncation(to));
}

// REQUIRES: the mark says kTruncate, and segments_ has everything below `to`.
Status FileWal::FinishTruncation(Offset to) {
  const size_t keep = SegmentIndexOf(to);
  if (keep + 1 < segments_.size()) {
    Result<std::unique_ptr<File>> file = env_->OpenFile(PathOf(segments_[keep].first), OpenMode::kReadWrite);
    if (!file.ok()) return file.status();
    active_ = std::move(*file);
    MOM_RETURN_IF_ERROR(RemoveSegmentsFrom(keep + 1));
    MOM_RETURN_IF_ERROR(env_->SyncDir(dir_));
  }
  MOM_RETURN_IF_ERROR(ZeroTail(&segments_.back(), active_.get(), to));
  durable_end_ = to;
  LogMark mark = mark_;
  mark.pending = PendingWork::kNone;
  MOM_RETURN_IF_ERROR(WriteMark(mark));
  hint_->Write(mark_, durable_end_);
  return Status();
}

// From the newest to the oldest, so that what a crash leaves is contiguous.
Status FileWal::RemoveSegmentsFrom(size_t index) {
  while (segments_.size() > index) {
    MOM_RETURN_IF_ERROR(env_->Remove(PathOf(segments_.back().first)));
    segments_.pop_back();
  }
  return Status();
}

Status FileWal::ZeroTail(Segment* segment, File* file, Offset to) {
  const auto behind =
      std::upper_bound(segment->index.begin(), segment->index.end(), to,
                       [](Offset o, const IndexPoint& point) { return o < point.before.next; });
  SegmentReader reader(file, PathOf(segment->first), segment->key, *std::prev(behind), segment->end_position,
                       kZeroBytesMax);
  RecordHeaderBytes header;
  std::string_view record;
  while (reader.chain().next < to) MOM_RETURN_IF_ERROR(reader.Next(&header, &record));
  const std::string zeros(kZeroBytesMax, '\0');
  for (uint64_t at = reader.position(); at < segment->end_position; at += kZeroBytesMax) {
    const uint64_t size = std::min(kZeroBytesMax, segment->end_position - at);
    MOM_RETURN_IF_ERROR(file->WriteAt(at, std::string_view(zeros).substr(0, size)));
  }
  MOM_RETURN_IF_ERROR(file->Sync());
  ++sync_count_;
  segment->end_position = reader.position();
  segment->end = reader.chain();
  ForgetPointsBehind(segment);
  return Status();
}

Status FileWal::DropPrefix(Offset to) {
  if (!failed_.ok()) return failed_;
  size_t drop = 0;
  while (drop + 1 < segments_.size() && segments_[drop + 1].first <= to) ++drop;
  if (drop == 0) return Status();
  // Once the mark says so the old files are left-overs, whichever of them a crash brings back.
  LogMark mark = mark_;
  mark.first_segment = segments_[drop].first;
  mark.durable_end = durable_end_;
  MOM_RETURN_IF_ERROR(WriteMark(mark));
  for (size_t i = 0; i < drop; ++i) MOM_RETURN_IF_ERROR(Seal(env_->Remove(PathOf(segments_[i].first))));
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<ptrdiff_t>(drop));
  return Status();
}

Status FileWal::Reset(Offset start, Epoch epoch, Timestamp timestamp) {
  if (!failed_.ok()) return failed_;
  LogMark mark = mark_;
  ++mark.generation;
  mark.first_segment = start;
  mark.last_segment = start;
  mark.durable_end = start;
  mark.pending = PendingWork::kReset;
  mark.reset_epoch = epoch;
  mark.reset_timestamp = timestamp;
  MOM_RETURN_IF_ERROR(WriteMark(mark));
  return Seal(FinishReset());
}

// Also how a log is created. REQUIRES: the mark says kReset; segments_ need not be loaded.
Status FileWal::FinishReset() {
  Result<std::vector<std::string>> names = env_->ListDir(dir_);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    Offset first;
    if (ParseSegmentName(name, &first)) MOM_RETURN_IF_ERROR(env_->Remove(dir_ + "/" + name));
  }
  segments_.clear();
  const Offset start = mark_.first_segment;
  const uint64_t checksum = FirstChecksum(mark_.log_id, start, mark_.reset_epoch, mark_.reset_timestamp);
  const ChainPoint begin{start, mark_.reset_epoch, mark_.reset_timestamp, checksum};
  Status started = StartSegment(begin);
  while (started.code() == Status::kNoSpace && env_->AwaitRoom(PathOf(start))) started = StartSegment(begin);
  MOM_RETURN_IF_ERROR(started);
  durable_end_ = start;
  LogMark mark = mark_;
  mark.pending = PendingWork::kNone;
  return WriteMark(mark);
}

}  // namespace mom::wal
