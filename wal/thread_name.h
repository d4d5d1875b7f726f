// Names threads for those who look at a running node: `top -H`, `perf`, core files.
#pragma once

namespace mom::wal {

// Names the calling thread. `name` has at most 15 bytes, which is what Linux keeps. Thread-safe.
void NameThisThread(const char* name);

}  // namespace mom::wal
