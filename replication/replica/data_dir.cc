#include "replication/replica/data_dir.h"

#include <sodium.h>

#include <cstdio>
#include <utility>

#include "core/broker/broker.h"
#include "core/broker/keys.h"

namespace mom::replication {
namespace {

Uuid RandomUuid() {
  Uuid uuid;
  randombytes_buf(&uuid, sizeof uuid);
  return uuid;
}

Result<wal::Identity> OpenIdentity(const DataDirOptions& options, bool* created) {
  const std::string path = options.path + "/identity";
  auto identity = wal::ReadIdentity(options.env, path);
  if (identity.ok()) {
    if (identity->node != options.node) {
      return Status(Status::kWrongOwner, options.path + " belongs to node " +
                                             std::to_string(identity->node.value) + ", this is node " +
                                             std::to_string(options.node.value) +
                                             "; give each node its own --data-dir");
    }
    return identity;
  }
  if (identity.status().code() != Status::kNotFound) return identity;
  // Data without an identity is somebody's: never format over it.
  auto names = options.env->ListDir(options.path);
  if (!names.ok()) return names.status();
  for (const auto& name : *names) {
    if (name == "lock" || name == "admin-password") continue;
    return Status(Status::kWrongOwner,
                  options.path + " holds '" + name + "' but no identity; choose an empty --data-dir");
  }
  wal::Identity fresh{RandomUuid(), options.node, RandomUuid(), wal::kDataFormat};
  if (Status status = wal::WriteIdentity(options.env, path, fresh); !status.ok()) return status;
  *created = true;
  return fresh;
}

Result<wal::HardState> OpenHardState(const DataDir& data) {
  auto state = wal::ReadHardState(data.env, data.hard_state_path());
  if (state.ok() || state.status().code() != Status::kNotFound) return state;
  return wal::HardState{};
}

// The first free name beside `path`.
std::string QuarantineName(wal::Env* env, const std::string& path) {
  for (int i = 1;; ++i) {
    std::string name = path + ".damaged-" + std::to_string(i);
    if (env->ListDir(name).status().code() == Status::kNotFound) return name;
  }
}

Status OpenView(const DataDirOptions& options, DataDir* data) {
  const std::string path = options.path + "/view";
  LevelDbViewOptions view_options = options.view;
  view_options.cached_tables = broker::keys::kHotTables;
  auto view = LevelDbView::Open(path, view_options);
  if (!view.ok() && view.status().code() == Status::kCorruption && data->wal->log_start() == Offset{0}) {
    const std::string aside = QuarantineName(options.env, path);
    MOM_RETURN_IF_ERROR(options.env->Rename(path, aside));
    MOM_RETURN_IF_ERROR(options.env->SyncDir(options.path));
    data->note = "the view was damaged (" + view.status().message() + "); it is kept as " + aside +
                 " and built anew from the log";
    view = LevelDbView::Open(path, view_options);
  }
  if (!view.ok()) return view.status();
  data->view = *std::move(view);
  const Offset applied = broker::ReadAppliedState(*data->view->Latest()).end;
  if (applied < data->wal->log_start() || applied > data->wal->log_end()) {
    return Status(Status::kCorruption,
                  "the view stands at offset " + std::to_string(applied.value) + " but the log holds " +
                      std::to_string(data->wal->log_start().value) + " to " +
                      std::to_string(data->wal->log_end().value) + "; examine it with mom-replay verify");
  }
  return Status();
}

}  // namespace

Result<DataDir> OpenDataDir(const DataDirOptions& options) {
  DataDir data;
  data.path = options.path;
  data.env = options.env;
  MOM_RETURN_IF_ERROR(options.env->CreateDir(options.path));
  auto lock = options.env->LockFile(options.path + "/lock");
  if (!lock.ok()) return lock.status();
  data.lock = *std::move(lock);
  auto identity = OpenIdentity(options, &data.created);
  if (!identity.ok()) return identity.status();
  data.identity = *identity;
  auto hard_state = OpenHardState(data);
  if (!hard_state.ok()) return hard_state.status();
  data.hard_state = *hard_state;
  const std::string log_path = options.path + "/log";
  MOM_RETURN_IF_ERROR(options.env->CreateDir(log_path));
  wal::WalOptions wal_options = options.wal;
  wal_options.log_id = data.identity.disk;
  // A node that ever led has a log: its first act as leader was an entry.
  wal_options.may_create = data.hard_state.epoch == Epoch{0};
  auto wal = wal::Wal::Open(options.env, log_path, wal_options, &data.report);
  if (!wal.ok()) return wal.status();
  data.wal = *std::move(wal);
  if (data.hard_state.epoch < data.wal->last_epoch()) {
    return Status(Status::kCorruption, data.hard_state_path() + " is older than the log (epoch " +
                                           std::to_string(data.hard_state.epoch.value) + " against " +
                                           std::to_string(data.wal->last_epoch().value) + ")");
  }
  MOM_RETURN_IF_ERROR(OpenView(options, &data));
  return data;
}

std::string ToString(const Uuid& uuid) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(uuid.high),
                static_cast<unsigned long long>(uuid.low));
  return text;
}

}  // namespace mom::replication
