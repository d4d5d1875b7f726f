#include "replication/replica/data_dir.h"

#include <sodium.h>

#include <cstdio>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "replication/replica/asio_runtime.h"
#include "replication/replica/marks.h"
#include "replication/replica/open_log.h"
#include "replication/replica/put_aside.h"
#include "replication/replica/view_folders.h"
#include "wal/reserve.h"

namespace mom::replication {
namespace {

constexpr int kStreamsOfOneMsBits = 12;
constexpr uint64_t kOpenBytes = 4u << 20;

Uuid RandomUuid() {
  Uuid uuid;
  randombytes_buf(&uuid, sizeof uuid);
  return uuid;
}

// kNotFound: nobody's yet, and it may be formatted.
Result<wal::Identity> CheckIdentity(const DataDirOptions& options) {
  auto identity = wal::ReadIdentity(options.env, options.path + "/identity");
  if (identity.ok() && identity->node != options.node) {
    return Status(Status::kWrongOwner, options.path + " belongs to node " +
                                           std::to_string(identity->node.value) + ", this is node " +
                                           std::to_string(options.node.value) +
                                           "; give each node its own --data-dir");
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
  return identity;
}

Result<wal::Identity> OpenIdentity(const DataDirOptions& options, bool* created) {
  auto identity = CheckIdentity(options);
  if (identity.status().code() != Status::kNotFound) return identity;
  const Uuid cluster = options.clustered ? Uuid{} : RandomUuid();
  wal::Identity fresh{cluster, options.node, RandomUuid(), wal::kDataFormat};
  MOM_RETURN_IF_ERROR(wal::WriteIdentity(options.env, options.path + "/identity", fresh));
  *created = true;
  return fresh;
}

Result<std::unique_ptr<wal::FileLock>> Lock(const DataDirOptions& options) {
  auto lock = options.env->LockFile(options.path + "/lock");
  if (lock.status().code() != Status::kBusy) return lock;
  return Status(Status::kBusy, "another momd uses " + options.path + " (" + lock.status().message() +
                                   "); stop that one, or give this node a --data-dir of its own");
}

Result<wal::HardState> OpenHardState(const DataDir& data) {
  auto state = wal::ReadHardState(data.env, data.hard_state_path());
  if (state.ok() || state.status().code() != Status::kNotFound) return state;
  return wal::HardState{};
}

// What a view says of itself.
struct ViewHead {
  broker::AppliedState applied;
  std::optional<std::string> voters;
};

Result<ViewHead> ReadHead(const LevelDbView& view) {
  auto bytes = view.GetChecked(broker::keys::Applied());
  if (!bytes.ok()) return bytes.status();
  const auto applied = broker::ParseAppliedState(*bytes);
  if (!applied.ok()) return applied.status();
  auto voters = view.GetChecked(broker::keys::Voters());
  if (!voters.ok()) return voters.status();
  return ViewHead{applied.value(), *std::move(voters)};
}

Status PutViewAside(const DataDirOptions& options, const std::string& name, const Status& damage,
                    DataDir* data) {
  const auto aside = PutAside(options.env, options.path, name);
  if (!aside.ok()) return aside.status();
  data->note = "the view was damaged (" + damage.message() + "); it is kept as " + *aside + " and built anew";
  return Status();
}

// Views that a crash has left behind. Keeping them is no reason not to start.
void RemoveOtherViews(DataDir* data) {
  std::vector<std::string> kept = {data->view_name};
  const auto installation = ReadInstallation(data->env, data->path);
  if (installation.ok()) kept.push_back(installation->view);
  if (!installation.ok() && installation.status().code() != Status::kNotFound) return;  // Says not which.
  const auto removed = RemoveLeftoverViews(data->path, kept);
  const auto note = [data](const std::string& text) {
    data->note += (data->note.empty() ? "" : "; ") + text;
  };
  if (!removed.ok()) return note("a view that is not in use stays: " + removed.status().message());
  for (const std::string& name : *removed)
    note("the folder " + name + " of an interrupted transfer was removed");
}

// Opening takes little, but some: a start on a full disk has it from the log's reserve, which is taken again
// once there is room.
void GiveReserveUp(const DataDir& data) {
  const auto free_bytes = data.env->FreeBytes(data.path);
  if (!free_bytes.ok() || *free_bytes >= kOpenBytes) return;
  (void)data.env->Remove(data.path + "/log/" + wal::kReserveName);
}

// The view first: it says where the log must reach.
Status OpenViewAndLog(const DataDirOptions& options, DataDir* data) {
  GiveReserveUp(*data);
  auto name = ViewToOpen(data->env, options.path);
  if (!name.ok()) return name.status();
  const std::string path = options.path + "/" + *name;
  const LevelDbViewOptions view_options = ViewOptions(options, data->env);
  auto view = LevelDbView::Open(path, view_options);
  Status damage = view.status();
  ViewHead head;
  if (view.ok()) {
    auto read = ReadHead(**view);
    damage = read.status().Annotate("view " + path);
    if (read.ok()) head = *std::move(read);
    if (!read.ok()) view = damage;  // Closed.
  }
  if (damage.code() == Status::kWrongOwner) {
    return Status(Status::kWrongOwner,
                  damage.message() +
                      "; start the version of momd that wrote it, or, if the log reaches back to "
                      "its beginning or other nodes have all of it, move that folder aside: the "
                      "view is then built anew");
  }
  if (!view.ok() && damage.code() != Status::kCorruption) return damage;
  const broker::AppliedState& applied = head.applied;
  const OpenLogOptions log_options{data->env,      options.path,     options.wal,
                                   data->identity, data->hard_state, options.clustered};
  auto log = OpenLog(log_options, applied);
  if (!log.ok()) return damage.ok() ? log.status() : damage;
  data->note = log->note;
  if (!damage.ok()) {
    MOM_RETURN_IF_ERROR(PutViewAside(options, *name, damage, data));
    view = LevelDbView::Open(path, view_options);
    if (!view.ok()) return view.status();
  }
  data->view = *std::move(view);
  data->view_name = *name;
  uint64_t seed = 0;
  randombytes_buf(&seed, sizeof seed);
  auto restored = RestoreFrom(log_options, *log, applied, head.voters, seed);
  if (!restored.ok()) return restored.status();
  data->restored = *std::move(restored);
  auto addresses = LastAddresses(log_options, *log, head.voters);
  if (!addresses.ok()) return addresses.status();
  data->addresses = *std::move(addresses);
  // Larger than any of this disk's earlier lives, unless the clock went back: that costs one more try.
  data->restored.last_session = quorum::SessionId{static_cast<uint64_t>(WallNow().ms) << kStreamsOfOneMsBits};
  data->wal = std::move(log->wal);
  data->report = std::move(log->report);
  RemoveOtherViews(data);  // All that is in use could be opened.
  return Status();
}

}  // namespace

LevelDbViewOptions ViewOptions(const DataDirOptions& options, wal::Env* room) {
  LevelDbViewOptions view_options = options.view;
  view_options.room = {room, true, wal::kSmallFilesBytes};
  view_options.cached_tables = broker::keys::kHotTables;
  return view_options;
}

Result<DataDirLook> LookAtDataDir(const DataDirOptions& options) {
  DataDirLook look;
  const auto names = options.env->ListDir(options.path);
  if (names.status().code() == Status::kNotFound) return look;
  if (!names.ok()) {
    return Status(Status::kInvalidArgument,
                  options.path + " cannot be the --data-dir: " + names.status().message());
  }
  look.is_there = true;
  look.has_lock_file = options.env->FileSize(options.path + "/lock").ok();
  if (look.has_lock_file) MOM_RETURN_IF_ERROR(Lock(options).status());
  const auto identity = CheckIdentity(options);
  if (identity.status().code() == Status::kNotFound) return look;
  if (!identity.ok()) return identity.status();
  look.has_identity = true;
  look.is_founded = !identity->cluster.empty();
  const auto members = ReadFirstMembers(options.env, options.path);
  look.is_member = members.status().code() != Status::kNotFound;
  return look;
}

Result<DataDir> LockDataDir(const DataDirOptions& options) {
  DataDir data;
  data.path = options.path;
  data.room = std::make_unique<wal::RoomEnv>(options.env);
  data.env = data.room.get();
  MOM_RETURN_IF_ERROR(options.env->CreateDir(options.path));
  auto lock = Lock(options);
  if (!lock.ok()) return lock.status();
  data.lock = *std::move(lock);
  auto identity = OpenIdentity(options, &data.created);
  if (!identity.ok()) return identity.status();
  data.identity = *identity;
  return data;
}

// The voters first: an identity with a cluster says that they are there.
Status JoinCluster(DataDir* data, Uuid cluster, const Members& founders) {
  MOM_CHECK(data->identity.cluster.empty() && !cluster.empty());
  MOM_RETURN_IF_ERROR(WriteFirstMembers(data->env, data->path, founders));
  data->identity.cluster = cluster;
  return wal::WriteIdentity(data->env, data->path + "/identity", data->identity);
}

Status OpenDataDir(const DataDirOptions& options, DataDir* data) {
  MOM_CHECK(!data->identity.cluster.empty());
  auto hard_state = OpenHardState(*data);
  if (!hard_state.ok()) return hard_state.status();
  data->hard_state = *hard_state;
  data->wal.reset();  // Of a try before.
  data->view.reset();
  return OpenViewAndLog(options, data);
}

Result<DataDir> OpenDataDir(const DataDirOptions& options) {
  auto data = LockDataDir(options);
  if (!data.ok()) return data;
  if (data->identity.cluster.empty()) {
    return Status(Status::kWrongOwner, options.path +
                                           " was made for a cluster that was never founded; start it with "
                                           "--peers or --join again, or choose an empty --data-dir");
  }
  MOM_RETURN_IF_ERROR(OpenDataDir(options, &*data));
  return data;
}

quorum::Identity IdentityOf(const DataDir& data) {
  return quorum::Identity{data.identity.cluster, data.identity.node, data.identity.disk};
}

std::string ToString(const Uuid& uuid) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(uuid.high),
                static_cast<unsigned long long>(uuid.low));
  return text;
}

}  // namespace mom::replication
