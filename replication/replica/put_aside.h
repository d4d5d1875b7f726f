// PutAside: damaged data leaves the place of the good, and is kept for who wants to examine it.
#pragma once

#include <string>

#include "core/base/result.h"
#include "wal/env.h"

namespace mom::replication {

// Renames `dir`/`name` to the first free `dir`/`name`.damaged-N, N from 1, durably; the new path. Errors are
// those of the Env; after one of them the folder has either name.
Result<std::string> PutAside(wal::Env* env, const std::string& dir, const std::string& name);

}  // namespace mom::replication
