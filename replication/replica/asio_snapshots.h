// AsioSnapshots: hands out frozen states of the view to nodes that are too far behind for the log, and
// fetches them.
//
// A snapshot is a LevelDB snapshot: making one costs nothing, and serving goes on while the view changes. It
// travels in the order of its keys, so that a broken transfer goes on behind the last key that arrived.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "replication/replica/asio_runtime.h"
#include "replication/replica/marks.h"
#include "replication/replica/replica_driver.h"
#include "replication/replica/snapshot_load.h"
#include "replication/replica/snapshot_sink.h"
#include "replication/replica/snapshot_source.h"
#include "replication/transport/rare_log.h"
#include "replication/transport/transport.h"
#include "replication/view/leveldb_view.h"
#include "replication/view/view_pairs.h"

namespace mom::replication {

// A snapshot that was fetched: complete, durable, not in use.
struct PulledSnapshot {
  Installation installation;
  std::unique_ptr<LevelDbView> view;
};

struct SnapshotHooks {
  std::function<std::unique_ptr<ViewPairs>()> freeze;  // A frozen state of the view in use. Any thread.
  // Puts the snapshot in the place of view and log, then ReplicaDriver::OnSnapshotInstalled. kNoSpace:
  // nothing was changed and nothing taken, it is asked again a second later. The driver's thread.
  std::function<Status(PulledSnapshot* pulled)> install;
  std::function<void(std::function<void()> task)> on_driver_thread;  // Any thread.
  std::function<void(const std::string& text)>
      warn;  // A line for who operates the node. Any thread; may be empty.
};

struct SnapshotCounts {
  std::atomic<uint64_t> made{0}, loaded{0}, failed{0};  // Failed: to load or to hand out.
};

// SnapshotPort on the driver's thread; Serve on any. No error is dropped: each is a line in the log, rare
// when it repeats itself, and the last one of loading is in Load() until it is overcome.
class AsioSnapshots final : public SnapshotPort {
 public:
  // `dir` is the data folder. All must outlive it.
  AsioSnapshots(std::string dir, const LevelDbViewOptions& view_options, AsioRuntime* runtime,
                Transport* transport, ReplicaDriver* driver, SnapshotHooks hooks);
  ~AsioSnapshots() override;  // Stop().

  void Serve(const quorum::Identity& to, const SnapshotChunkRequest& request,
             std::function<void(Result<SnapshotChunk>)> reply);
  // Nothing more is fetched. The driver's thread, before its runtime stops.
  void Cancel();
  void Stop();
  // On the thread that reads and writes views. Any thread.
  void Run(std::function<void()> task);
  // The snapshot that is being loaded, or could not be loaded yet. Any thread.
  std::optional<SnapshotLoad> Load() const;
  // It came without a snapshot in the end. Any thread.
  void ForgetLoad();
  const SnapshotCounts& counts() const { return counts_; }

  void Make() override;
  void Pull(const quorum::SnapshotId& id, NodeId from) override;
  void Abort(const quorum::SnapshotId& id) override;
  void Install(const quorum::SnapshotId& id) override;

 private:
  using SourcePtr = std::shared_ptr<SnapshotSource>;
  // Of one pull; shared with what it has asked for.
  struct Pulling {
    quorum::SnapshotId id;
    NodeId from;
    std::string name;  // Of the folder.
    std::unique_ptr<SnapshotSink> sink;
    int failures = 0;
    std::atomic<bool> aborted{false};
  };
  using PullingPtr = std::shared_ptr<Pulling>;

  Result<SourcePtr> Freeze() const;
  SourcePtr HandedOut() const;
  void SumUp(const SourcePtr& source);
  void ServeChunk(const SourcePtr& from, const quorum::Identity& to, const SnapshotChunkRequest& request,
                  const std::function<void(Result<SnapshotChunk>)>& reply);
  void RefuseUnknown(const quorum::Identity& to, const SnapshotChunkRequest& request,
                     const SourcePtr& handed_out);
  void Begin(const PullingPtr& pulling);
  void Ask(const PullingPtr& pulling);
  void OnChunk(const PullingPtr& pulling, Result<SnapshotChunk> chunk);
  void AskLater(const PullingPtr& pulling);
  void Lose(const PullingPtr& pulling, const Status& why);
  void GiveUp(const std::string& why);
  void Discard(const PullingPtr& pulling);
  void TryInstall(const std::shared_ptr<PulledSnapshot>& pulled);
  void After(std::chrono::milliseconds pause, std::function<void()> task);  // Not when cancelled meanwhile.
  void ShowProgress(const Pulling& pulling);
  void ShowError(const std::string& why);
  void Warn(const std::string& subject, const std::string& text);

  const std::string dir_;
  const LevelDbViewOptions view_options_;
  AsioRuntime* const runtime_;
  Transport* const transport_;
  ReplicaDriver* const driver_;  // Used on its thread only.
  const SnapshotHooks hooks_;
  SnapshotCounts counts_;
  RareLog log_;
  boost::asio::thread_pool pool_{1};  // Reads and writes of views.
  std::atomic<bool> stopping_{false};
  bool stopped_ = false;

  mutable std::mutex mutex_;
  SourcePtr handed_out_;  // Guarded by mutex_, like the next.
  std::optional<SnapshotLoad> load_;

  PullingPtr pulling_;  // Used by the driver's thread.
};

}  // namespace mom::replication
