// SnapshotSink: the view that the pieces of a snapshot are gathered in, checked before anybody uses it.
#pragma once

#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/base/time.h"
#include "core/quorum/types.h"
#include "replication/replica/snapshot_sum.h"
#include "replication/transport/transport.h"
#include "replication/view/leveldb_view.h"

namespace mom::replication {

// Not thread-safe. After an error it is of no more use than to be discarded.
class SnapshotSink {
 public:
  // `dir` is the folder for the view, which nobody else uses.
  SnapshotSink(std::string dir, const LevelDbViewOptions& options, const quorum::SnapshotId& id);

  // Begins with an empty folder, whatever an attempt before has left there.
  Status Open();
  // Takes the next piece. With the last one the whole is checked and forced to the disk.
  //   kCorruption   it is damaged, out of order, or not what the sender has summed up;
  //   kWrongOwner   it is of another format than this program's;
  //   the rest      the disk of this node.
  Status Take(const SnapshotChunk& chunk);
  // Removes the folder.
  Status Discard();

  const std::string& after() const { return after_; }  // Key of the last pair.
  const SnapshotSum& sum() const { return sum_; }
  uint64_t pairs_total() const { return pairs_total_; }  // 0: not known yet.
  // REQUIRES: Take of the last piece was ok. TakeView once.
  const quorum::VoterSet& voters() const { return voters_; }
  Timestamp timestamp() const { return timestamp_; }
  std::unique_ptr<LevelDbView> TakeView();

 private:
  Status OpenView(const LevelDbViewOptions& options);
  Status Check(const SnapshotChunk& chunk);
  Status CheckWhole(const SnapshotChunk& last) const;
  Status Complete(const SnapshotChunk& last);

  const std::string dir_;
  const LevelDbViewOptions options_;
  const quorum::SnapshotId id_;
  std::unique_ptr<LevelDbView> view_;
  std::string after_;
  SnapshotSum sum_;
  uint64_t pairs_total_ = 0;
  quorum::VoterSet voters_;
  Timestamp timestamp_;
};

}  // namespace mom::replication
