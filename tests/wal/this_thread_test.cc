// What a thread tells the system arrives there, and nothing else changes.
#include "wal/this_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <thread>

namespace mom::wal {
namespace {

// The first 48 bytes of the kernel's sched_attr, as words; the fourth is the runtime.
std::array<uint64_t, 6> Attributes() {
  std::array<uint64_t, 6> words{};
  EXPECT_EQ(::syscall(SYS_sched_getattr, 0, words.data(), sizeof words, 0), 0);
  return words;
}

TEST(ThisThreadTest, HasTheNameThatItWasGiven) {
  std::string name(16, '\0');
  std::thread([&] {
    NameThisThread("mom-fifteen-123");
    ASSERT_EQ(::pthread_getname_np(::pthread_self(), name.data(), name.size()), 0);
  }).join();
  EXPECT_STREQ(name.c_str(), "mom-fifteen-123");
}

TEST(ThisThreadTest, ANameThatIsTooLongIsABug) {
  EXPECT_DEATH(NameThisThread("mom-sixteen-1234"), "mom-sixteen-1234");
}

// Old kernels know no length of turns, and tell of none.
TEST(ThisThreadTest, ShortTurnsChangeOnlyTheLengthOfTurns) {
  std::thread([] {
    ASSERT_EQ(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 3), 0);
    auto before = Attributes();
    TakeShortTurns();
    const auto after = Attributes();
    EXPECT_LE(after[3], before[3]);
    before[3] = after[3];
    EXPECT_EQ(after, before);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())), 3);
  }).join();
}

TEST(ThisThreadTest, WhoInterruptsNobodyKeepsItsShare) {
  std::thread([] {
    ASSERT_EQ(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 3), 0);
    InterruptNobody();
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())), 3);
  }).join();
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
}

}  // namespace
}  // namespace mom::wal
