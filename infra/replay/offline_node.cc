#include "infra/replay/offline_node.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "infra/replay/console.h"
#include "replication/replica/open_log.h"
#include "wal/log_mark.h"
#include "wal/posix_env.h"
#include "wal/segment_maker.h"

namespace mom::replay {
namespace {

// Only for a log that opening would create or empty: then a segment is made in memory.
constexpr size_t kScratchSegmentBytes = 1u << 20;

std::string WithoutEndSlash(std::string dir) {
  while (dir.size() > 1 && dir.back() == '/') dir.pop_back();
  return dir;
}

Status CheckIsDataDir(const std::string& dir) {
  std::error_code error;
  if (!std::filesystem::is_directory(dir, error)) {
    return Status(Status::kInvalidArgument, dir + ": no such folder");
  }
  if (std::filesystem::exists(dir + "/identity", error)) return Status();
  return Status(Status::kInvalidArgument, dir + " has no 'identity': it is not the data folder of a node");
}

}  // namespace

Result<std::unique_ptr<SharedLock>> SharedLock::Take(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::unique_ptr<SharedLock>(new SharedLock(-1));
  if (fd < 0) return Status(Status::kIoError, "open " + path + ": " + std::system_category().message(errno));
  std::unique_ptr<SharedLock> lock(new SharedLock(fd));
  int result = -1;
  do result = ::flock(fd, LOCK_SH | LOCK_NB);
  while (result != 0 && errno == EINTR);
  if (result == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return Status(Status::kBusy,
                  path + " is held by a running node; stop it, or work on a copy of its folder");
  }
  return Status(Status::kIoError, "lock " + path + ": " + std::system_category().message(errno));
}

SharedLock::~SharedLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::string OfflineNode::view_dir() {
  const auto name = replication::ViewToOpen(&env_, dir_);
  return dir_ + "/" + (name.ok() ? *name : "view");
}

Result<std::unique_ptr<OfflineNode>> OfflineNode::Open(const std::string& given) {
  const std::string dir = WithoutEndSlash(given);
  MOM_RETURN_IF_ERROR(CheckIsDataDir(dir));
  std::unique_ptr<OfflineNode> node(new OfflineNode(wal::PosixEnv()));
  node->dir_ = dir;
  auto lock = SharedLock::Take(dir + "/lock");
  if (!lock.ok()) return lock.status();
  node->lock_ = *std::move(lock);
  node->identity_ = wal::ReadIdentity(&node->env_, dir + "/identity");
  node->hard_state_ = wal::ReadHardState(&node->env_, dir + "/hard-state");
  if (!node->hard_state_.ok() && node->hard_state_.status().code() == Status::kNotFound) {
    node->hard_state_ = wal::HardState();
  }
  return node;
}

Status OfflineNode::OpenLog() {
  wal::WalOptions options;
  options.segment_bytes = kScratchSegmentBytes;
  options.reserve_bytes = 0;
  if (identity_.ok()) options.log_id = identity_->disk;
  // Like a starting node: only one that never voted may be without a log.
  options.may_create = hard_state_.ok() && hard_state_->epoch == Epoch{0};
  const std::string path = dir_ + "/log";
  MOM_RETURN_IF_ERROR(env_.CreateDir(path));
  auto log = wal::Wal::Open(&env_, path, options, &report_);
  if (!log.ok()) return log.status();
  log_ = *std::move(log);
  if (hard_state_.ok() && hard_state_->epoch < log_->last_epoch()) {
    return Status(Status::kCorruption, dir_ + "/hard-state is older than the log: epoch " +
                                           std::to_string(hard_state_->epoch.value) + " against " +
                                           std::to_string(log_->last_epoch().value));
  }
  return Status();
}

Status OfflineNode::OpenLogBeforeDamage() {
  const wal::RecoveryReport damage = report_;
  const std::string path = dir_ + "/log";
  auto mark = wal::ReadLogMark(&env_, path);
  if (!mark.ok()) return mark.status();
  std::vector<SegmentFile> kept;
  for (SegmentFile& segment : Segments()) {
    const bool behind = segment.first > damage.damaged_offset ||
                        (segment.path == damage.damaged_file && damage.damaged_byte == 0);
    if (behind) MOM_RETURN_IF_ERROR(env_.Remove(segment.path));
    if (!behind) kept.push_back(std::move(segment));
  }
  if (kept.empty()) return Status(Status::kCorruption, path + ": nothing is left before the damage");
  if (kept.back().path == damage.damaged_file) {
    auto file = env_.OpenFile(damage.damaged_file, wal::OpenMode::kReadWrite);
    if (!file.ok()) return file.status();
    MOM_RETURN_IF_ERROR((*file)->Truncate(damage.damaged_byte));
    MOM_RETURN_IF_ERROR((*file)->Truncate(kept.back().bytes));  // Zeros: the end of a log.
  }
  ++mark->generation;
  mark->last_segment = kept.back().first;
  mark->durable_end = damage.damaged_offset;
  mark->pending = wal::PendingWork::kNone;
  MOM_RETURN_IF_ERROR(wal::WriteLogMark(&env_, path, *mark));
  Status status = OpenLog();
  report_ = damage;
  return status;
}

std::vector<SegmentFile> OfflineNode::Segments() {
  std::vector<SegmentFile> segments;
  const std::string path = dir_ + "/log";
  auto names = env_.ListDir(path);
  if (!names.ok()) return segments;
  for (const std::string& name : *names) {
    Offset first;
    if (!wal::ParseSegmentName(name, &first)) continue;
    if (log_ && first < log_->log_start()) continue;  // Left over from dropping the prefix.
    auto bytes = env_.FileSize(path + "/" + name);
    segments.push_back(SegmentFile{path + "/" + name, first, bytes.ok() ? *bytes : 0});
  }
  return segments;
}

int OpenLogOrBefore(OfflineNode* node, const Console& console) {
  const Status status = node->OpenLog();
  if (status.ok()) return kExitOk;
  const std::string what = DescribeDamage(status, node->report());
  if (node->log()) return PrintDamage("hard state", status, *console.err);
  if (status.code() != Status::kCorruption || node->report().damaged_file.empty()) {
    return PrintDamage("log", status, *console.err);
  }
  *console.err << "log: DAMAGED: " << what << std::endl;
  if (const Status before = node->OpenLogBeforeDamage(); !before.ok()) {
    return PrintDamage("log before the damage", before, *console.err);
  }
  *console.err << "log: only the entries below offset " << node->log()->log_end() << " are used" << std::endl;
  return kExitDamaged;
}

std::string DescribeDamage(const Status& status, const wal::RecoveryReport& report) {
  if (report.damaged_file.empty()) return status.ToString();
  return "file " + report.damaged_file + ", byte " + std::to_string(report.damaged_byte) + ", offset " +
         std::to_string(report.damaged_offset.value) + ": " + status.ToString();
}

std::string DescribeTornTail(const OfflineNode& node) {
  if (node.report().torn_bytes_cut == 0) return "";
  return std::to_string(node.report().torn_bytes_cut) + " bytes behind offset " +
         std::to_string(node.log()->log_end().value) +
         " that a crash left unfinished; the next start of the node cuts them";
}

}  // namespace mom::replay
