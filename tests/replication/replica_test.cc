#include "replication/replica/asio_replica.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>

#include "core/broker/keys.h"
#include "wal/posix_env.h"

namespace mom::replication {
namespace {

// A node in a folder of its own that can be stopped, started again, and looked at.
class ReplicaTest : public testing::Test {
 protected:
  ReplicaTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "mom-replica-XXXXXX";
    root_ = mkdtemp(pattern.data());
    options_.data.path = root_ + "/data";
    options_.data.node = NodeId{1};
    options_.data.env = wal::PosixEnv();
    options_.data.wal.segment_bytes = 1u << 20;
    options_.data.wal.reserve_bytes = 0;
    options_.disk_free_min_bytes = 0;
  }
  ~ReplicaTest() override {
    replica_.reset();
    std::filesystem::remove_all(root_);
  }

  Status Start() {
    replica_.reset();
    auto data = OpenDataDir(options_.data);
    if (!data.ok()) return data.status();
    note_ = data->note;
    replica_ = std::make_unique<AsioReplica>(*std::move(data), options_);
    replica_->Start();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!replica_->caught_up()) {
      if (std::chrono::steady_clock::now() > deadline) return Status(Status::kUncertain, "does not catch up");
      std::this_thread::yield();
    }
    return Status();
  }

  Outcome Run(v1::Command command) {
    std::promise<Outcome> promise;
    replica_->Propose(std::move(command), [&](Outcome outcome) { promise.set_value(std::move(outcome)); });
    return promise.get_future().get();
  }
  Outcome AddUser(const std::string& name) {
    v1::Command command;
    command.mutable_create_user()->set_name(name);
    command.mutable_create_user()->set_password_hash("hash");
    return Run(std::move(command));
  }
  bool HasUser(const std::string& name) {
    return replica_->Snapshot()->reader().Get(broker::keys::User(name)).has_value();
  }

  std::string root_;
  std::string note_;
  ReplicaOptions options_;
  std::unique_ptr<AsioReplica> replica_;
};

TEST_F(ReplicaTest, AnswersAfterApplyingAndKeepsItOverARestart) {
  ASSERT_TRUE(Start().ok());
  const Outcome outcome = AddUser("alice");
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.reply.error(), v1::ERROR_NONE);
  EXPECT_GT(replica_->applied_end(), outcome.offset);
  EXPECT_TRUE(HasUser("alice"));
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(HasUser("alice"));
  const Outcome later = AddUser("bob");
  EXPECT_GT(later.offset, outcome.offset);
  EXPECT_GT(later.epoch, outcome.epoch);
}

