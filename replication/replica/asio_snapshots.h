// AsioSnapshots: hands out frozen states of the view to nodes that are too far behind for the log, and
// fetches them.
//
// A snapshot is a LevelDB snapshot: making one costs nothing, and serving goes on while the view changes. It
// travels in the order of its keys, so that a broken transfer goes on behind the last key that arrived.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "replication/replica/asio_runtime.h"
#include "replication/replica/marks.h"
#include "replication/replica/replica_driver.h"
#include "replication/transport/transport.h"
#include "replication/view/leveldb_view.h"

namespace mom::replication {

// A snapshot that was fetched: complete, durable, not in use.
struct PulledSnapshot {
  Installation installation;
  std::unique_ptr<LevelDbView> view;
};

struct SnapshotHooks {
  std::function<std::unique_ptr<broker::ViewReader>()>
      freeze;  // A frozen state of the view in use. Any thread.
  // Puts the snapshot in the place of view and log, then ReplicaDriver::OnSnapshotInstalled. The driver's
  // thread.
  std::function<void(PulledSnapshot pulled)> install;
  std::function<void(std::function<void()> task)> on_driver_thread;  // Any thread.
};

// SnapshotPort on the driver's thread; Serve on any.
class AsioSnapshots final : public SnapshotPort {
 public:
  // `dir` is the data folder. All must outlive it.
  AsioSnapshots(std::string dir, const LevelDbViewOptions& view_options, AsioRuntime* runtime,
                Transport* transport, ReplicaDriver* driver, SnapshotHooks hooks);
  ~AsioSnapshots() override;  // Stop().

  void Serve(const quorum::Identity& to, const SnapshotChunkRequest& request,
             std::function<void(Result<SnapshotChunk>)> reply);
  void Stop();
  // On the thread that reads and writes views. Any thread.
  void Run(std::function<void()> task);

  void Make() override;
  void Pull(const quorum::SnapshotId& id, NodeId from) override;
  void Abort(const quorum::SnapshotId& id) override;
  void Install(const quorum::SnapshotId& id) override;

 private:
  struct HandedOut {
    quorum::SnapshotId id;
    std::unique_ptr<broker::ViewReader> reader;
    Timestamp timestamp;
    quorum::VoterSet voters;
  };
  // Of one pull; shared with what it has asked for.
  struct Pulling {
    quorum::SnapshotId id;
    NodeId from;
    std::string name;  // Of the folder.
    std::unique_ptr<LevelDbView> view;
    std::string after;
    int failures = 0;
    std::atomic<bool> aborted{false};
    quorum::VoterSet voters;
    Timestamp timestamp;
  };
  using PullingPtr = std::shared_ptr<Pulling>;

  static SnapshotChunk ReadChunk(const HandedOut& from, const std::string& after);
  void Begin(const PullingPtr& pulling);
  Status Open(Pulling* pulling, const LevelDbViewOptions& options) const;
  void Ask(const PullingPtr& pulling);
  void OnChunk(const PullingPtr& pulling, Result<SnapshotChunk> chunk);
  Status Take(Pulling* pulling, const SnapshotChunk& chunk);
  Status Complete(Pulling* pulling, const SnapshotChunk& last);
  void Lose(const PullingPtr& pulling, const Status& why);
  void AskLater(const PullingPtr& pulling);

  const std::string dir_;
  const LevelDbViewOptions view_options_;
  AsioRuntime* const runtime_;
  Transport* const transport_;
  ReplicaDriver* const driver_;  // Used on its thread only.
  const SnapshotHooks hooks_;
  boost::asio::thread_pool pool_{1};  // Reads and writes of views.
  bool stopped_ = false;

  std::mutex mutex_;
  std::shared_ptr<const HandedOut> handed_out_;  // Guarded by mutex_.

  PullingPtr pulling_;  // Used by the driver's thread.
};

// XXH3 over the keys and values of a chunk, in order.
uint64_t ChecksumOf(const SnapshotChunk& chunk);

}  // namespace mom::replication
