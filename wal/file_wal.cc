#include "wal/file_wal.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace mom::wal {
namespace {

// Records are gathered up to here before they are written.
constexpr size_t kWriteBytesMax = 8u << 20;
constexpr size_t kReadChunkBytesMin = 64u << 10;
constexpr size_t kReadChunkBytesMax = 1u << 20;

}  // namespace

FileWal::FileWal(Env* env, std::string dir, const WalOptions& options)
    : env_(env),
      dir_(std::move(dir)),
      options_(options),
      maker_(env, dir_, options.segment_bytes),
      reserve_(env, dir_, options.reserve_bytes) {
  MOM_CHECK(options.segment_bytes >= kSegmentBytesMin && options.segment_bytes <= kSegmentBytesMax &&
                options.segment_bytes % kSectorBytes == 0,
            options.segment_bytes);
}

Status FileWal::Append(std::span<const Entry> entries) {
  if (!failed_.ok()) return failed_;
  if (entries.empty()) return Status();
  uint64_t bytes = 0;
  MOM_RETURN_IF_ERROR(CheckPayloads(entries, &bytes));
  MOM_RETURN_IF_ERROR(MakeRoom(bytes));
  while (!entries.empty()) {
    const Status status = WriteSome(&entries);
    if (status.code() == Status::kNoSpace && failed_.ok()) return status;
    MOM_RETURN_IF_ERROR(Seal(status));
  }
  return Status();
}

Status FileWal::CheckPayloads(std::span<const Entry> entries, uint64_t* bytes) const {
  const uint64_t room = options_.segment_bytes - kRecordsBegin;
  for (const Entry& entry : entries) {
    const uint64_t payload_bytes = entry.bytes().size();
    if (payload_bytes > kEntryPayloadBytesMax || RecordBytes(payload_bytes) > room) {
      return Status(Status::kInvalidArgument, "entry " + std::to_string(entry.offset.value) + " has " +
                                                  std::to_string(payload_bytes) + " bytes, too many");
    }
    *bytes += RecordBytes(payload_bytes);
  }
  return Status();
}

// A full disk shows here, before anything is written.
Status FileWal::MakeRoom(uint64_t bytes) {
  const Segment& last = segments_.back();
  if (bytes <= last.file_bytes - last.end_position) return Status();
  Status status = maker_.Prepare();
  if (status.code() != Status::kNoSpace || !reserve_.held()) return status;
  MOM_RETURN_IF_ERROR(reserve_.Release());
  return maker_.Prepare();
}

// Writes the first of `entries` that fit into the segment in one piece, or starts a segment.
Status FileWal::WriteSome(std::span<const Entry>* entries) {
  // Lack of room came between a new segment and its mark.
  if (mark_.last_segment != segments_.back().first) MOM_RETURN_IF_ERROR(MarkLastSegment());
  Segment& last = segments_.back();
  ForgetPointsBehind(&last);
  ChainPoint chain = last.end;
  size_t written = 0;
  buffer_.clear();
  for (const Entry& entry : *entries) {
    const uint64_t bytes = RecordBytes(entry.bytes().size());
    const uint64_t position = last.end_position + buffer_.size();
    if (bytes > last.file_bytes - position) break;
    if (!buffer_.empty() && buffer_.size() + bytes > kWriteBytesMax) break;
    // Points behind log_end(), should the write fail, are never looked at, and go when it is tried again.
    if (position - last.index.back().position >= kIndexStepBytes) last.index.push_back({position, chain});
    EncodeRecord(entry, durable_end_, last.key, last.end_position, &chain, &buffer_);
    ++written;
  }
  if (written == 0) return Roll();
  MOM_RETURN_IF_ERROR(active_->WriteAt(last.end_position, buffer_));
  last.end_position += buffer_.size();
  last.end = chain;
  *entries = entries->subspan(written);
  return Status();
}

Status FileWal::Roll() {
  // Only the last segment may hold what is not durable: recovery relies on it.
  MOM_RETURN_IF_ERROR(Sync());
  MOM_RETURN_IF_ERROR(StartSegment(segments_.back().end));
  return MarkLastSegment();
}

void FileWal::ForgetPointsBehind(Segment* segment) {
  while (segment->index.size() > 1 && segment->index.back().position >= segment->end_position)
    segment->index.pop_back();
}

Status FileWal::MarkLastSegment() {
  LogMark mark = mark_;
  mark.last_segment = segments_.back().first;
  mark.durable_end = durable_end_;
  return WriteMark(mark);
}

