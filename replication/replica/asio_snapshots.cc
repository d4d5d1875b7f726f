#include "replication/replica/asio_snapshots.h"

#include <boost/asio/post.hpp>

#include <chrono>
#include <utility>

#include "core/base/check.h"
#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "replication/replica/view_folders.h"
#include "wal/this_thread.h"

namespace mom::replication {
namespace {

constexpr int kFailuresMax = 50;  // In a row; half a second each once the peer is gone.
constexpr auto kRetryPause = std::chrono::milliseconds(100);
constexpr auto kInstallPause = std::chrono::milliseconds(1000);

std::string NameOf(const quorum::SnapshotId& id) {
  return "the snapshot up to offset " + std::to_string(id.end.value) + " of epoch " +
         std::to_string(id.epoch.value);
}

std::string NodeText(NodeId node) {
  return "node " + std::to_string(node.value);
}

// Asking again for the same would bring the same.
bool IsFinal(const Status& status) {
  return status.code() == Status::kInvalidArgument || status.code() == Status::kWrongOwner ||
         status.code() == Status::kCorruption || status.code() == Status::kStopping;
}

}  // namespace

AsioSnapshots::AsioSnapshots(std::string dir, const LevelDbViewOptions& view_options, AsioRuntime* runtime,
                             Transport* transport, ReplicaDriver* driver, SnapshotHooks hooks)
    : dir_(std::move(dir)),
      view_options_(view_options),
      runtime_(runtime),
      transport_(transport),
      driver_(driver),
      hooks_(std::move(hooks)),
      log_([this](LogLevel, const std::string& text) {
        if (hooks_.warn) hooks_.warn(text);
      }) {
  boost::asio::post(pool_, [] { wal::NameThisThread("mom-snapshots"); });
}

AsioSnapshots::~AsioSnapshots() {
  Stop();
}

void AsioSnapshots::Cancel() {
  stopping_ = true;
  if (pulling_) pulling_->aborted = true;
}

void AsioSnapshots::Stop() {
  if (std::exchange(stopped_, true)) return;
  Cancel();
  pool_.join();
  std::lock_guard lock(mutex_);
  handed_out_.reset();
}

void AsioSnapshots::Run(std::function<void()> task) {
  boost::asio::post(pool_, std::move(task));
}

void AsioSnapshots::After(std::chrono::milliseconds pause, std::function<void()> task) {
  hooks_.on_driver_thread([this, pause, task = std::move(task)]() mutable {
    auto timer = std::make_shared<AsioTimer>(runtime_);
    timer->SetAfter(pause, [this, task = std::move(task), timer] {
      if (!stopping_) task();
    });
  });
}

// ---------------------------------------------------------------------------------------------------------

// What the view holds is committed and, here, durable in the log.
void AsioSnapshots::Make() {
  auto made = Freeze();
  if (!made.ok()) {
    ++counts_.failed;
    return Warn("making", "no snapshot can be made for a node that is too far behind: " +
                              made.status().ToString() + "; it is tried again when the node asks again");
  }
  const SourcePtr source = *std::move(made);
  ++counts_.made;
  {
    std::lock_guard lock(mutex_);
    handed_out_ = source;
  }
  SumUp(source);
  hooks_.on_driver_thread([this, id = source->id()] { driver_->OnSnapshotMade(id); });
}

Result<AsioSnapshots::SourcePtr> AsioSnapshots::Freeze() const {
  auto pairs = hooks_.freeze();
  auto bytes = pairs->Get(broker::keys::Applied());
  if (!bytes.ok()) return bytes.status();
  const auto state = broker::ParseAppliedState(*bytes);
  if (!state.ok()) return state.status();
  const Offset end = state.value().end;
  const quorum::Quorum& quorum = driver_->quorum();
  if (end < quorum.log_start() || end > quorum.durable_end() || end == Offset{}) {
    return Status(Status::kOverloaded,
                  "the view stands at offset " + std::to_string(end.value) + ", outside of the log");
  }
  return std::make_shared<SnapshotSource>(std::move(pairs), state.value(), quorum.VotersAt(end));
}

AsioSnapshots::SourcePtr AsioSnapshots::HandedOut() const {
  std::lock_guard lock(mutex_);
  return handed_out_;
}

// In small steps, between those of others. Damage is found again, and named, by who serves.
void AsioSnapshots::SumUp(const SourcePtr& source) {
  boost::asio::post(pool_, [this, source] {
    if (stopping_ || HandedOut() != source) return;
    const auto all = source->SumSome();
    if (all.ok() && !all.value()) SumUp(source);
  });
}

void AsioSnapshots::Serve(const quorum::Identity& to, const SnapshotChunkRequest& request,
                          std::function<void(Result<SnapshotChunk>)> reply) {
  const SourcePtr from = HandedOut();
  if (!from || from->id() != request.id) {
    RefuseUnknown(to, request, from);
    return reply(Status(Status::kInvalidArgument, "it has no such snapshot any more"));
  }
  boost::asio::post(
      pool_, [this, from, to, request, reply = std::move(reply)] { ServeChunk(from, to, request, reply); });
}

// Of a leader before, perhaps. The asker comes back and finds a new one.
void AsioSnapshots::RefuseUnknown(const quorum::Identity& to, const SnapshotChunkRequest& request,
                                  const SourcePtr& handed_out) {
  Warn("asked by " + NodeText(to.node),
       NodeText(to.node) + " asked for " + NameOf(request.id) + ", this node has " +
           (handed_out ? NameOf(handed_out->id()) : std::string("none")) + "; another one is made for it");
  hooks_.on_driver_thread([this] { Make(); });
}

void AsioSnapshots::ServeChunk(const SourcePtr& from, const quorum::Identity& to,
                               const SnapshotChunkRequest& request,
                               const std::function<void(Result<SnapshotChunk>)>& reply) {
  auto read = from->ChunkBehind(request.after);
  if (!read.ok()) {
    ++counts_.failed;
    Warn("served to " + NodeText(to.node),
         NameOf(from->id()) + " cannot be handed to " + NodeText(to.node) + ": " + read.status().ToString() +
             "; stop this node, put the view folder of its data aside and start it again, so that another "
             "node leads and this view is built anew");
    return reply(read.status().Annotate("the view of the node that hands it over"));
  }
  auto chunk = std::make_shared<SnapshotChunk>(*std::move(read));
  hooks_.on_driver_thread([this, to, chunk, epoch = request.epoch, reply] {
    driver_->OnSnapshotServed(to, epoch);
    chunk->epoch = driver_->quorum().epoch();
    reply(std::move(*chunk));
  });
}

// ---------------------------------------------------------------------------------------------------------

void AsioSnapshots::Pull(const quorum::SnapshotId& id, NodeId from) {
  GiveUp("another one is fetched instead");
  if (stopping_) return;
  pulling_ = std::make_shared<Pulling>();
  pulling_->id = id;
  pulling_->from = from;
  pulling_->name = ViewFolderOf(id);
  pulling_->sink = std::make_unique<SnapshotSink>(dir_ + "/" + pulling_->name, view_options_, id);
  ShowProgress(*pulling_);
  boost::asio::post(pool_, [this, pulling = pulling_] { Begin(pulling); });
}

void AsioSnapshots::Begin(const PullingPtr& pulling) {
  if (pulling->aborted) return;
  if (Status status = pulling->sink->Open(); !status.ok()) return Lose(pulling, status);
  hooks_.on_driver_thread([this, pulling] { Ask(pulling); });
}

void AsioSnapshots::Ask(const PullingPtr& pulling) {
  if (pulling->aborted) return;
  const SnapshotChunkRequest request{pulling->id, driver_->quorum().epoch(), pulling->sink->after()};
  transport_->FetchSnapshot(pulling->from, request, [this, pulling](Result<SnapshotChunk> chunk) {
    if (pulling->aborted) return;
    auto shared = std::make_shared<Result<SnapshotChunk>>(std::move(chunk));
    boost::asio::post(pool_, [this, pulling, shared] { OnChunk(pulling, std::move(*shared)); });
  });
}

void AsioSnapshots::OnChunk(const PullingPtr& pulling, Result<SnapshotChunk> chunk) {
  if (pulling->aborted) return;
  if (!chunk.ok()) {
    if (IsFinal(chunk.status()) || ++pulling->failures >= kFailuresMax) return Lose(pulling, chunk.status());
    ShowError(chunk.status().ToString());
    Warn("a piece from " + NodeText(pulling->from),
         "a piece of " + NameOf(pulling->id) + " did not come from " + NodeText(pulling->from) + ": " +
             chunk.status().ToString() + "; it is asked for again");
    return AskLater(pulling);
  }
  pulling->failures = 0;
  if (Status status = pulling->sink->Take(*chunk); !status.ok()) return Lose(pulling, status);
  ShowProgress(*pulling);
  hooks_.on_driver_thread([this, pulling, epoch = chunk->epoch, last = chunk->last] {
    if (pulling->aborted) return;
    driver_->OnSnapshotProgress(pulling->id, pulling->from, epoch);
    if (!last) return Ask(pulling);
    if (!pulling->aborted) driver_->OnSnapshotPulled(pulling->id, pulling->sink->voters());
  });
}

void AsioSnapshots::AskLater(const PullingPtr& pulling) {
  After(kRetryPause, [this, pulling] { Ask(pulling); });
}

void AsioSnapshots::Lose(const PullingPtr& pulling, const Status& why) {
  hooks_.on_driver_thread([this, pulling, why] {
    if (pulling->aborted || pulling != pulling_) return;
    GiveUp(why.ToString());
    driver_->OnSnapshotFailed(pulling->id);
  });
}

void AsioSnapshots::Abort(const quorum::SnapshotId& id) {
  if (!pulling_ || pulling_->id != id) return;
  GiveUp(NodeText(pulling_->from) + " no longer leads, or was silent for too long");
}

// On the driver's thread. What arrived goes at once: it may be what fills the disk.
void AsioSnapshots::GiveUp(const std::string& why) {
  const PullingPtr pulling = std::exchange(pulling_, nullptr);
  if (!pulling || pulling->aborted.exchange(true)) return;
  ++counts_.failed;
  ShowError(why);
  Warn("loading from " + NodeText(pulling->from) + ": " + why.substr(0, why.find(':')),
       NameOf(pulling->id) + " was not loaded from " + NodeText(pulling->from) + ": " + why +
           "; what had come is thrown away, and whoever leads is asked for a snapshot again");
  Discard(pulling);
}

void AsioSnapshots::Discard(const PullingPtr& pulling) {
  boost::asio::post(pool_, [this, pulling] {
    Status status = pulling->sink->Discard();
    if (status.ok()) return;
    Warn("discarding",
         "the folder " + pulling->name +
             " of a snapshot that was not loaded stays until the next start: " + status.ToString());
  });
}

// ---------------------------------------------------------------------------------------------------------

void AsioSnapshots::Install(const quorum::SnapshotId& id) {
  MOM_CHECK(pulling_ && pulling_->id == id && !pulling_->aborted, id.end);
  auto pulled = std::make_shared<PulledSnapshot>();
  const SnapshotSink& sink = *pulling_->sink;
  pulled->installation = {id, sink.timestamp(), sink.voters(), pulling_->name};
  pulled->view = pulling_->sink->TakeView();
  pulling_.reset();
  hooks_.on_driver_thread([this, pulled] { TryInstall(pulled); });
}

// The protocol waits: an installation always comes to an end, be it after a restart.
void AsioSnapshots::TryInstall(const std::shared_ptr<PulledSnapshot>& pulled) {
  if (stopping_) return;
  Status status = hooks_.install(pulled.get());
  if (status.ok()) {
    ++counts_.loaded;
    return ForgetLoad();
  }
  ++counts_.failed;
  ShowError(status.ToString());
  const bool again = status.code() == Status::kNoSpace;
  Warn("installing", NameOf(pulled->installation.id) +
                         " cannot take the place of view and log: " + status.ToString() +
                         (again ? "; it is kept, and tried again every second" : "; this node stops"));
  if (again) After(kInstallPause, [this, pulled] { TryInstall(pulled); });
}

// ---------------------------------------------------------------------------------------------------------

std::optional<SnapshotLoad> AsioSnapshots::Load() const {
  std::lock_guard lock(mutex_);
  return load_;
}

void AsioSnapshots::ForgetLoad() {
  std::lock_guard lock(mutex_);
  load_.reset();
}

// What went wrong before stays to be seen until something has come this time.
void AsioSnapshots::ShowProgress(const Pulling& pulling) {
  if (pulling.aborted) return;
  const SnapshotSum& sum = pulling.sink->sum();
  SnapshotLoad load{pulling.from, pulling.id.end, sum.pairs, pulling.sink->pairs_total(), sum.bytes, {}};
  std::lock_guard lock(mutex_);
  if (load_ && sum.pairs == 0) load.error = std::move(load_->error);
  load_ = std::move(load);
}

void AsioSnapshots::ShowError(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (load_) load_->error = why;
}

void AsioSnapshots::Warn(const std::string& subject, const std::string& text) {
  if (!stopping_) log_.Warn(subject, text);
}

}  // namespace mom::replication
