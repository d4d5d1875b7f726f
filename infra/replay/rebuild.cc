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

// Entries that no view has applied may be uncommitted in a cluster. Best effort: the stored view may be gone.
void WarnWhenBeyondView(const RebuildOptions& options, Offset end, const Console& console) {
  auto work = WorkDir::Make(options.work_dir, options.dir);
  if (!work.ok()) return;
  auto folder = (*work)->MakeFolder("stored");
  if (!folder.ok()) return;
  auto stored = StoredView::Open(options.dir + "/view", *folder);
  if (!stored.ok()) return;
  auto applied = (*stored)->Applied();
  if (!applied.ok() || applied->end >= end) return;
  *console.err << "note: the node had applied only the entries below offset " << applied->end
               << "; later ones may not be committed when it is one of several voters" << std::endl;
}

}  // namespace

int Rebuild(const RebuildOptions& options, const Console& console) {
  auto node = OfflineNode::Open(options.dir);
  if (!node.ok()) return Refuse(node.status(), console);
  const int exit = OpenLogOrBefore(node->get(), console);
  wal::Wal* const log = (*node)->log();
  if (!log) return exit;
  auto end = ChooseEnd(options, *log);
  if (!end.ok()) return Refuse(end.status(), console);
  if (Status status = PrepareOutput(options.output, options.dir); !status.ok())
    return Refuse(status, console);
  WarnWhenBeyondView(options, *end, console);
  auto view = replication::LevelDbView::Open(options.output, replication::LevelDbViewOptions());
  if (!view.ok()) return Refuse(view.status(), console);
  Progress progress(console.err, "applying the log");
  auto state = ApplyLog(log, *end, view->get(), &progress);
  if (!state.ok()) return Refuse(state.status().Annotate(options.output + " is incomplete"), console);
  *console.out << "view " << options.output << ": applied end " << state->end << ", epoch " << state->epoch
               << ", time " << ToRfc3339(state->timestamp) << ", digest " << ToHex(state->digest)
               << std::endl;
  return exit;
}

}  // namespace mom::replay
