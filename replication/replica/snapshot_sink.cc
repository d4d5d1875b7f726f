#include "replication/replica/snapshot_sink.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/broker/broker.h"
#include "core/broker/keys.h"

namespace mom::replication {
namespace {

// Memory table of a view that is being pulled. Each is a file that LevelDB syncs in one piece, and what the
// log syncs meanwhile on the same disk waits for it: with 64 MiB the slowest publishes of a cluster took ten
// times as long while a node joined. Keys come in order, so that many small files cost no merging.
constexpr size_t kPullBufferBytes = 2u << 20;
constexpr uint64_t kPullKeepsFreeBytes = 32u << 20;

Status Corrupt(std::string what) {
  return Status(Status::kCorruption, std::move(what));
}

}  // namespace

SnapshotSink::SnapshotSink(std::string dir, const LevelDbViewOptions& options, const quorum::SnapshotId& id)
    : dir_(std::move(dir)), options_(options), id_(id) {}

Status SnapshotSink::Open() {
  MOM_RETURN_IF_ERROR(LevelDbView::Remove(dir_));
  LevelDbViewOptions options = options_;
  options.write_buffer_bytes = std::min(options.write_buffer_bytes, kPullBufferBytes);
  // The log and the view in use come first. Without room the transfer ends, and begins anew later.
  options.room.waits = false;
  options.room.keep_free_bytes = kPullKeepsFreeBytes;
  return OpenView(options);
}

Status SnapshotSink::OpenView(const LevelDbViewOptions& options) {
  auto view = LevelDbView::Open(dir_, options);
  if (view.ok()) view_ = *std::move(view);
  return view.status();
}

Status SnapshotSink::Take(const SnapshotChunk& chunk) {
  MOM_CHECK(view_ != nullptr, dir_);
  MOM_RETURN_IF_ERROR(Check(chunk));
  broker::ViewBatch batch;
  for (const auto& [key, value] : chunk.pairs) {
    if (key <= after_) return Corrupt("keys of the snapshot are out of order");
    after_ = key;
    sum_.Add(key, value);
    batch.emplace_hint(batch.end(), key, value);
  }
  if (chunk.last) MOM_RETURN_IF_ERROR(CheckWhole(chunk));
  if (pairs_total_ != 0 && sum_.pairs > pairs_total_) {
    return Corrupt("more pairs came than the " + std::to_string(pairs_total_) + " that the snapshot holds");
  }
  MOM_RETURN_IF_ERROR(view_->Write(batch));
  return chunk.last ? Complete(chunk) : Status();
}

Status SnapshotSink::Check(const SnapshotChunk& chunk) {
  if (chunk.format != broker::kViewFormat) {
    return Status(Status::kWrongOwner, "it is of view format " + std::to_string(chunk.format) +
                                           ", this program is of format " +
                                           std::to_string(broker::kViewFormat));
  }
  if (chunk.checksum != ChecksumOf(chunk)) return Corrupt("a piece of the snapshot is damaged");
  if (chunk.pairs.empty() && !chunk.last) return Corrupt("an empty piece of the snapshot");
  if (pairs_total_ != 0 && chunk.pairs_total != pairs_total_) {
    return Corrupt("its sender says that it holds " + std::to_string(chunk.pairs_total) +
                   " pairs, and said " + std::to_string(pairs_total_) + " before");
  }
  pairs_total_ = chunk.pairs_total;
  return Status();
}

Status SnapshotSink::CheckWhole(const SnapshotChunk& last) const {
  if (sum_.pairs != last.pairs_total) {
    return Corrupt(std::to_string(sum_.pairs) + " pairs came of the " + std::to_string(last.pairs_total) +
                   " that the snapshot holds");
  }
  if (sum_.checksum != last.snapshot_checksum)
    return Corrupt("the checksum of the whole snapshot is not the one that its sender made");
  return Status();
}

Status SnapshotSink::Complete(const SnapshotChunk& last) {
  if (!quorum::VoterSet::IsValid(last.voters)) return Corrupt("a snapshot without voters");
  voters_ = quorum::VoterSet(last.voters);
  timestamp_ = last.timestamp;
  auto bytes = view_->GetChecked(broker::keys::Applied());
  if (!bytes.ok()) return bytes.status();
  const auto state = broker::ParseAppliedState(*bytes);
  if (!state.ok()) return state.status();
  if (state.value().end != id_.end || state.value().epoch != id_.epoch ||
      state.value().timestamp != last.timestamp) {
    return Corrupt("the snapshot is of another offset than it says");
  }
  MOM_RETURN_IF_ERROR(view_->MakeDurable());
  view_.reset();
  return OpenView(options_);
}

Status SnapshotSink::Discard() {
  view_.reset();
  return LevelDbView::Remove(dir_);
}

std::unique_ptr<LevelDbView> SnapshotSink::TakeView() {
  MOM_CHECK(view_ != nullptr && !voters_.empty(), dir_);
  return std::move(view_);
}

}  // namespace mom::replication
