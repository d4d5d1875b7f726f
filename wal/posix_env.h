// PosixEnv: the Env of the operating system.
#pragma once

#include "wal/env.h"

namespace mom::wal {

// The one instance of the process; never destroyed. Thread-safe.
Env* PosixEnv();

}  // namespace mom::wal
