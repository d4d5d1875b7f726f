#include "replication/transport/grpc_log.h"

#include <grpc/support/log.h>

#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "replication/transport/rare_log.h"

namespace mom::replication {
namespace {

struct TheLog {
  std::mutex mutex;
  std::shared_ptr<RareLog> log;  // Guarded by mutex.
};

// Never destroyed: threads of gRPC may still write while the process ends.
TheLog& Log() {
  static auto* const log = new TheLog();
  return *log;
}

void Write(gpr_log_func_args* args) {
  if (args->severity < GPR_LOG_SEVERITY_ERROR) return;
  std::shared_ptr<RareLog> log;
  {
    std::lock_guard lock(Log().mutex);
    log = Log().log;
  }
  std::string_view file = args->file;
  file.remove_prefix(file.rfind('/') + 1);  // Also right without a slash.
  const std::string place = std::string(file) + ":" + std::to_string(args->line);
  log->Warn(place, "gRPC: " + std::string(args->message) + " (" + place + ")");
}

}  // namespace

void SetGrpcLog(std::function<void(LogLevel, const std::string&)> log) {
  {
    std::lock_guard lock(Log().mutex);
    Log().log = std::make_shared<RareLog>(std::move(log));
  }
  gpr_set_log_function(Write);
}

}  // namespace mom::replication
