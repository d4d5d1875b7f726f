// DataDir: everything durable of one node, opened and checked: identity, hard state, log, view.
#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/quorum/events.h"
#include "replication/replica/members.h"
#include "replication/view/leveldb_view.h"
#include "wal/env.h"
#include "wal/hard_state.h"
#include "wal/identity.h"
#include "wal/room_env.h"
#include "wal/wal.h"

namespace mom::replication {

struct DataDirOptions {
  std::string path;
  NodeId node;              // Must be the node whose data it is.
  wal::Env* env = nullptr;  // Not owned.
  wal::WalOptions wal;
  LevelDbViewOptions view;
  // Of a cluster of several nodes: a new folder belongs to none until JoinCluster, and damage is repaired
  // from the others.
  bool clustered = false;
};

// Holds the folder's lock while it lives.
struct DataDir {
  std::string path;
  std::unique_ptr<wal::RoomEnv> room;  // Impatient as yet.
  wal::Env* env = nullptr;             // The same.
  std::unique_ptr<wal::FileLock> lock;
  wal::Identity identity;
  wal::HardState hard_state;
  std::unique_ptr<wal::Wal> wal;
  std::unique_ptr<LevelDbView> view;
  std::string view_name;  // Its folder.
  wal::RecoveryReport report;
  quorum::Restored restored;  // What the protocol is started with.
  PeerAddresses addresses;    // Of other nodes, as last heard of.
  bool created = false;       // The folder was empty: a new one-node cluster begins.
  std::string note;           // What was repaired, for the log; empty when nothing.

  std::string hard_state_path() const { return path + "/hard-state"; }
};

// Opens or formats the folder. kNoSpace: the disk is full, try again later; kBusy: in use; kWrongOwner: of
// another node, cluster or newer format; kCorruption: damaged beyond what a crash explains. Overwrites
// nothing in any of these cases. A damaged view is put aside and built anew when the log still begins at
// offset 0, or when there are other replicas.
Result<DataDir> OpenDataDir(const DataDirOptions& options);

// What a folder is before it is opened. Looks only: nothing is created or changed.
struct DataDirLook {
  bool is_there = false;
  bool has_lock_file = false;
  bool has_identity = false;  // Else the folder is missing, or holds nothing of anybody.
  bool is_founded = false;    // The identity has a cluster.
  bool is_member = false;     // Of a cluster of several nodes, or that may become one.
};
// Refuses as LockDataDir would: kBusy when another process holds the folder, kWrongOwner, kCorruption;
// kInvalidArgument for what cannot be a data folder.
Result<DataDirLook> LookAtDataDir(const DataDirOptions& options);

// The same in steps, for a node that must first learn which cluster it belongs to. LockDataDir: only `lock`
// and `identity` are there, whose `cluster` may be empty.
Result<DataDir> LockDataDir(const DataDirOptions& options);
// Durable when ok; `founders` are those the cluster began with, its addresses may be of later nodes, too.
// REQUIRES: the identity has no cluster.
Status JoinCluster(DataDir* data, Uuid cluster, const Members& founders);
// REQUIRES: the identity has a cluster.
Status OpenDataDir(const DataDirOptions& options, DataDir* data);

// How views of this folder are opened that are to be used.
LevelDbViewOptions ViewOptions(const DataDirOptions& options, wal::Env* room);

quorum::Identity IdentityOf(const DataDir& data);

// 32 hexadecimal digits.
std::string ToString(const Uuid& uuid);

}  // namespace mom::replication
