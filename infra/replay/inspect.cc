// mom-replay inspect: what a data folder holds.
#include <memory>

#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "infra/replay/commands.h"
#include "infra/replay/console.h"
#include "infra/replay/leveldb_stored_view.h"
#include "infra/replay/offline_node.h"
#include "infra/replay/text.h"
#include "infra/replay/work_dir.h"
#include "mom/v1/records.pb.h"
#include "replication/replica/data_dir.h"

namespace mom::replay {
namespace {

namespace keys = broker::keys;

int PrintIdentity(const OfflineNode& node, std::ostream& out) {
  int exit = kExitOk;
  if (node.identity().ok()) {
    const wal::Identity& identity = *node.identity();
    out << "node        " << identity.node << "\ncluster     " << replication::ToString(identity.cluster)
        << "\ndisk        " << replication::ToString(identity.disk) << "\nformat      " << identity.format
        << "\n";
  } else {
    exit = PrintDamage("identity", node.identity().status(), out);
  }
  if (!node.hard_state().ok()) return PrintDamage("hard state", node.hard_state().status(), out);
  const wal::HardState& state = *node.hard_state();
  out << "hard state  epoch " << state.epoch << ", voted for node " << state.voted_for << ", leader node "
      << state.leader << (state.voted_for.value == 0 || state.leader.value == 0 ? " (0: none)" : "") << "\n";
  return exit;
}

void PrintSegments(OfflineNode* node, std::ostream& out) {
  const auto segments = node->Segments();
  for (size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    out << "segment     " << segments[i].path << ": first offset " << segments[i].first << ", ";
    if (!last) out << (segments[i + 1].first - segments[i].first) << " entries, ";
    if (last && node->log()) out << (node->log()->log_end() - segments[i].first) << " entries, ";
    if (last && !node->log()) out << "entries unknown, ";
    out << segments[i].bytes << " bytes\n";
  }
}

int PrintLog(OfflineNode* node, std::ostream& out) {
  const Status status = node->OpenLog();
  if (const wal::Wal* log = node->log()) {
    out << "log         offsets " << log->log_start() << " to " << log->log_end() << " (exclusive), "
        << (log->log_end() - log->log_start()) << " entries, last epoch " << log->last_epoch();
    if (log->last_timestamp().ms > 0) out << ", last time " << ToRfc3339(log->last_timestamp());
    out << "\n";
  }
  PrintSegments(node, out);
  if (!status.ok()) {
    out << "log         DAMAGED: " << DescribeDamage(status, node->report()) << "\n";
    return kExitDamaged;
  }
  const std::string torn = DescribeTornTail(*node);
  out << "torn tail   " << (torn.empty() ? "none" : torn) << "\n";
  return kExitOk;
}

Result<uint64_t> CountKeys(StoredView* view, char table) {
  uint64_t count = 0;
  MOM_RETURN_IF_ERROR(view->ForEach(table, [&count](std::string_view, std::string_view) { ++count; }));
  return count;
}

Status PrintCounts(StoredView* view, std::ostream& out) {
  auto users = CountKeys(view, keys::kUser);
  auto queues = users.ok() ? CountKeys(view, keys::kQueue) : users;
  auto topics = queues.ok() ? CountKeys(view, keys::kTopic) : queues;
  if (!topics.ok()) return topics.status();
  out << "users       " << *users << "\nqueues      " << *queues << "\ntopics      " << *topics << "\n";
  v1::QueueCounts sum;
  bool decoded = true;
  MOM_RETURN_IF_ERROR(view->ForEach(keys::kQueueState, [&](std::string_view, std::string_view value) {
    v1::QueueState state;
    decoded = state.ParseFromArray(value.data(), static_cast<int>(value.size())) && decoded;
    const v1::QueueCounts& counts = state.counts();
    sum.set_ready(sum.ready() + counts.ready());
    sum.set_leased(sum.leased() + counts.leased());
    sum.set_delayed(sum.delayed() + counts.delayed());
    sum.set_blocked(sum.blocked() + counts.blocked());
    sum.set_dead(sum.dead() + counts.dead());
    sum.set_bytes(sum.bytes() + counts.bytes());
  }));
  if (!decoded) return Status(Status::kCorruption, "view: a queue state cannot be decoded");
  out << "messages    " << broker::MessageCount(sum) << " (ready " << sum.ready() << ", blocked "
      << sum.blocked() << ", leased " << sum.leased() << ", delayed " << sum.delayed() << ", dead "
      << sum.dead() << "), " << sum.bytes() << " bytes\n";
  return Status();
}

Status PrintView(OfflineNode& node, const std::string& work_dir, std::ostream& out) {
  auto view = StoredView::Open(node.view_dir(), work_dir);
  if (view.status().code() == Status::kNotFound) {
    out << "view        none; a starting node builds it from the log\n";
    return Status();
  }
  if (!view.ok()) return view.status();
  auto applied = (*view)->Applied();
  if (!applied.ok()) return applied.status();
  out << "view        applied end " << applied->end << ", epoch " << applied->epoch << ", time "
      << ToRfc3339(applied->timestamp) << ", digest " << ToHex(applied->digest) << "\n";
  return PrintCounts(view->get(), out);
}

}  // namespace

int Inspect(const InspectOptions& options, const Console& console) {
  auto node = OfflineNode::Open(options.dir);
  if (!node.ok()) return Refuse(node.status(), console);
  auto work = WorkDir::Make(options.work_dir, options.dir);
  if (!work.ok()) return Refuse(work.status(), console);
  auto folder = (*work)->MakeFolder("view");
  if (!folder.ok()) return Refuse(folder.status(), console);
  int exit = PrintIdentity(**node, *console.out);
  exit = std::max(exit, PrintLog(node->get(), *console.out));
  const Status view = PrintView(**node, *folder, *console.out);
  if (!view.ok()) exit = std::max(exit, PrintDamage("view", view, *console.out));
  return exit;
}

}  // namespace mom::replay
