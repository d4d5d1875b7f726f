// Fuzz target: opening a log whose files hold arbitrary bytes, or a good log with a few bytes changed.
// Goal: never a crash, never an entry with other bytes, never an opened log that cannot be read. Many changes
// at once can look like a torn tail, so fewer entries alone are no failure here; wal_damage_test.cc has the
// single changes, all of them.
#include <cstdint>
#include <cstdlib>

#include "tests/wal/log_fixture.h"
#include "wal/log_format.h"
#include "wal/log_mark.h"
#include "wal/segment_maker.h"

namespace mom::wal {
namespace {

constexpr char kSegment[] = "log/00000000000000000000.log";

const std::vector<Entry>& Entries() {
  static const std::vector<Entry> entries = MakeEntries(0, {0, 100, 455, 513, 2000, 8, 1200});
  return entries;
}

// A disk with a good log, killed after its last sync.
const MemoryEnv& GoodDisk() {
  static const std::unique_ptr<MemoryEnv> disk = [] {
    auto env = NewDisk();
    auto wal = MustOpen(env.get(), SmallSegments());
    AppendAndSync(wal.get(), Entries());
    wal.reset();
    env->Crash({CrashMode::kDropUnsynced});
    return env;
  }();
  return *disk;
}

void OpenAndRead(MemoryEnv* env) {
  auto wal = Wal::Open(env, kDir, SmallSegments(), nullptr);
  if (!wal.ok()) return;
  const auto all = ReadAll(wal->get());
  if (!all.ok()) std::abort();  // Open has checked every record.
  for (size_t i = 0; i < std::min(all->size(), Entries().size()); ++i) {
    if (!SameEntry((*all)[i], Entries()[i])) std::abort();
  }
}

}  // namespace

// First byte: what to do with the rest.
void FuzzOne(std::string_view input) {
  if (input.empty()) return;
  const char action = input[0];
  input.remove_prefix(1);
  auto env = GoodDisk().Clone();
  switch (action % 4) {
    case 0:  // The input is the segment.
      env->Overwrite(kSegment, 0, input.substr(0, env->Contents(kSegment).size()));
      break;
    case 1:  // The input replaces the records behind a good header.
      env->Overwrite(kSegment, kRecordsBegin,
                     input.substr(0, env->Contents(kSegment).size() - kRecordsBegin));
      break;
    case 2:  // Three bytes a change: position and value.
      for (; input.size() >= 3; input.remove_prefix(3)) {
        const size_t high = static_cast<uint8_t>(input[0]);
        const size_t low = static_cast<uint8_t>(input[1]);
        const size_t position = (high << 8 | low) % 8192;
        env->Overwrite(kSegment, position, input.substr(2, 1));
      }
      break;
    default:  // The input is the mark that says which segments must exist.
      env->Overwrite("log/log.mark", 0, input);
      break;
  }
  OpenAndRead(env.get());
}

}  // namespace mom::wal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::wal::FuzzOne(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
