#include "replication/replica/marks.h"

#include <algorithm>

#include "mom/v1/voters.pb.h"
#include "replication/replica/view_folders.h"
#include "replication/replica/voters_codec.h"
#include "wal/sealed_file.h"

namespace mom::replication {
namespace {

constexpr wal::SealedKind kVotersKind{"first voters", 0x5245544f'564d4f4dull, 1};        // "MOMVOTER"
constexpr wal::SealedKind kInstallationKind{"installation", 0x4c545349'4e4d4f4dull, 1};  // "MOMNISTL"
constexpr wal::SealedKind kViewNameKind{"view name", 0x4d4e5745'494d4f4dull, 1};         // "MOMIEWNM"
constexpr wal::SealedKind kDamagedKind{"damage mark", 0x47414d41'444d4f4dull, 1};        // "MOMDAMAG"

std::string VotersPath(const std::string& dir) {
  return dir + "/voters";
}
std::string InstallationPath(const std::string& dir) {
  return dir + "/installing";
}
std::string ViewNamePath(const std::string& dir) {
  return dir + "/view-name";
}
std::string DamagedPath(const std::string& dir) {
  return dir + "/damaged";
}

Status RemoveMark(wal::Env* env, const std::string& dir, const std::string& path) {
  if (env->FileSize(path).status().code() == Status::kNotFound) return Status();
  MOM_RETURN_IF_ERROR(env->Remove(path));
  return env->SyncDir(dir);
}

}  // namespace

Result<Members> ReadFirstMembers(wal::Env* env, const std::string& dir) {
  auto body = wal::ReadSealed(env, VotersPath(dir), kVotersKind);
  if (!body.ok()) return body.status();
  auto members = DecodeMembers(*body);
  if (!members) return Status(Status::kCorruption, VotersPath(dir) + " holds no valid voter set");
  return *std::move(members);
}

Status WriteFirstMembers(wal::Env* env, const std::string& dir, const Members& members) {
  return wal::WriteSealed(env, VotersPath(dir), kVotersKind, EncodeVoters(members.voters, members.addresses));
}

Result<Installation> ReadInstallation(wal::Env* env, const std::string& dir) {
  auto body = wal::ReadSealed(env, InstallationPath(dir), kInstallationKind);
  if (!body.ok()) return body.status();
  v1::Installation message;
  if (!message.ParseFromString(*body)) {
    return Status(Status::kCorruption, InstallationPath(dir) + " cannot be read");
  }
  const auto voters = DecodeVoters(message.voters().SerializeAsString());
  if (!voters) return Status(Status::kCorruption, InstallationPath(dir) + " holds no valid voter set");
  return Installation{{Offset{message.end()}, Epoch{message.epoch()}},
                      Timestamp{message.timestamp_ms()},
                      *voters,
                      message.view()};
}

Status WriteInstallation(wal::Env* env, const std::string& dir, const Installation& installation) {
  v1::Installation message;
  message.set_end(installation.id.end.value);
  message.set_epoch(installation.id.epoch.value);
  message.set_timestamp_ms(installation.timestamp.ms);
  message.mutable_voters()->ParseFromString(EncodeVoters(installation.voters));
  message.set_view(installation.view);
  return wal::WriteSealed(env, InstallationPath(dir), kInstallationKind, message.SerializeAsString());
}

Status RemoveInstallation(wal::Env* env, const std::string& dir) {
  return RemoveMark(env, dir, InstallationPath(dir));
}

Result<std::string> ReadViewName(wal::Env* env, const std::string& dir) {
  auto name = wal::ReadSealed(env, ViewNamePath(dir), kViewNameKind);
  if (name.status().code() == Status::kNotFound) return std::string(kFirstViewFolder);
  return name;
}

Status WriteViewName(wal::Env* env, const std::string& dir, const std::string& name) {
  return wal::WriteSealed(env, ViewNamePath(dir), kViewNameKind, name);
}

Result<bool> IsDamaged(wal::Env* env, const std::string& dir) {
  auto mark = wal::ReadSealed(env, DamagedPath(dir), kDamagedKind);
  if (mark.ok()) return true;
  if (mark.status().code() == Status::kNotFound) return false;
  return mark.status();
}

Status MarkDamaged(wal::Env* env, const std::string& dir) {
  return wal::WriteSealed(env, DamagedPath(dir), kDamagedKind, "");
}

Status ClearDamaged(wal::Env* env, const std::string& dir) {
  return RemoveMark(env, dir, DamagedPath(dir));
}

}  // namespace mom::replication
