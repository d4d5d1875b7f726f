// Snapshots on their way: made, offered, asked for piece by piece, put in place.
#include <algorithm>

#include "tests/sim/cluster.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

constexpr uint32_t kPieces = 3;
constexpr uint32_t kTriesMax = 6;

}  // namespace

// A view may be ahead of a damaged log; then only what the log is known to have again counts. A snapshot of
// everything applied; a checkpoint of the view comes with it.
void Cluster::OfferSnapshot(Node* node) {
  Disk& disk = *node->disk;
  if (!node->is_up() || node->installing || node->applied > node->core->committed_end()) return;
  disk.view_end = node->applied;
  disk.view_digest = node->digest;
  if (node->applied == Offset{}) return;
  disk.snapshot =
      Snapshot{{node->applied, disk.EpochBefore(node->applied)}, disk.VotersAt(node->applied), node->digest};
  SIM_CHECK(node->core->VotersAt(node->applied) == voters_[disk.snapshot->voters],
            "I15: other voters than the log has", node->applied);
  Step(node, quorum::SnapshotAvailable{disk.snapshot->id});
}

// Only what a checkpoint of the view holds may go.
void Cluster::DropPrefix(Node* node, Offset to) {
  Disk& disk = *node->disk;
  if (!node->is_up() || node->installing || node->applied > node->core->committed_end() ||
      to > node->applied || to <= disk.start()) {
    return;
  }
  if (disk.view_end < to) {
    disk.view_end = node->applied;
    disk.view_digest = node->digest;
  }
  disk.DropPrefix(to);
  ++coverage_.prefix_drops;
  Step(node, quorum::LogStartMoved{to});
}

void Cluster::OnPullSnapshot(Node* node, const quorum::PullSnapshot& pull) {
  if (pull.abort) {
    node->pull.reset();
    if (!node->installing) node->downloaded.reset();
    return;
  }
  node->pull = Pull{++next_pull_, pull.id, pull.from, 0, 0};
  AskForPiece(node);
}

void Cluster::AskForPiece(Node* node) {
  Pull& pull = *node->pull;
  const int64_t patience = plan_.delay_ns * 8 + plan_.sync_ns;
  scheduler_.In(patience,
                Event{.a = pull.number, .life = node->life, .what = What::kPullRetry, .node = node->index});
  if (pull.from.value > nodes_.size()) return;
  const uint32_t id = packets_.New();
  Packet& packet = packets_[id];
  packet.kind = Packet::Kind::kPieceRequest;
  packet.from = node->index;
  packet.to = static_cast<uint8_t>(pull.from.value - 1);
  packet.pull = pull.number;
  packet.piece = pull.piece;
  packet.snapshot.id = pull.id;
  packet.epoch = node->core->epoch();
  packet.asker = cluster_;
  packet.asker.node = node->id();
  packet.asker.disk = node->disk->id();
  network_.SendDatagram(id);
}

void Cluster::OnPullRetry(Node* node, uint64_t number) {
  if (!node->pull || node->pull->number != number) return;
  if (++node->pull->tries <= kTriesMax) {
    node->pull->number = ++next_pull_;  // Answers to the old request are too late.
    return AskForPiece(node);
  }
  const quorum::SnapshotId id = node->pull->id;
  node->pull.reset();
  Step(node, quorum::SnapshotFailed{id});
}

void Cluster::OnPieceRequest(Node* node, const Packet& packet) {
  const uint32_t id = packets_.New();
  Packet& answer = packets_[id];
  answer.kind = Packet::Kind::kPiece;
  answer.from = node->index;
  answer.to = packet.from;
  answer.pull = packet.pull;
  answer.piece = packet.piece;
  answer.last_piece = packet.piece + 1 >= kPieces;
  const std::optional<Snapshot>& mine = node->disk->snapshot;
  answer.missing = !mine || mine->id != packet.snapshot.id;
  answer.snapshot = answer.missing ? packet.snapshot : *mine;
  answer.epoch = node->core->epoch();
  network_.SendDatagram(id);
  witnesses_[node->index].OnPieceAsked(*node, packet.from);
  Step(node, quorum::SnapshotServed{packet.asker, packet.epoch});
}

void Cluster::OnPiece(Node* node, const Packet& packet) {
  if (!node->pull || node->pull->number != packet.pull || node->pull->piece != packet.piece) return;
  const quorum::SnapshotId id = node->pull->id;
  if (packet.missing) {
    node->pull.reset();
    return Step(node, quorum::SnapshotFailed{id});
  }
  node->pull->number = ++next_pull_;
  node->pull->tries = 0;
  ++node->pull->piece;
  if (!packet.last_piece) AskForPiece(node);
  if (packet.last_piece) {
    node->pull.reset();
    node->downloaded = packet.snapshot;
  }
  const NodeId from{packet.from + 1u};
  const quorum::VoterSet voters = voters_[packet.snapshot.voters];
  const bool last = packet.last_piece;
  Step(node, quorum::SnapshotProgress{id, from, packet.epoch});
  if (last && node->is_up()) Step(node, quorum::SnapshotDownloaded{id, voters});
}

void Cluster::OnInstalled(Node* node) {
  SIM_ASSERT(node->installing && node->downloaded);
  const Snapshot snapshot = *node->downloaded;
  oracle_.OnInstall(snapshot);
  // A damaged log may have lost entries that its view still has; then the view goes back with the log.
  SIM_CHECK(snapshot.id.end >= node->applied || node->disk->damaged, "I16: a snapshot older than the view",
            snapshot.id.end, node->applied);
  ForgetCommands(node, Offset{});
  node->disk->InstallSnapshot(snapshot);
  node->applied = snapshot.id.end;
  node->digest = snapshot.digest;
  node->installing = false;
  node->downloaded.reset();
  ++coverage_.snapshot_installs;
  Step(node, quorum::SnapshotInstalled{snapshot.id});
  if (node->is_up()) CheckVoters(*node);
}

}  // namespace mom::sim
