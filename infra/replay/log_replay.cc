#include "infra/replay/log_replay.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace mom::replay {
namespace {

constexpr auto kProgressEvery = std::chrono::seconds(2);
constexpr size_t kReadBytesMax = 4u << 20;
constexpr size_t kBatchEntriesMax = 1024;

}  // namespace

Progress::Progress(std::ostream* err, std::string what)
    : err_(err), what_(std::move(what)), last_(std::chrono::steady_clock::now()) {}

void Progress::Tell(uint64_t done, uint64_t all) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < kProgressEvery) return;
  last_ = now;
  *err_ << what_ << ": " << done;
  if (all > 0) *err_ << " of " << all << " (" << done * 100 / all << " %)";
  *err_ << std::endl;
}

Status ForEachEntry(wal::Wal* log, Offset from, Offset end, const std::function<Status(const Entry&)>& use) {
  while (from < end) {
    auto entries = log->Read(from, kReadBytesMax);
    if (!entries.ok()) return entries.status();
    for (const Entry& entry : *entries) {
      if (entry.offset >= end) return Status();
      MOM_RETURN_IF_ERROR(use(entry));
    }
    from = Next(entries->back().offset);
  }
  return Status();
}

Result<broker::AppliedState> ApplyLog(wal::Wal* log, Offset end, replication::LevelDbView* view,
                                      Progress* progress) {
  const auto latest = view->Latest();
  auto begin = broker::ReadAppliedState(*latest);
  if (!begin.ok()) return begin;
  broker::AppliedState state = *begin;
  while (state.end < end) {
    auto entries = log->Read(state.end, kReadBytesMax);
    if (!entries.ok()) return entries.status();
    const size_t count =
        std::min({entries->size(), kBatchEntriesMax, static_cast<size_t>((end - state.end).value)});
    broker::ViewOverlay overlay(latest.get());
    for (size_t i = 0; i < count; ++i) {
      broker::Applied applied = broker::Apply(overlay, (*entries)[i]);
      overlay.Absorb(std::move(applied.changes));
      state = applied.state;
    }
    MOM_RETURN_IF_ERROR(view->Write(overlay.changes()));
    progress->Tell(state.end.value, end.value);
  }
  MOM_RETURN_IF_ERROR(view->MakeDurable());
  return state;
}

}  // namespace mom::replay
