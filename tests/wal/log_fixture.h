// Shared by the tests of the log: entries to write, and reading a whole log back.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "wal/memory_env.h"
#include "wal/wal.h"

namespace mom::wal {

inline constexpr char kDir[] = "log";

inline Entry MakeEntry(uint64_t offset, std::string payload, uint32_t epoch = 1) {
  return Entry{Offset{offset}, Epoch{epoch}, Timestamp{static_cast<int64_t>(1000 + offset)},
               EntryKind::kCommand, std::make_shared<const std::string>(std::move(payload))};
}

// `size` bytes that differ for each `seed`; no zeros.
inline std::string Payload(size_t size, uint64_t seed) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(1 + (i * 31 + seed * 17 + i / 251) % 255);
  return bytes;
}

inline std::vector<Entry> MakeEntries(uint64_t first, const std::vector<size_t>& sizes, uint32_t epoch = 1) {
  std::vector<Entry> entries;
  for (const size_t size : sizes) {
    const uint64_t offset = first + entries.size();
    entries.push_back(MakeEntry(offset, Payload(size, offset), epoch));
  }
  return entries;
}

inline bool SameEntry(const Entry& a, const Entry& b) {
  return a.offset == b.offset && a.epoch == b.epoch && a.timestamp == b.timestamp && a.kind == b.kind &&
         a.bytes() == b.bytes();
}

// All entries of the log, or why they cannot be read.
inline Result<std::vector<Entry>> ReadAll(Wal* wal) {
  std::vector<Entry> all;
  for (Offset next = wal->log_start(); next < wal->log_end(); next = Next(all.back().offset)) {
    Result<std::vector<Entry>> some = wal->Read(next, 1u << 20);
    if (!some.ok()) return some.status();
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

inline void ExpectHolds(Wal* wal, const std::vector<Entry>& wanted) {
  Result<std::vector<Entry>> all = ReadAll(wal);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_TRUE(SameEntry((*all)[i], wanted[i])) << i;
}

inline WalOptions SmallSegments(size_t segment_bytes = 8192) {
  WalOptions options;
  options.segment_bytes = segment_bytes;
  options.reserve_bytes = 0;
  options.log_id = Uuid{0x1122334455667788ull, 0x99aabbccddeeff00ull};
  return options;
}

inline std::unique_ptr<MemoryEnv> NewDisk() {
  auto env = std::make_unique<MemoryEnv>();
  EXPECT_TRUE(env->CreateDir(kDir).ok());
  return env;
}

inline std::unique_ptr<Wal> MustOpen(Env* env, const WalOptions& options, RecoveryReport* report = nullptr) {
  Result<std::unique_ptr<Wal>> wal = Wal::Open(env, kDir, options, report);
  EXPECT_TRUE(wal.ok()) << wal.status();
  return wal.ok() ? std::move(*wal) : nullptr;
}

inline void AppendAndSync(Wal* wal, const std::vector<Entry>& entries) {
  const Status appended = wal->Append(entries);
  ASSERT_TRUE(appended.ok()) << appended;
  const Status synced = wal->Sync();
  ASSERT_TRUE(synced.ok()) << synced;
}

}  // namespace mom::wal
