// Opening a log: finishing what a crash interrupted, checking everything, cutting a torn tail.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/check.h"
#include "wal/atomic_file.h"
#include "wal/file_wal.h"
#include "wal/tail_rule.h"

namespace mom::wal {
namespace {

constexpr Offset kNever{std::numeric_limits<uint64_t>::max()};

Status Corrupt(const std::string& path, const std::string& what, uint64_t byte) {
  return Status(Status::kCorruption, path + ": " + what + " at byte " + std::to_string(byte));
}

void NoteDamage(const std::string& path, uint64_t byte, Offset offset, RecoveryReport* report) {
  report->damaged_file = path;
  report->damaged_byte = byte;
  report->damaged_offset = offset;
}

// REQUIRES: called for the segments in order, before report->entries grows.
void NoteEpochs(SegmentScan* scan, RecoveryReport* report) {
  const ChainPoint& begin = scan->index.front().before;
  if (report->segments == 0) report->start_epoch = begin.epoch;
  // The oldest segment may begin inside of an epoch, which then begins there for all that is known.
  const bool inside = report->entries == 0 && scan->records > 0 &&
                      (scan->epochs.empty() || scan->epochs.front().begin != begin.next);
  if (inside) report->epochs.push_back(EpochBegin{begin.epoch, begin.next});
  report->epochs.insert(report->epochs.end(), scan->epochs.begin(), scan->epochs.end());
  std::move(scan->voters_entries.begin(), scan->voters_entries.end(),
            std::back_inserter(report->voters_entries));
}

}  // namespace

Result<std::unique_ptr<Wal>> Wal::Open(Env* env, const std::string& dir, const WalOptions& options,
                                       RecoveryReport* report) {
  RecoveryReport unused;
  if (report == nullptr) report = &unused;
  *report = RecoveryReport();
  auto wal = std::make_unique<FileWal>(env, dir, options);
  MOM_RETURN_IF_ERROR(wal->Open(report).Annotate("open log"));
  return std::unique_ptr<Wal>(std::move(wal));
}

Status FileWal::Open(RecoveryReport* report) {
  Result<std::unique_ptr<FileLock>> lock = env_->LockFile(dir_ + "/log.lock");
  if (!lock.ok()) return lock.status();
  lock_ = std::move(*lock);
  MOM_RETURN_IF_ERROR(LoadMark());
  if (mark_.pending == PendingWork::kReset) {
    MOM_RETURN_IF_ERROR(FinishReset());
    report->segments = 1;
    report->start_epoch = segments_.front().end.epoch;
  } else {
    std::vector<Offset> firsts;
    MOM_RETURN_IF_ERROR(FindSegments(&firsts));
    MOM_RETURN_IF_ERROR(ScanAll(firsts, report));
  }
  hint_ = std::make_unique<DurableHint>(env_, dir_);
  hint_->Write(mark_, durable_end_);
  Status reserve = reserve_.Restore();
  return reserve.code() == Status::kNoSpace ? Status() : reserve;
}

// Reads the mark, or creates it in a folder without a log; removes half-made files.
Status FileWal::LoadMark() {
  Result<std::vector<std::string>> names = env_->ListDir(dir_);
  if (!names.ok()) return names.status();
  bool has_remains = false;  // Of a log: the mark is older than everything else.
  for (const std::string& name : *names) {
    Offset first;
    has_remains = has_remains || ParseSegmentName(name, &first) || name == kDurableHintName;
    if (name.ends_with(kTemporarySuffix)) MOM_RETURN_IF_ERROR(env_->Remove(dir_ + "/" + name));
  }
  Result<LogMark> mark = ReadLogMark(env_, dir_);
  if (mark.ok()) {
    mark_ = *mark;
    if (options_.log_id.empty() || options_.log_id == mark_.log_id) return Status();
    return Status(Status::kWrongOwner, dir_ + ": the log of another disk");
  }
  if (mark.status().code() != Status::kNotFound) return mark.status();
  if (has_remains || !options_.may_create) {
    return Status(Status::kCorruption, dir_ + "/" + kLogMarkName + ": missing");
  }
  LogMark fresh;
  fresh.log_id = options_.log_id;
  fresh.pending = PendingWork::kReset;
  return WriteMark(fresh);
}

// Names of the segments in order; removes those that a drop or a truncation has given up.
Status FileWal::FindSegments(std::vector<Offset>* firsts) {
  Result<std::vector<std::string>> names = env_->ListDir(dir_);
  if (!names.ok()) return names.status();
  const bool truncating = mark_.pending == PendingWork::kTruncate;
  bool removed_newer = false;
  for (const std::string& name : *names) {
    Offset first;
    if (!ParseSegmentName(name, &first)) continue;
    const bool newer = truncating && first > mark_.last_segment;
    if (first < mark_.first_segment || newer) {
      MOM_RETURN_IF_ERROR(env_->Remove(dir_ + "/" + name));
      removed_newer = removed_newer || newer;
    } else {
      firsts->push_back(first);
    }
  }
  if (removed_newer) MOM_RETURN_IF_ERROR(env_->SyncDir(dir_));
  for (const Offset wanted : {mark_.first_segment, mark_.last_segment}) {
    if (std::find(firsts->begin(), firsts->end(), wanted) == firsts->end()) {
      return Corrupt(PathOf(wanted), "missing segment", 0);
    }
  }
  return Status();
}

Status FileWal::ScanAll(const std::vector<Offset>& firsts, RecoveryReport* report) {
  const bool truncating = mark_.pending == PendingWork::kTruncate;
  const Offset stop = truncating ? mark_.durable_end : kNever;
  Offset proven = mark_.durable_end;
  if (!truncating) proven = std::max(proven, DurableHint::Read(env_, dir_, mark_));
  for (size_t i = 0; i < firsts.size(); ++i) {
    const bool last = i + 1 == firsts.size();
    Segment segment;
    std::string file;
    Result<SegmentScan> scan = ScanFile(firsts[i], stop, &segment, &file);
    if (!scan.ok()) {
      NoteDamage(PathOf(firsts[i]), 0, firsts[i], report);
      return scan.status();
    }
    // A segment is complete and durable before the next one starts.
    scan->proven_end = last ? std::max(scan->proven_end, proven) : firsts[i + 1];
    MOM_RETURN_IF_ERROR(Judge(*scan, last, segment, report));
    NoteEpochs(&*scan, report);
    segments_.push_back(std::move(segment));
    ++report->segments;
    report->entries += scan->records;
    if (last) MOM_RETURN_IF_ERROR(Settle(*scan, file, report));
  }
  return Status();
}

Result<SegmentScan> FileWal::ScanFile(Offset first, Offset stop, Segment* segment, std::string* file) {
  const std::string path = PathOf(first);
  Result<std::string> bytes = ReadWholeFile(env_, path);
  if (!bytes.ok()) return bytes.status();
  *file = std::move(*bytes);
  Result<SegmentHeader> header = DecodeSegmentHeader(*file, &segment->key);
  if (!header.ok()) return header.status().Annotate(path);
  // Files get their full size before they get their name, so no crash leaves another size.
  if (file->size() != header->segment_bytes) return Corrupt(path, "file cut or grown", file->size());
  if (header->begin.next != first) return Corrupt(path, "segment of another name", 0);
  if (header->log_id != mark_.log_id) return Status(Status::kWrongOwner, path + ": segment of another log");
  const ChainPoint* const before = segments_.empty() ? nullptr : &segments_.back().end;
  const bool continues =
      before == nullptr ||
      (before->next == header->begin.next && before->checksum == header->begin.checksum &&
       before->epoch == header->begin.epoch && before->timestamp == header->begin.timestamp);
  if (!continues) return Corrupt(path, "segment does not continue the one before", 0);
  SegmentScan scan = ScanSegment(*file, *header, segment->key, stop);
  segment->first = first;
  segment->file_bytes = file->size();
  segment->end_position = scan.end_position;
  segment->end = scan.end;
  segment->index = scan.index;
  return scan;
}

Status FileWal::Judge(const SegmentScan& scan, bool last, const Segment& segment, RecoveryReport* report) {
  const bool known_durable = scan.proven_end > scan.end.next;
  if (Decide(scan.found, last, known_durable) != Decision::kCorruption) return Status();
  const std::string path = PathOf(segment.first);
  NoteDamage(path, scan.end_position, scan.end.next, report);
  return Corrupt(path,
                 std::string(FoundText(scan.found)) + " (offset " + std::to_string(scan.end.next.value) + ")",
                 scan.end_position);
}

// Makes the last segment durable as it was judged.
Status FileWal::Settle(const SegmentScan& scan, const std::string& file, RecoveryReport* report) {
  Segment& last = segments_.back();
  Result<std::unique_ptr<File>> opened = env_->OpenFile(PathOf(last.first), OpenMode::kReadWrite);
  if (!opened.ok()) return opened.status();
  active_ = std::move(*opened);
  MOM_RETURN_IF_ERROR(SaveUnproven(scan, file));
  durable_end_ = scan.end.next;
  const bool truncating = mark_.pending == PendingWork::kTruncate;
  report->torn_bytes_cut = scan.used_end - scan.end_position;
  if (report->torn_bytes_cut > 0) {
    report->note = PathOf(last.first) + ": cut " + std::to_string(report->torn_bytes_cut) +
                   " bytes at byte " + std::to_string(scan.end_position) + ", offset " +
                   std::to_string(scan.end.next.value) +
                   (truncating ? " (unfinished truncation)" : " (torn by a crash)");
  }
  LogMark mark = mark_;
  mark.last_segment = last.first;  // A crash may have come between a new segment and its mark.
  mark.durable_end = durable_end_;
  if (report->torn_bytes_cut > 0 || truncating) {
    // With the intention durable, zeros that fail to reach the disk are written again by the next Open, even
    // when they look as if they were there.
    mark.pending = PendingWork::kTruncate;
    MOM_RETURN_IF_ERROR(WriteMark(mark));
    MOM_RETURN_IF_ERROR(
        active_->WriteAt(last.end_position, std::string(last.file_bytes - last.end_position, '\0')));
    MOM_RETURN_IF_ERROR(active_->Sync());
    ++sync_count_;
  }
  mark.pending = PendingWork::kNone;
  return WriteMark(mark);
}

// Good records without proof that they were durable may be in the page cache only, and after a failed sync
// the system calls such pages clean. So they are written again.
Status FileWal::SaveUnproven(const SegmentScan& scan, const std::string& file) {
  if (scan.proven_end < scan.end.next) {
    const auto unproven =
        std::find_if(scan.index.rbegin(), scan.index.rend(),
                     [&scan](const IndexPoint& point) { return point.before.next <= scan.proven_end; });
    const uint64_t from = unproven == scan.index.rend() ? kRecordsBegin : unproven->position;
    MOM_RETURN_IF_ERROR(
        active_->WriteAt(from, std::string_view(file).substr(from, scan.end_position - from)));
  }
  MOM_RETURN_IF_ERROR(active_->Sync());
  ++sync_count_;
  return Status();
}

}  // namespace mom::wal
