#include "replication/replica/asio_snapshots.h"

#include <xxhash.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/broker/broker.h"
#include "replication/replica/view_folders.h"
#include "wal/this_thread.h"

namespace mom::replication {
namespace {

// What serves a chunk holds up the frames for other followers meanwhile: with four times as much publishing
// took twice as long while a node joined, with this half as long again.
constexpr size_t kChunkBytesMax = 256u << 10;
// Memory table of a view that is being pulled. Each is a file that LevelDB syncs in one piece, and what the
// log syncs meanwhile on the same disk waits for it: with 64 MiB the slowest publishes of a cluster took ten
// times as long while a node joined. Keys come in order, so that many small files cost no merging.
constexpr size_t kPullBufferBytes = 2u << 20;
constexpr int kFailuresMax = 50;  // In a row; half a second each once the peer is gone.
constexpr auto kRetryPause = std::chrono::milliseconds(100);

}  // namespace

uint64_t ChecksumOf(const SnapshotChunk& chunk) {
  uint64_t hash = chunk.pairs.size();
  for (const auto& [key, value] : chunk.pairs) {
    hash = XXH3_64bits_withSeed(key.data(), key.size(), hash);
    hash = XXH3_64bits_withSeed(value.data(), value.size(), hash);
  }
  return hash;
}

AsioSnapshots::AsioSnapshots(std::string dir, const LevelDbViewOptions& view_options, AsioRuntime* runtime,
                             Transport* transport, ReplicaDriver* driver, SnapshotHooks hooks)
    : dir_(std::move(dir)),
      view_options_(view_options),
      runtime_(runtime),
      transport_(transport),
      driver_(driver),
      hooks_(std::move(hooks)) {
  boost::asio::post(pool_, [] { wal::NameThisThread("mom-snapshots"); });
}

AsioSnapshots::~AsioSnapshots() {
  Stop();
}

void AsioSnapshots::Stop() {
  if (std::exchange(stopped_, true)) return;
  if (pulling_) pulling_->aborted = true;
  pool_.join();
  std::lock_guard lock(mutex_);
  handed_out_.reset();
}

// ---------------------------------------------------------------------------------------------------------

void AsioSnapshots::Run(std::function<void()> task) {
  boost::asio::post(pool_, std::move(task));
}

// What the view holds is committed and, here, durable in the log.
void AsioSnapshots::Make() {
  auto made = std::make_shared<HandedOut>();
  made->reader = hooks_.freeze();
  const broker::AppliedState state = broker::ReadAppliedState(*made->reader);
  const quorum::Quorum& quorum = driver_->quorum();
  if (state.end < quorum.log_start() || state.end > quorum.durable_end() || state.end == Offset{}) return;
  made->id = {state.end, state.epoch};
  made->timestamp = state.timestamp;
  made->voters = quorum.VotersAt(state.end);
  {
    std::lock_guard lock(mutex_);
    handed_out_ = made;
  }
  hooks_.on_driver_thread([this, id = made->id] { driver_->OnSnapshotMade(id); });
}

SnapshotChunk AsioSnapshots::ReadChunk(const HandedOut& from, const std::string& after) {
  SnapshotChunk chunk;
  auto it = from.reader->NewIterator();
  it->Seek(after);
  if (it->Valid() && !after.empty() && it->key() == after) it->Next();
  size_t bytes = 0;
  for (; it->Valid() && bytes < kChunkBytesMax; it->Next()) {
    bytes += it->key().size() + it->value().size();
    chunk.pairs.emplace_back(it->key(), it->value());
  }
  chunk.last = !it->Valid();
  chunk.timestamp = from.timestamp;
  chunk.voters.assign(from.voters.begin(), from.voters.end());
  chunk.checksum = ChecksumOf(chunk);
  return chunk;
}

void AsioSnapshots::Serve(const quorum::Identity& to, const SnapshotChunkRequest& request,
                          std::function<void(Result<SnapshotChunk>)> reply) {
  std::shared_ptr<const HandedOut> from;
  {
    std::lock_guard lock(mutex_);
    from = handed_out_;
  }
  if (!from || from->id != request.id) {
    // Of a leader before, perhaps. The asker comes back and finds a new one.
    hooks_.on_driver_thread([this] { Make(); });
    return reply(Status(Status::kInvalidArgument, "no such snapshot"));
  }
  boost::asio::post(pool_, [this, from, to, request, reply = std::move(reply)] {
    auto chunk = std::make_shared<SnapshotChunk>(ReadChunk(*from, request.after));
    hooks_.on_driver_thread([this, to, chunk, epoch = request.epoch, reply] {
      driver_->OnSnapshotServed(to, epoch);
      chunk->epoch = driver_->quorum().epoch();
      reply(std::move(*chunk));
    });
  });
}

// ---------------------------------------------------------------------------------------------------------

void AsioSnapshots::Pull(const quorum::SnapshotId& id, NodeId from) {
  if (pulling_) pulling_->aborted = true;
  pulling_ = std::make_shared<Pulling>();
  pulling_->id = id;
  pulling_->from = from;
  pulling_->name = ViewFolderOf(id);
  boost::asio::post(pool_, [this, pulling = pulling_] { Begin(pulling); });
}

void AsioSnapshots::Begin(const PullingPtr& pulling) {
  const std::string path = dir_ + "/" + pulling->name;
  Status status = LevelDbView::Remove(path);  // Of an attempt before.
  if (status.ok()) {
    LevelDbViewOptions options = view_options_;
    options.write_buffer_bytes = std::min(options.write_buffer_bytes, kPullBufferBytes);
    status = Open(pulling.get(), options);
  }
  if (!status.ok()) return Lose(pulling, status);
  hooks_.on_driver_thread([this, pulling] { Ask(pulling); });
}

Status AsioSnapshots::Open(Pulling* pulling, const LevelDbViewOptions& options) const {
  auto view = LevelDbView::Open(dir_ + "/" + pulling->name, options);
  if (view.ok()) pulling->view = *std::move(view);
  return view.status();
}

void AsioSnapshots::Ask(const PullingPtr& pulling) {
  if (pulling->aborted) return;
  const SnapshotChunkRequest request{pulling->id, driver_->quorum().epoch(), pulling->after};
  transport_->FetchSnapshot(pulling->from, request, [this, pulling](Result<SnapshotChunk> chunk) {
    if (pulling->aborted) return;
    auto shared = std::make_shared<Result<SnapshotChunk>>(std::move(chunk));
    boost::asio::post(pool_, [this, pulling, shared] { OnChunk(pulling, std::move(*shared)); });
  });
}

void AsioSnapshots::OnChunk(const PullingPtr& pulling, Result<SnapshotChunk> chunk) {
  if (pulling->aborted) return;
  if (!chunk.ok()) {
    const bool gone = chunk.status().code() == Status::kInvalidArgument;
    if (gone || ++pulling->failures >= kFailuresMax) return Lose(pulling, chunk.status());
    return AskLater(pulling);
  }
  pulling->failures = 0;
  Status status = Take(pulling.get(), *chunk);
  if (status.ok() && chunk->last) status = Complete(pulling.get(), *chunk);
  if (!status.ok()) return Lose(pulling, status);
  hooks_.on_driver_thread([this, pulling, epoch = chunk->epoch, last = chunk->last] {
    if (pulling->aborted) return;
    driver_->OnSnapshotProgress(pulling->id, pulling->from, epoch);
    if (!last) return Ask(pulling);
    if (!pulling->aborted) driver_->OnSnapshotPulled(pulling->id, pulling->voters);
  });
}

void AsioSnapshots::AskLater(const PullingPtr& pulling) {
  auto timer = std::make_shared<boost::asio::steady_timer>(runtime_->io());
  timer->expires_after(kRetryPause);
  timer->async_wait([this, pulling, timer](const boost::system::error_code& error) {
    if (!error) Ask(pulling);
  });
}

Status AsioSnapshots::Take(Pulling* pulling, const SnapshotChunk& chunk) {
  if (chunk.checksum != ChecksumOf(chunk))
    return Status(Status::kCorruption, "a piece of the snapshot is damaged");
  broker::ViewBatch batch;
  for (const auto& [key, value] : chunk.pairs) {
    if (key <= pulling->after) return Status(Status::kCorruption, "keys of the snapshot are out of order");
    pulling->after = key;
    batch.emplace_hint(batch.end(), key, value);
  }
  if (chunk.pairs.empty() && !chunk.last)
    return Status(Status::kCorruption, "an empty piece of the snapshot");
  return pulling->view->Write(batch);
}

Status AsioSnapshots::Complete(Pulling* pulling, const SnapshotChunk& last) {
  if (!quorum::VoterSet::IsValid(last.voters))
    return Status(Status::kCorruption, "a snapshot without voters");
  pulling->voters = quorum::VoterSet(last.voters);
  pulling->timestamp = last.timestamp;
  const broker::AppliedState state = broker::ReadAppliedState(*pulling->view->Latest());
  if (state.end != pulling->id.end || state.epoch != pulling->id.epoch || state.timestamp != last.timestamp) {
    return Status(Status::kCorruption, "the snapshot is of another offset than it says");
  }
  if (Status status = pulling->view->MakeDurable(); !status.ok()) return status;
  pulling->view.reset();
  return Open(pulling, view_options_);
}

void AsioSnapshots::Lose(const PullingPtr& pulling, const Status&) {
  hooks_.on_driver_thread([this, pulling] {
    if (!pulling->aborted.exchange(true)) driver_->OnSnapshotFailed(pulling->id);
  });
}

void AsioSnapshots::Abort(const quorum::SnapshotId& id) {
  if (!pulling_ || pulling_->id != id) return;
  pulling_->aborted = true;
  pulling_.reset();
}

void AsioSnapshots::Install(const quorum::SnapshotId& id) {
  MOM_CHECK(pulling_ && pulling_->id == id && pulling_->view, id.end);
  auto pulled = std::make_shared<PulledSnapshot>();
  pulled->installation = {id, pulling_->timestamp, pulling_->voters, pulling_->name};
  pulled->view = std::move(pulling_->view);
  pulling_.reset();
  hooks_.on_driver_thread([this, pulled] { hooks_.install(std::move(*pulled)); });
}

}  // namespace mom::replication
