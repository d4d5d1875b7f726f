// Hard state and identity: replaced in one step, and never read wrong.
#include <gtest/gtest.h>

#include <functional>

#include "wal/atomic_file.h"
#include "wal/hard_state.h"
#include "wal/identity.h"
#include "wal/memory_env.h"
#include "wal/sealed_file.h"

namespace mom::wal {
namespace {

constexpr char kPath[] = "node/file";
const HardState kState{Epoch{9}, NodeId{2}, Uuid{11, 12}, NodeId{3}};
const Identity kIdentity{Uuid{1, 2}, NodeId{3}, Uuid{4, 5}, kDataFormat};

class SmallFiles : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(env_.CreateDir("node").ok()); }

  // Damages the file in every bit and at every length; `read` must say corruption each time.
  void ExpectEveryDamageIsNamed(const std::function<Status()>& read) {
    const std::string good = env_.Contents(kPath);
    const auto expect_named = [&](const std::string& what) {
      const Status status = read();
      EXPECT_EQ(status.code(), Status::kCorruption) << what << ": " << status;
      EXPECT_NE(status.message().find(kPath), std::string::npos) << what << ": " << status;
    };
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      env_.Overwrite(kPath, bit / 8, std::string(1, static_cast<char>(good[bit / 8] ^ (1 << bit % 8))));
      expect_named("bit " + std::to_string(bit));
      env_.Overwrite(kPath, 0, good);
    }
    for (size_t size = 0; size < good.size(); ++size) {
      env_.Cut(kPath, size);
      expect_named("cut to " + std::to_string(size));
      env_.Overwrite(kPath, 0, good);
    }
    env_.Overwrite(kPath, good.size(), "x");
    expect_named("grown");
  }

  MemoryEnv env_;
};

TEST_F(SmallFiles, HardStateRoundTrips) {
  EXPECT_EQ(ReadHardState(&env_, kPath).status().code(), Status::kNotFound);
  ASSERT_TRUE(WriteHardState(&env_, kPath, kState).ok());
  EXPECT_EQ(ReadHardState(&env_, kPath).value(), kState);
}

TEST_F(SmallFiles, IdentityRoundTrips) {
  EXPECT_EQ(ReadIdentity(&env_, kPath).status().code(), Status::kNotFound);
  ASSERT_TRUE(WriteIdentity(&env_, kPath, kIdentity).ok());
  EXPECT_EQ(ReadIdentity(&env_, kPath).value(), kIdentity);
}

TEST_F(SmallFiles, EveryDamageToAHardStateIsNamed) {
  ASSERT_TRUE(WriteHardState(&env_, kPath, kState).ok());
  ExpectEveryDamageIsNamed([this] { return ReadHardState(&env_, kPath).status(); });
}

TEST_F(SmallFiles, EveryDamageToAnIdentityIsNamed) {
  ASSERT_TRUE(WriteIdentity(&env_, kPath, kIdentity).ok());
  ExpectEveryDamageIsNamed([this] { return ReadIdentity(&env_, kPath).status(); });
}

TEST_F(SmallFiles, OneIsNotTakenForTheOther) {
  ASSERT_TRUE(WriteHardState(&env_, kPath, kState).ok());
  EXPECT_EQ(ReadIdentity(&env_, kPath).status().code(), Status::kCorruption);
}

TEST_F(SmallFiles, NewerFormatsAreRefusedByName) {
  Identity newer = kIdentity;
  newer.format = kDataFormat + 1;
  ASSERT_TRUE(WriteIdentity(&env_, kPath, newer).ok());
  const Status status = ReadIdentity(&env_, kPath).status();
  EXPECT_EQ(status.code(), Status::kWrongOwner);
  EXPECT_NE(status.message().find("format 2"), std::string::npos) << status;
  const SealedKind now{"thing", 77, 1};
  const SealedKind later{"thing", 77, 2};
  EXPECT_EQ(Unseal(now, Seal(later, "body")).status().code(), Status::kWrongOwner);
  EXPECT_EQ(Unseal(later, Seal(later, "body")).value(), "body");
}

TEST_F(SmallFiles, AVoteIsOldOrNewAfterEveryFault) {
  const HardState next{Epoch{10}, NodeId{1}, Uuid{3, 3}, NodeId{0}};
  for (uint64_t call = 1; call <= 5; ++call) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
      MemoryEnv env;
      ASSERT_TRUE(env.CreateDir("node").ok());
      ASSERT_TRUE(WriteHardState(&env, kPath, kState).ok());
      if (seed % 2 == 0) env.StopAtCall(call);
      if (seed % 2 == 1) env.FailCall(call, Status(Status::kIoError, "ordered by the test"));
      const bool written = WriteHardState(&env, kPath, next).ok();
      env.Crash({CrashMode::kKeepSome, seed});
      const auto read = ReadHardState(&env, kPath);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_TRUE(*read == next || (!written && *read == kState)) << call << " " << seed;
    }
  }
}

}  // namespace
}  // namespace mom::wal
