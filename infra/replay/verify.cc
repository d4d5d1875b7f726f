// mom-replay verify: whether the log is whole, and the view is what the log makes.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "core/broker/keys.h"
#include "infra/replay/commands.h"
#include "infra/replay/console.h"
#include "infra/replay/key_tables.h"
#include "infra/replay/leveldb_stored_view.h"
#include "infra/replay/log_replay.h"
#include "infra/replay/offline_node.h"
#include "infra/replay/text.h"
#include "infra/replay/work_dir.h"
#include "replication/view/leveldb_view.h"

namespace mom::replay {
namespace {

// What walking over two views side by side has found. The key of the applied state differs whenever the
// digest does, so another difference says more.
struct Differences {
  uint64_t keys = 0;  // Compared.
  uint64_t changed = 0;
  uint64_t missing = 0;  // The log makes it, the stored view lacks it.
  uint64_t surplus = 0;
  std::string first;  // Table and key of the first one.

  uint64_t count() const { return changed + missing + surplus; }
  void Note(uint64_t* kind, std::string_view key, std::string_view what) {
    ++*kind;
    const bool first_is_weak = first.empty() || first_is_applied;
    if (!first_is_weak) return;
    first_is_applied = key == broker::keys::Applied();
    first = "key table " + TableName(key) + ", key '" + PrintableKey(key) + "' " + std::string(what);
  }
  bool first_is_applied = false;
};

class Verification {
 public:
  Verification(const VerifyOptions& options, OfflineNode* node, WorkDir* work, const Console& console)
      : options_(options), node_(node), work_(work), console_(console), out_(*console.out) {}

  int Run();

 private:
  int CheckSmallFiles();
  int CheckLog();
  Result<int> CheckView();
  void TellWhatLiesBehind(Offset applied_end);
  Result<int> CheckValuesOnly(StoredView* stored);
  Result<int> CompareWithLog(StoredView* stored, const broker::AppliedState& applied);
  Result<int> CompareBytes(StoredView* stored, const std::string& rebuilt_dir);
  Status Walk(StoredCursor* stored, StoredCursor* rebuilt, Differences* differences);
  int ViewDamage(const Status& status);

