// Goal: what must be kept free covers what a node still writes, on disks of every size, and what comes in
// between two looks at the disk counts.
#include "replication/replica/disk_budget.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "replication/replica/disk_room.h"

namespace mom::replication {
namespace {

constexpr uint64_t kMiB = 1u << 20;

v1::Command Publish() {
  v1::Command command;
  command.mutable_publish()->set_queue("work");
  return command;
}

TEST(DiskBudgetTest, CoversSegmentsMemoryTablesAndOneMergeOnDisksOfEverySize) {
  for (uint64_t mib = 64; mib <= uint64_t{1} << 24; mib += mib / 3) {
    const DiskBudget budget = BudgetFor(mib * kMiB, 0);
    EXPECT_GE(budget.free_min_bytes, 2 * budget.segment_bytes + 14 * budget.write_buffer_bytes) << mib;
    EXPECT_GE(budget.reserve_bytes, budget.segment_bytes + budget.write_buffer_bytes) << mib;
    EXPECT_EQ(budget.segment_bytes % (8 * kMiB), 0u) << mib;  // Holds the largest entry.
    const uint64_t at_most = mib >= 1024 ? mib * kMiB / 6 : mib >= 256 ? mib * kMiB / 4 : mib * kMiB;
    EXPECT_LE(budget.free_min_bytes, at_most) << mib;
  }
}

TEST(DiskBudgetTest, WhatSomebodyAskedForIsTheLeast) {
  EXPECT_EQ(BudgetFor(uint64_t{1} << 40, uint64_t{1} << 38).free_min_bytes, uint64_t{1} << 38);
  EXPECT_LT(BudgetFor(UINT64_MAX, 0).free_min_bytes, 1300 * kMiB);
}

// The disk shows nothing of what was let in: as if all of it were still in memory.
TEST(DiskRoomTest, CountsWhatWasLetInSinceTheDiskWasAsked) {
  uint64_t free_bytes = 100 * kMiB;
  DiskRoom room(70 * kMiB, [&free_bytes] { return free_bytes; });
  room.Look(true);
  uint64_t pending = 0;
  while (room.Admit(Publish(), kMiB / 2, pending)) {
    pending += kMiB / 2;
    ASSERT_LE(3 * pending, 30 * kMiB);
  }
  EXPECT_GT(pending, 5 * kMiB);
  EXPECT_TRUE(room.nearly_full());
  room.Look(true);  // A look at a disk that has room lets in again.
  EXPECT_FALSE(room.nearly_full());
}

TEST(DiskRoomTest, AsksTheDiskWhileMuchComesIn) {
  uint64_t free_bytes = 1000 * kMiB;
  int asked = 0;
  DiskRoom room(70 * kMiB, [&] {
    ++asked;
    return free_bytes;
  });
  room.Look(true);
  uint64_t let_in = 0;
  for (; room.Admit(Publish(), kMiB / 2, 0) && let_in < 2000 * kMiB; let_in += kMiB / 2)
    free_bytes -= std::min<uint64_t>(free_bytes, kMiB);
  EXPECT_GT(asked, 100);
  EXPECT_GE(free_bytes, 60 * kMiB) << "without a look once a second";
}

TEST(DiskRoomTest, OnlyWhatPutsMoreOntoTheDiskIsRefused) {
  DiskRoom room(1, [] { return uint64_t{0}; });
  room.Look(true);
  EXPECT_FALSE(room.Admit(Publish(), 1, 0));
  v1::Command transaction;
  transaction.mutable_transaction()->add_operations()->mutable_ack()->set_queue("work");
  transaction.mutable_transaction()->add_operations()->mutable_nack()->set_queue("work");
  EXPECT_TRUE(room.Admit(transaction, 1, 0));
  transaction.mutable_transaction()->add_operations()->mutable_publish()->set_queue("work");
  EXPECT_FALSE(room.Admit(transaction, 1, 0));
  v1::Command command;
  command.mutable_receive();
  EXPECT_TRUE(room.Admit(command, 1, 0));
  command.mutable_create_session();  // Else nobody new could take anything away.
  EXPECT_TRUE(room.Admit(command, 1, 0));
  command.mutable_redrive();
  EXPECT_FALSE(room.Admit(command, 1, 0));
}

TEST(DiskRoomTest, WhoFoundNoRoomEndsPublishingUntilTheNextLookButOne) {
  DiskRoom room(1, [] { return uint64_t{1} << 40; });
  room.Look(true);
  EXPECT_TRUE(room.Admit(Publish(), 1, 0));
  room.OnLack();
  EXPECT_FALSE(room.Admit(Publish(), 1, 0));
  room.Look(true);
  EXPECT_TRUE(room.nearly_full());
  room.Look(true);
  EXPECT_TRUE(room.Admit(Publish(), 1, 0));
}

}  // namespace
}  // namespace mom::replication
