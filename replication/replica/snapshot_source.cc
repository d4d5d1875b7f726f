#include "replication/replica/snapshot_source.h"

#include <utility>

namespace mom::replication {
namespace {

// What serves a chunk holds up the frames for other followers meanwhile: with four times as much publishing
// took twice as long while a node joined, with this half as long again.
constexpr size_t kChunkBytesMax = 256u << 10;
constexpr size_t kSumBytesMax = 1u << 20;

}  // namespace

SnapshotSource::SnapshotSource(std::unique_ptr<const ViewPairs> pairs, const broker::AppliedState& state,
                               quorum::VoterSet voters)
    : pairs_(std::move(pairs)),
      id_{state.end, state.epoch},
      timestamp_(state.timestamp),
      voters_(std::move(voters)) {}

Result<bool> SnapshotSource::SumSome() {
  if (is_summed_) return true;
  const uint64_t until = sum_.bytes + kSumBytesMax;
  auto all = pairs_->ForEachBehind(summed_to_, [&](std::string_view key, std::string_view value) {
    sum_.Add(key, value);
    if (sum_.bytes < until) return true;
    summed_to_ = key;
    return false;
  });
  is_summed_ = all.ok() && *all;
  return all;
}

Result<SnapshotChunk> SnapshotSource::ChunkBehind(const std::string& after) {
  SnapshotChunk chunk;
  size_t bytes = 0;
  auto all = pairs_->ForEachBehind(after, [&](std::string_view key, std::string_view value) {
    bytes += key.size() + value.size();
    chunk.pairs.emplace_back(key, value);
    return bytes < kChunkBytesMax;
  });
  if (!all.ok()) return all.status();
  chunk.last = *all;
  while (chunk.last && !is_summed_) {
    if (auto summed = SumSome(); !summed.ok()) return summed.status();
  }
  chunk.checksum = ChecksumOf(chunk);
  chunk.format = broker::kViewFormat;
  chunk.timestamp = timestamp_;
  chunk.voters.assign(voters_.begin(), voters_.end());
  if (is_summed_) chunk.pairs_total = sum_.pairs;
  if (chunk.last) chunk.snapshot_checksum = sum_.checksum;
  return chunk;
}

}  // namespace mom::replication
