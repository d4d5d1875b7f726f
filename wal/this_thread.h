// What a thread tells the system about itself.
#pragma once

namespace mom::wal {

// Names the calling thread for those who look at a running node: `top -H`, `perf`, core files. `name` has at
// most 15 bytes, which is what Linux keeps. Thread-safe.
void NameThisThread(const char* name);

// For threads that answer somebody, a little at a time: asks the scheduler for short turns. Whoever asks for
// less is run sooner after waking up, ahead of threads that compute for long; its share of the processors
// stays the same. Linux 6.12 and later; others ignore it. Thread-safe.
void TakeShortTurns();

// For threads that pass work on in batches: asks the scheduler not to interrupt whoever runs when this one
// wakes up, but to let it wait for its turn (SCHED_BATCH). Its share of the processors stays the same.
// Threads that it starts do likewise. Thread-safe.
void InterruptNobody();

}  // namespace mom::wal
