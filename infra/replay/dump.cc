// mom-replay dump: the entries of the log as lines.
#include <boost/json/serialize.hpp>

#include <algorithm>

#include "infra/replay/commands.h"
#include "infra/replay/console.h"
#include "infra/replay/entry_text.h"
#include "infra/replay/log_replay.h"
#include "infra/replay/offline_node.h"

namespace mom::replay {
namespace {

std::string RangeText(const wal::Wal& log) {
  return "the log holds the offsets " + std::to_string(log.log_start().value) + " to " +
         std::to_string(log.log_end().value) + " (exclusive)";
}

Status Print(const DumpOptions& options, wal::Wal* log, std::ostream& out) {
  const Offset from{options.from.value_or(log->log_start().value)};
  const Offset to = std::min(Offset{options.to.value_or(log->log_end().value)}, log->log_end());
  if (from < log->log_start() || from > log->log_end()) {
    return Status(Status::kInvalidArgument, "--from " + std::to_string(from.value) + ": " + RangeText(*log));
  }
  return ForEachEntry(log, from, to, [&](const Entry& entry) {
    if (options.json) {
      out << boost::json::serialize(ToJson(entry, options.bodies)) << '\n';
    } else {
      out << ToLine(entry, options.bodies) << '\n';
    }
    return out ? Status() : Status(Status::kIoError, "writing the lines failed");
  });
}

}  // namespace

int Dump(const DumpOptions& options, const Console& console) {
  auto node = OfflineNode::Open(options.dir);
  if (!node.ok()) return Refuse(node.status(), console);
  int exit = kExitOk;
  if (const int damage = OpenLogOrBefore(node->get(), console); damage != kExitOk) exit = damage;
  if (!(*node)->log()) return exit;
  const Status status = Print(options, (*node)->log(), *console.out);
  if (!status.ok()) return Refuse(status, console);
  console.out->flush();
  return exit;
}

}  // namespace mom::replay
