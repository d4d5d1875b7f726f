#include "bench/log_first.h"

#include <utility>

#include "wal/posix_env.h"
#include "wal/wal.h"

namespace mom::bench {

Result<std::unique_ptr<LogFirst>> LogFirst::Open(const std::string& dir) {
  auto log = wal::Wal::Open(wal::PosixEnv(), dir, wal::WalOptions(), nullptr);
  if (!log.ok()) return log.status();
  return std::unique_ptr<LogFirst>(new LogFirst(std::move(log.value())));
}

LogFirst::LogFirst(std::unique_ptr<wal::Wal> log)
    : next_(log->log_end()), log_(std::move(log), wal::WalThreadOptions()) {
  log_.Start([this](const Status& status, Offset) { OnPersisted(status); });
}

LogFirst::~LogFirst() {
  (void)log_.Stop();
}

void LogFirst::Handle(rest::HttpRequest request, rest::Responder responder) {
  std::lock_guard lock(mutex_);
  if (has_failed_) return responder.Send(rest::HttpResponse{500, {}, {}});
  gathered_.push_back(Entry{next_, Epoch{1}, Timestamp{1}, EntryKind::kCommand,
                            std::make_shared<const std::string>(std::move(request.body))});
  gathered_for_.push_back(std::move(responder));
  next_ = Next(next_);
  if (under_way_for_.empty()) SubmitLocked();
}

// As a node alone does: the next batch is on its way before this one is answered.
void LogFirst::OnPersisted(const Status& status) {
  std::vector<rest::Responder> done;
  {
    std::lock_guard lock(mutex_);
    done.swap(under_way_for_);
    has_failed_ |= !status.ok();
    if (!has_failed_ && !gathered_.empty()) SubmitLocked();
  }
  const rest::AnswersTogether together;
  for (rest::Responder& responder : done) responder.Send(rest::HttpResponse{status.ok() ? 200 : 500, {}, {}});
}

void LogFirst::SubmitLocked() {
  under_way_for_.swap(gathered_for_);
  has_failed_ |= !log_.Submit(std::exchange(gathered_, {})).ok();
}

}  // namespace mom::bench