Status FileWal::StartSegment(const ChainPoint& begin) {
  Segment segment;
  const SegmentHeader header{mark_.log_id, options_.segment_bytes, begin};
  const std::string sector = EncodeSegmentHeader(header, &segment.key);
  Result<std::unique_ptr<File>> file = maker_.Take(sector, begin.next);
  if (!file.ok()) return file.status();
  segment.first = begin.next;
  segment.file_bytes = options_.segment_bytes;
  segment.end_position = kRecordsBegin;
  segment.end = begin;
  segment.index.push_back(IndexPoint{kRecordsBegin, begin});
  segments_.push_back(std::move(segment));
  active_ = std::move(*file);
  return Status();
}

Status FileWal::Sync() {
  if (!failed_.ok()) return failed_;
  if (durable_end_ == log_end()) return Status();
  MOM_RETURN_IF_ERROR(Seal(active_->Sync()));
  ++sync_count_;
  durable_end_ = log_end();
  hint_->Write(mark_, durable_end_);
  return Status();
}

Result<std::vector<Entry>> FileWal::Read(Offset from, size_t max_bytes) {
  MOM_CHECK(from >= log_start() && from < log_end(), from, log_start(), log_end());
  std::vector<Entry> entries;
  size_t bytes = 0;
  for (size_t i = SegmentIndexOf(from); i < segments_.size(); ++i) {
    if (!entries.empty() && bytes >= max_bytes) break;
    if (segments_[i].first == segments_[i].end.next) continue;
    const Offset start = std::max(from, segments_[i].first);
    MOM_RETURN_IF_ERROR(ReadFrom(segments_[i], start, max_bytes, &bytes, &entries));
  }
  return entries;
}

Status FileWal::ReadFrom(const Segment& segment, Offset from, size_t max_bytes, size_t* bytes,
                         std::vector<Entry>* entries) {
  const std::string path = PathOf(segment.first);
  std::unique_ptr<File> opened;
  File* file = active_.get();
  if (segment.first != segments_.back().first) {
    Result<std::unique_ptr<File>> result = env_->OpenFile(path, OpenMode::kRead);
    if (!result.ok()) return result.status();
    opened = std::move(*result);
    file = opened.get();
  }
  const auto behind =
      std::upper_bound(segment.index.begin(), segment.index.end(), from,
                       [](Offset o, const IndexPoint& point) { return o < point.before.next; });
  const size_t chunk = std::clamp(max_bytes, kReadChunkBytesMin, kReadChunkBytesMax);
  SegmentReader reader(file, path, segment.key, *std::prev(behind), segment.end_position, chunk);
  RecordHeaderBytes header;
  std::string_view record;
  while (reader.HasNext() && (entries->empty() || *bytes < max_bytes)) {
    MOM_RETURN_IF_ERROR(reader.Next(&header, &record));
    if (header.offset < from.value) continue;
    *bytes += record.size();
    entries->push_back(DecodeEntry(header, record));
  }
  return Status();
}

size_t FileWal::SegmentIndexOf(Offset offset) const {
  const auto behind = std::upper_bound(segments_.begin(), segments_.end(), offset,
                                       [](Offset o, const Segment& segment) { return o < segment.first; });
  MOM_CHECK(behind != segments_.begin(), offset, log_start());
  return static_cast<size_t>(behind - segments_.begin()) - 1;
}

uint64_t FileWal::bytes() const {
  uint64_t sum = 0;
  for (const Segment& segment : segments_) sum += segment.file_bytes;
  return sum;
}

Status FileWal::Close() {
  MOM_RETURN_IF_ERROR(Sync());
  LogMark mark = mark_;
  mark.durable_end = durable_end_;
  MOM_RETURN_IF_ERROR(WriteMark(mark));
  failed_ = Status(Status::kStopping, "the log is closed");
  lock_.reset();
  return Status();
}

bool FileWal::WantsNextSegment() const {
  return failed_.ok() && !maker_.ready() && segments_.back().end_position > segments_.back().file_bytes / 2;
}

Status FileWal::WriteMark(const LogMark& mark) {
  Status written = WriteLogMark(env_, dir_, mark);
  // For lack of room: the old mark stands, and it may be tried again.
  if (written.code() == Status::kNoSpace) return written;
  MOM_RETURN_IF_ERROR(Seal(std::move(written)));
  mark_ = mark;
  return Status();
}

Status FileWal::Seal(Status status) {
  if (status.ok()) return status;
  // Lack of room invites to try again, which from here on nobody may.
  if (status.code() == Status::kNoSpace) status = Status(Status::kIoError, status.message());
  if (failed_.ok()) failed_ = status;
  return status;
}

}  // namespace mom::wal
