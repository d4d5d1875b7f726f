#include "core/quorum/epoch_table.h"

#include <algorithm>

#include "core/base/check.h"

namespace mom::quorum {
namespace {

// First of `epochs` whose epoch is larger.
auto Above(const std::vector<EpochStart>& epochs, Epoch epoch) {
  return std::upper_bound(epochs.begin(), epochs.end(), epoch,
                          [](Epoch value, const EpochStart& e) { return value < e.epoch; });
}

}  // namespace

EpochTable::EpochTable(Offset log_start, Epoch floor, Offset log_end, const std::vector<EpochStart>& epochs)
    : log_start_(log_start), log_end_(log_end), floor_(floor), epochs_(epochs) {
  MOM_CHECK(log_start <= log_end, log_start, log_end);
  MOM_CHECK(epochs.empty() == (log_start == log_end), epochs.size(), log_start, log_end);
  Epoch last_epoch = floor;
  for (size_t i = 0; i < epochs.size(); ++i) {
    const EpochStart& e = epochs[i];
    MOM_CHECK(i == 0 ? e.epoch >= last_epoch : e.epoch > last_epoch, e.epoch, last_epoch);
    MOM_CHECK(i == 0 ? e.start == log_start : e.start > epochs[i - 1].start, e.start);
    MOM_CHECK(e.start < log_end, e.start, log_end);
    last_epoch = e.epoch;
  }
}

Epoch EpochTable::EpochBefore(Offset end) const {
  MOM_CHECK(log_start_ <= end && end <= log_end_, log_start_, end, log_end_);
  if (end == log_end_) return last_epoch();
  auto it = std::lower_bound(epochs_.begin(), epochs_.end(), end,
                             [](const EpochStart& e, Offset value) { return e.start < value; });
  return it == epochs_.begin() ? floor_ : (it - 1)->epoch;
}

std::optional<EpochEnd> EpochTable::EndFor(Epoch epoch) const {
  auto above = Above(epochs_, epoch);
  const Offset end = above == epochs_.end() ? log_end_ : above->start;
  if (above != epochs_.begin()) return EpochEnd{(above - 1)->epoch, end};
  if (floor_ <= epoch) return EpochEnd{floor_, end};
  return std::nullopt;
}

// KRaft's validation rule: the largest epoch not above the asker's must be that very epoch, and reach as far.
Position EpochTable::Compare(Offset end, Epoch last_epoch, EpochEnd* diverging) const {
  if (end < log_start_) return Position::kTooOld;
  const std::optional<EpochEnd> mine = EndFor(last_epoch);
  if (!mine) return Position::kTooOld;  // They part below the log's start.
  if (mine->epoch == last_epoch && end <= mine->end) return Position::kMatches;
  *diverging = *mine;
  return Position::kDiverges;
}

Offset EpochTable::TruncationPoint(const EpochEnd& diverging) const {
  const std::optional<EpochEnd> mine = EndFor(diverging.epoch);
  if (!mine) return log_start_;
  if (mine->epoch == diverging.epoch) return std::min(mine->end, diverging.end);
  return mine->end;
}

void EpochTable::Append(Epoch epoch, uint64_t count) {
  MOM_CHECK(count > 0);
  MOM_CHECK(epoch >= last_epoch(), epoch, last_epoch());
  if (epochs_.empty() || epochs_.back().epoch < epoch) epochs_.push_back(EpochStart{epoch, log_end_});
  log_end_ = log_end_ + Count{count};
}

void EpochTable::TruncateTo(Offset to) {
  MOM_CHECK(log_start_ <= to && to < log_end_, log_start_, to, log_end_);
  while (!epochs_.empty() && epochs_.back().start >= to) epochs_.pop_back();
  log_end_ = to;
}

void EpochTable::DropPrefix(Offset to) {
  MOM_CHECK(log_start_ <= to && to <= log_end_, log_start_, to, log_end_);
  if (to == log_start_) return;
  floor_ = EpochBefore(to);
  size_t gone = 0;  // Epochs that end at or below `to`.
  while (gone < epochs_.size() && (gone + 1 < epochs_.size() ? epochs_[gone + 1].start : log_end_) <= to)
    ++gone;
  epochs_.erase(epochs_.begin(), epochs_.begin() + static_cast<std::ptrdiff_t>(gone));
  if (!epochs_.empty()) epochs_.front().start = std::max(epochs_.front().start, to);
  log_start_ = to;
}

void EpochTable::Reset(Offset end, Epoch floor) {
  epochs_.clear();
  log_start_ = log_end_ = end;
  floor_ = floor;
}

}  // namespace mom::quorum