TEST_F(ReplicaTest, ManyProposalsShareFsyncs) {
  ASSERT_TRUE(Start().ok());
  constexpr int kCount = 2000;
  std::atomic<int> left = kCount;
  std::promise<void> all;
  for (int i = 0; i < kCount; ++i) {
    v1::Command command;
    command.mutable_create_user()->set_name("user-" + std::to_string(i));
    command.mutable_create_user()->set_password_hash("hash");
    replica_->Propose(std::move(command), [&](Outcome outcome) {
      EXPECT_TRUE(outcome.status.ok());
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().get();
  const ReplicaInfo info = replica_->Info();
  EXPECT_EQ(info.applied_end.value, kCount + 1u);  // And the LeaderChange.
  EXPECT_LT(info.wal_syncs * 4, info.wal_entries);
}

// Goal: the view is a function of the log. Method: take the view away; what is built anew has the same
// digest.
TEST_F(ReplicaTest, LostViewIsBuiltAnewWithTheSameDigest) {
  ASSERT_TRUE(Start().ok());
  for (int i = 0; i < 100; ++i) AddUser("user-" + std::to_string(i));
  replica_.reset();
  uint64_t digest = 0;
  Offset end;
  {
    auto data = OpenDataDir(options_.data);
    ASSERT_TRUE(data.ok());
    const auto state = *broker::ReadAppliedState(*data->view->Latest());
    digest = state.digest;
    end = state.end;
  }
  std::filesystem::remove_all(options_.data.path + "/view");
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(HasUser("user-99"));
  // The restart wrote one entry more; apply the old part alone to compare.
  replica_.reset();
  auto data = OpenDataDir(options_.data);
  ASSERT_TRUE(data.ok());
  broker::MemoryView model;
  Offset from = data->wal->log_start();
  uint64_t model_digest = 0;
  while (from < end) {
    auto entries = data->wal->Read(from, 1u << 20);
    ASSERT_TRUE(entries.ok());
    for (const Entry& entry : *entries) {
      if (entry.offset >= end) break;
      auto applied = broker::Apply(model, entry);
      model.Write(applied.changes);
      model_digest = applied.state.digest;
    }
    from = Next(entries->back().offset);
  }
  EXPECT_EQ(model_digest, digest);
}

TEST_F(ReplicaTest, DamagedViewIsKeptAsideAndBuiltAnew) {
  ASSERT_TRUE(Start().ok());
  AddUser("alice");
  replica_.reset();
  for (const auto& file : std::filesystem::directory_iterator(options_.data.path + "/view")) {
    if (file.path().filename().string().starts_with("MANIFEST"))
      std::filesystem::resize_file(file.path(), 10);
  }
  ASSERT_TRUE(Start().ok());
  EXPECT_NE(note_.find("view.damaged-1"), std::string::npos) << note_;
  EXPECT_TRUE(HasUser("alice"));
  EXPECT_TRUE(std::filesystem::exists(options_.data.path + "/view.damaged-1"));
}

TEST_F(ReplicaTest, DropsTheLogPrefixOnlyBelowADurableView) {
  options_.log_retain_bytes = 2u << 20;
  ASSERT_TRUE(Start().ok());
  for (int i = 0; i < 160; ++i) {
    AddUser("user-" + std::to_string(i));
    v1::Command bulk;  // Refused by the broker; what counts here is its room in the log.
    bulk.mutable_create_user()->set_name(std::string(100'000, 'x'));
    ASSERT_TRUE(Run(std::move(bulk)).status.ok());
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (replica_->Info().log_start == Offset{0} && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_GT(replica_->Info().log_start, Offset{0});
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(HasUser("user-0"));
  EXPECT_TRUE(HasUser("user-159"));
  // Without the prefix a lost view cannot be built anew: that must be refused, not guessed.
  replica_.reset();
  std::filesystem::remove_all(options_.data.path + "/view");
  EXPECT_EQ(Start().code(), Status::kCorruption);
}

TEST_F(ReplicaTest, TimersFireThroughClockEntries) {
  ASSERT_TRUE(Start().ok());
  AddUser("alice");
  v1::Command command;
  auto* create = command.mutable_create_session();
  create->set_name("alice");
  create->set_token_hash(std::string(32, 'h'));
  create->set_ttl_ms(50);
  v1::UserRecord user;
  ASSERT_TRUE(user.ParseFromString(*replica_->Snapshot()->reader().Get(broker::keys::User("alice"))));
  create->set_password_revision(user.password_revision());
  ASSERT_EQ(Run(std::move(command)).reply.error(), v1::ERROR_NONE);
  const std::string key = broker::keys::Session(std::string(32, 'h'));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (replica_->Snapshot()->reader().Get(key) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_FALSE(replica_->Snapshot()->reader().Get(key).has_value());
}

TEST_F(ReplicaTest, WaitAppliedWaitsAndTimesOut) {
  ASSERT_TRUE(Start().ok());
  std::promise<bool> early;
  replica_->WaitApplied(Offset{0}, 1000, [&](bool applied) { early.set_value(applied); });
  EXPECT_TRUE(early.get_future().get());
  std::promise<bool> late;
  replica_->WaitApplied(Offset{1000}, 20, [&](bool applied) { late.set_value(applied); });
  EXPECT_FALSE(late.get_future().get());
  std::promise<bool> next;
  replica_->WaitApplied(replica_->applied_end(), 20'000, [&](bool applied) { next.set_value(applied); });
  AddUser("alice");
  EXPECT_TRUE(next.get_future().get());
}

TEST_F(ReplicaTest, RefusesPublishingWhileTheDiskIsNearlyFull) {
  options_.disk_free_min_bytes = UINT64_MAX;
  ASSERT_TRUE(Start().ok());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!replica_->Info().disk_nearly_full && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  v1::Command command;
  command.mutable_publish()->set_queue("q");
  EXPECT_EQ(Run(command).status.code(), Status::kNoSpace);
  command.mutable_ack()->set_queue("q");
  EXPECT_TRUE(Run(command).status.ok());  // Refused by the broker for lack of a session, but let through.
}

TEST_F(ReplicaTest, RefusesOtherOwnersAndSecondInstances) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(OpenDataDir(options_.data).status().code(), Status::kBusy);
  replica_.reset();
  DataDirOptions other = options_.data;
  other.node = NodeId{2};
  EXPECT_EQ(OpenDataDir(other).status().code(), Status::kWrongOwner);
  other.path = root_ + "/foreign";
  std::filesystem::create_directory(other.path);
  std::ofstream(other.path + "/letters.txt") << "somebody's";
  EXPECT_EQ(OpenDataDir(other).status().code(), Status::kWrongOwner);
  EXPECT_TRUE(Start().ok());
}

TEST_F(ReplicaTest, MissingLogIsCorruptionOnceTheNodeHasLed) {
  ASSERT_TRUE(Start().ok());
  replica_.reset();
  std::filesystem::remove_all(options_.data.path + "/log");
  EXPECT_EQ(Start().code(), Status::kCorruption);
}

}  // namespace
}  // namespace mom::replication