  const VerifyOptions& options_;
  OfflineNode* const node_;
  WorkDir* const work_;
  const Console console_;
  std::ostream& out_;
  std::string unchecked_;  // What could not be looked at, though nothing is wrong with it; mostly empty.
};

int Verification::Run() {
  int exit = CheckSmallFiles();
  exit = std::max(exit, CheckLog());
  if (!node_->log()) {
    out_ << "view: not compared, because the log is damaged\n";
  } else {
    const Result<int> view = CheckView();
    exit = std::max(exit, view.ok() ? *view : ViewDamage(view.status()));
  }
  out_ << (exit == kExitDamaged ? "result: DAMAGED OR DIFFERENT\n"
           : exit != kExitOk    ? "result: could not be verified\n"
           : unchecked_.empty()
               ? "result: good\n"
               : "result: nothing wrong was found, but not all could be checked: " + unchecked_ + "\n");
  return exit;
}

int Verification::CheckSmallFiles() {
  int exit = kExitOk;
  if (!node_->identity().ok()) exit = PrintDamage("identity", node_->identity().status(), out_);
  if (!node_->hard_state().ok())
    exit = std::max(exit, PrintDamage("hard state", node_->hard_state().status(), out_));
  if (exit == kExitOk) out_ << "identity and hard state: good\n";
  return exit;
}

int Verification::CheckLog() {
  const Status status = node_->OpenLog();
  if (!status.ok()) {
    out_ << "log: DAMAGED: " << DescribeDamage(status, node_->report()) << "\n";
    return status.code() == Status::kIoError ? kExitRefused : kExitDamaged;
  }
  out_ << "log: good, checksums and chain of " << node_->report().entries << " entries in "
       << node_->report().segments << " segments, offsets " << node_->log()->log_start() << " to "
       << node_->log()->log_end() << " (exclusive)\n";
  const std::string torn = DescribeTornTail(*node_);
  if (!torn.empty()) out_ << "log: torn tail, no damage: " << torn << "\n";
  return kExitOk;
}

Result<int> Verification::CheckView() {
  const wal::Wal& log = *node_->log();
  auto folder = work_->MakeFolder("stored");
  if (!folder.ok()) return folder.status();
  auto stored = StoredView::Open(node_->view_dir(), *folder);
  if (stored.status().code() == Status::kNotFound && log.log_start() == Offset{0}) {
    out_ << "view: none, nothing was compared; a starting node builds it from the log\n";
    unchecked_ = "there is no view";
    return kExitOk;
  }
  if (!stored.ok()) return stored.status();
  auto applied = (*stored)->Applied();
  if (!applied.ok()) return applied.status();
  out_ << "view: applied end " << applied->end << ", digest " << ToHex(applied->digest) << "\n";
  if (applied->end < log.log_start() || applied->end > log.log_end()) {
    out_ << "view: DIFFERENT: it stands at offset " << applied->end << ", which the log does not reach\n";
    return kExitDamaged;
  }
  TellWhatLiesBehind(applied->end);
  if (log.log_start() > Offset{0}) return CheckValuesOnly(stored->get());
  if (applied->end == Offset{0}) return kExitOk;
  return CompareWithLog(stored->get(), *applied);
}

Result<int> Verification::CheckValuesOnly(StoredView* stored) {
  Progress progress(console_.err, "reading the view");
  uint64_t keys = 0;
  const auto cursor = stored->Walk("");
  for (; cursor->Valid(); cursor->Next()) progress.Tell(++keys, 0);
  MOM_RETURN_IF_ERROR(cursor->status());
  out_ << "view: the checksums of all " << keys << " values are good\n"
       << "view: NOT COMPARED with the log, whose entries below offset " << node_->log()->log_start()
       << " were dropped: neither its digest nor its keys and values\n";
  unchecked_ = "the view against the log, whose beginning was dropped";
  return kExitOk;
}

// A killed node's view ends where its memory was last made a file, and so does that of a folder that was
// copied while the node ran: far behind the log, or at nothing.
void Verification::TellWhatLiesBehind(Offset applied_end) {
  const Offset log_end = node_->log()->log_end();
  if (applied_end == log_end) return;
  out_ << "view: the entries from offset " << applied_end << " to " << log_end
       << " (exclusive) are in the log only; a starting node applies them\n";
  if (applied_end > Offset{0}) return;
  out_ << "view: NOT COMPARED: it holds nothing yet\n";
  unchecked_ = "the view holds nothing that could be compared with the log";
}

Result<int> Verification::CompareWithLog(StoredView* stored, const broker::AppliedState& applied) {
  auto folder = work_->MakeFolder("rebuilt");
  if (!folder.ok()) return folder.status();
  broker::AppliedState state;
  {
    auto rebuilt = replication::LevelDbView::Open(*folder, replication::LevelDbViewOptions());
    if (!rebuilt.ok()) return Status(Status::kIoError, rebuilt.status().message());
    Progress progress(console_.err, "applying the log");
    auto result = ApplyLog(node_->log(), applied.end, rebuilt->get(), &progress);
    if (!result.ok()) return result.status();
    state = *result;
  }
  int exit = kExitOk;
  if (state.digest == applied.digest) {
    out_ << "view: the digest is the one that the log makes\n";
  } else {
    out_ << "view: DIFFERENT: the log makes the digest " << ToHex(state.digest) << "\n";
    exit = kExitDamaged;
  }
  if (!options_.deep) return exit;
  auto bytes = CompareBytes(stored, *folder);
  if (!bytes.ok()) return bytes.status();
  return std::max(exit, *bytes);
}

Result<int> Verification::CompareBytes(StoredView* stored, const std::string& rebuilt_dir) {
  auto folder = work_->MakeFolder("rebuilt-scratch");
  if (!folder.ok()) return folder.status();
  auto rebuilt = StoredView::Open(rebuilt_dir, *folder);
  if (!rebuilt.ok()) return rebuilt.status();
  Differences differences;
  const auto stored_cursor = stored->Walk("");
  const auto rebuilt_cursor = (*rebuilt)->Walk("");
  MOM_RETURN_IF_ERROR(Walk(stored_cursor.get(), rebuilt_cursor.get(), &differences));
  if (differences.count() == 0) {
    out_ << "view: all " << differences.keys << " keys and values are the ones that the log makes\n";
    return kExitOk;
  }
  out_ << "view: DIFFERENT: first difference: " << differences.first << "\n"
       << "view: DIFFERENT: of " << differences.keys << " keys " << differences.changed
       << " have another value, " << differences.missing << " are missing, " << differences.surplus
       << " are surplus\n";
  return kExitDamaged;
}

Status Verification::Walk(StoredCursor* stored, StoredCursor* rebuilt, Differences* differences) {
  Progress progress(console_.err, "comparing keys");
  while (stored->Valid() || rebuilt->Valid()) {
    progress.Tell(++differences->keys, 0);
    const bool only_stored = !rebuilt->Valid() || (stored->Valid() && stored->key() < rebuilt->key());
    const bool only_rebuilt = !stored->Valid() || (rebuilt->Valid() && rebuilt->key() < stored->key());
    // An iterator that fails is not valid either: that must not look like missing keys.
    MOM_RETURN_IF_ERROR(stored->status());
    MOM_RETURN_IF_ERROR(rebuilt->status());
    if (only_stored) differences->Note(&differences->surplus, stored->key(), "is surplus in the view");
    if (only_rebuilt) differences->Note(&differences->missing, rebuilt->key(), "is missing in the view");
    if (!only_stored && !only_rebuilt && stored->stored() != rebuilt->stored()) {
      differences->Note(&differences->changed, stored->key(), "has another value");
    }
    if (!only_rebuilt) stored->Next();
    if (!only_stored) rebuilt->Next();
  }
  MOM_RETURN_IF_ERROR(stored->status());
  return rebuilt->status();
}

int Verification::ViewDamage(const Status& status) {
  const int exit = PrintDamage("view", status, out_);
  if (exit != kExitDamaged) return exit;
  const std::string file = FindDamagedTableFile(node_->view_dir());
  if (!file.empty()) out_ << "view: DAMAGED: file " << file << "\n";
  return exit;
}

}  // namespace

int Verify(const VerifyOptions& options, const Console& console) {
  auto node = OfflineNode::Open(options.dir);
  if (!node.ok()) return Refuse(node.status(), console);
  auto work = WorkDir::Make(options.work_dir, options.dir);
  if (!work.ok()) return Refuse(work.status(), console);
  return Verification(options, node->get(), work->get(), console).Run();
}

}  // namespace mom::replay
