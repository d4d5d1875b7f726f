// mom-replay rebuild: a new view out of the log.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "infra/replay/commands.h"
#include "infra/replay/console.h"
#include "infra/replay/leveldb_stored_view.h"
#include "infra/replay/log_replay.h"
#include "infra/replay/offline_node.h"
#include "infra/replay/text.h"
#include "infra/replay/work_dir.h"
#include "replication/view/leveldb_view.h"

namespace mom::replay {
namespace {

// Makes the folder unless it is there and empty. Password hashes and bodies will be in it.
Status PrepareOutput(const std::string& output, const std::string& data_dir) {
  std::error_code error;
  if (LiesIn(output, data_dir)) {
    return Status(Status::kInvalidArgument,
                  "--output " + output + " lies in the data folder, which is never written; choose another");
  }
  if (::mkdir(output.c_str(), 0700) == 0) return Status();
  if (errno != EEXIST) {
    return Status(Status::kInvalidArgument,
                  "--output " + output + ": " + std::system_category().message(errno));
  }
  if (!std::filesystem::is_directory(output, error) || !std::filesystem::is_empty(output, error) || error) {
    return Status(Status::kInvalidArgument, "--output " + output + " exists and is not an empty folder");
  }
  return Status();
}

// The end that is wanted, when the log can give it.
Result<Offset> ChooseEnd(const RebuildOptions& options, const wal::Wal& log) {
  if (log.log_start() > Offset{0}) {
    return Status(Status::kInvalidArgument, "the entries below offset " +
                                                std::to_string(log.log_start().value) +
                                                " were dropped: the log alone does not make a view");
  }
  const Offset end{options.until.value_or(log.log_end().value)};
  if (end <= log.log_end()) return end;
  return Status(Status::kInvalidArgument, "--until " + std::to_string(end.value) +
                                              ": the log ends at offset " +
                                              std::to_string(log.log_end().value));
}

// How far the stored view had come. Nothing when there is none that can be read.
std::optional<Offset> StoredEnd(const RebuildOptions& options, OfflineNode* node) {
  auto work = WorkDir::Make(options.work_dir, options.dir);
  if (!work.ok()) return std::nullopt;
  auto folder = (*work)->MakeFolder("stored");
  if (!folder.ok()) return std::nullopt;
  auto stored = StoredView::Open(node->view_dir(), *folder);
  if (!stored.ok()) return std::nullopt;
  auto applied = (*stored)->Applied();
  if (!applied.ok()) return std::nullopt;
  return applied->end;
}

// Whether the log holds all that the node ever applied. A log whose last records are damaged looks like one
// that a crash cut short: only the view tells them apart. Says on `err` what is missing.
bool IsWhole(OfflineNode* node, bool damaged, std::optional<Offset> stored_end, const Console& console) {
  const Offset log_end = node->log()->log_end();
  if (!damaged && (!stored_end || *stored_end <= log_end)) return true;
  if (!damaged) {
    *console.err << "log: DAMAGED: it ends at offset " << log_end
                 << ", but the node's view had applied all below " << *stored_end << std::endl;
  }
  return false;
}

// One line on `err`; the exit code. Nothing has been written.
int RefusePrefix(Offset log_end, const Console& console) {
  *console.err
      << "mom-replay: nothing was written: the log holds only the entries below offset " << log_end
      << ". Better: empty the folder and let the node load everything from the other nodes. Otherwise "
         "--accept-prefix makes a view of these entries; what came later is lost"
      << std::endl;
  return kExitDamaged;
}

}  // namespace

int Rebuild(const RebuildOptions& options, const Console& console) {
  auto node = OfflineNode::Open(options.dir);
  if (!node.ok()) return Refuse(node.status(), console);
  const int opened = OpenLogOrBefore(node->get(), console);
  wal::Wal* const log = (*node)->log();
  if (!log) return opened;
  auto end = ChooseEnd(options, *log);
  if (!end.ok()) return Refuse(end.status(), console);
  const auto stored_end = StoredEnd(options, node->get());
  const bool whole = IsWhole(node->get(), opened != kExitOk, stored_end, console);
  if (!whole && !options.accept_prefix && !options.until) return RefusePrefix(log->log_end(), console);
  if (Status status = PrepareOutput(options.output, options.dir); !status.ok())
    return Refuse(status, console);
  if (stored_end && *stored_end < *end) {
    *console.err << "note: the node had applied only the entries below offset " << *stored_end
                 << "; later ones may not be committed when it is one of several voters" << std::endl;
  }
  auto view = replication::LevelDbView::Open(options.output, replication::LevelDbViewOptions());
  if (!view.ok()) return Refuse(view.status(), console);
  Progress progress(console.err, "applying the log");
  auto state = ApplyLog(log, *end, view->get(), &progress);
  if (!state.ok()) return Refuse(state.status().Annotate(options.output + " is incomplete"), console);
  *console.out << "view " << options.output << ": applied end " << state->end << ", epoch " << state->epoch
               << ", time " << ToRfc3339(state->timestamp) << ", digest " << ToHex(state->digest)
               << std::endl;
  return kExitOk;
}

}  // namespace mom::replay
