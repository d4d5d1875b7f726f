// Marks: the small files of a data folder that say what its log and view are in the middle of.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/quorum/types.h"
#include "replication/replica/members.h"
#include "wal/env.h"

namespace mom::replication {

// A snapshot that is complete on the disk and takes the place of view and log.
struct Installation {
  quorum::SnapshotId id;
  Timestamp timestamp;      // Of the entry before id.end.
  quorum::VoterSet voters;  // In force there.
  std::string view;         // Folder with its view, inside of the data folder.
};

// The voters a node began with, where neither log nor view knows any: those that founded the cluster, or
// those of the snapshot it joined with; and where nodes were reached then. kNotFound: none was ever written.
// Written durably.
Result<Members> ReadFirstMembers(wal::Env* env, const std::string& dir);
Status WriteFirstMembers(wal::Env* env, const std::string& dir, const Members& members);

// Present while an installation is under way. kNotFound: none is.
Result<Installation> ReadInstallation(wal::Env* env, const std::string& dir);
Status WriteInstallation(wal::Env* env, const std::string& dir, const Installation& installation);

// Name of the folder with the view in use; "view" until a snapshot was installed.
Result<std::string> ReadViewName(wal::Env* env, const std::string& dir);
Status WriteViewName(wal::Env* env, const std::string& dir, const std::string& name);

// Present while the log lacks entries that this disk once acknowledged: the node must not vote.
Result<bool> IsDamaged(wal::Env* env, const std::string& dir);
Status MarkDamaged(wal::Env* env, const std::string& dir);
Status ClearDamaged(wal::Env* env, const std::string& dir);

// Removes a mark; ok when there is none.
Status RemoveInstallation(wal::Env* env, const std::string& dir);

}  // namespace mom::replication
