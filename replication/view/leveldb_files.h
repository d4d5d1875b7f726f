// The files of a view on the real disk, written so that what found no room can be tried again.
#pragma once

#include <leveldb/env.h>

namespace mom::replication {

// The default Env but for files that are written. LevelDB's own forget how much of a failed write went
// through. Of these a call that fails for lack of room (see IsNoRoom) may be repeated as it was: it took
// nothing of what it was given, and what was given before is not lost. A failed sync may not be repeated and
// is never for lack of room. The one instance of the process; never destroyed. Thread-safe.
leveldb::Env* ViewFiles();

// Whether the disk, or a quota, is full.
bool IsNoRoom(const leveldb::Status& status);

}  // namespace mom::replication
