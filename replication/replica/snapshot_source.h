// SnapshotSource: a frozen state of this node's view, cut into pieces for the nodes that ask for it.
#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/broker/broker.h"
#include "core/quorum/types.h"
#include "replication/replica/snapshot_sum.h"
#include "replication/transport/transport.h"
#include "replication/view/view_pairs.h"

namespace mom::replication {

// Not thread-safe but for id(). Errors are those of ViewPairs: the view of this node is damaged.
class SnapshotSource {
 public:
  // `state` is what `pairs` says of itself, `voters` those in force there.
  SnapshotSource(std::unique_ptr<const ViewPairs> pairs, const broker::AppliedState& state,
                 quorum::VoterSet voters);

  const quorum::SnapshotId& id() const { return id_; }
  // Sums up some more of the pairs, a few milliseconds of reading. True: all of them are.
  Result<bool> SumSome();
  // The pairs behind `after`. The number of all pairs is in it once they are summed up, and always in the
  // last piece, which also has their checksum. The epoch is the caller's to set.
  Result<SnapshotChunk> ChunkBehind(const std::string& after);

 private:
  const std::unique_ptr<const ViewPairs> pairs_;
  const quorum::SnapshotId id_;
  const Timestamp timestamp_;
  const quorum::VoterSet voters_;
  SnapshotSum sum_;
  std::string summed_to_;  // Key of the last pair in sum_.
  bool is_summed_ = false;
};

}  // namespace mom::replication
