// Goal: what is due on a node happens, also when nobody talks to it. Method: real replicas; random mixes of
// everything that is done at a time, then silence: only the view is looked at, which disturbs nobody.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "core/base/random.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "replication/replica/asio_replica.h"
#include "wal/posix_env.h"

namespace mom::replication {
namespace {

constexpr int64_t kLateMs = 5'000;  // Without the fault: a few milliseconds, on a machine that is not busy.
constexpr int64_t kFarMs = 600'000;

class TimersTest : public testing::Test {
 protected:
  TimersTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "mom-timers-XXXXXX";
    root_ = mkdtemp(pattern.data());
    options_.data.path = root_ + "/data";
    options_.data.node = NodeId{1};
    options_.data.env = wal::PosixEnv();
    options_.data.wal.segment_bytes = 1u << 20;
    options_.data.wal.reserve_bytes = 0;
    options_.disk_free_min_bytes = 0;
  }
  ~TimersTest() override {
    replica_.reset();
    std::filesystem::remove_all(root_);
  }

  void Start() {
    replica_.reset();
    auto data = OpenDataDir(options_.data);
    ASSERT_TRUE(data.ok()) << data.status();
    replica_ = std::make_unique<AsioReplica>(*std::move(data), options_);
    replica_->SetWokenListener([this](const std::set<std::string>& queues, const broker::Revoked&) {
      std::lock_guard lock(mutex_);
      woken_.insert(queues.begin(), queues.end());
    });
    replica_->Start();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!replica_->caught_up()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "does not catch up";
      std::this_thread::yield();
    }
  }

  v1::Reply Run(v1::Command command) {
    std::promise<Outcome> promise;
    replica_->Propose(std::move(command), [&](Outcome outcome) { promise.set_value(std::move(outcome)); });
    Outcome outcome = promise.get_future().get();
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.reply.error(), v1::ERROR_NONE) << outcome.reply.detail();
    return std::move(outcome.reply);
  }
  v1::Command Mine() const {
    v1::Command command;
    command.set_user("ann");
    command.set_session_hash(std::string(32, 's'));
    return command;
  }
  void Connect(const std::string& hash, int64_t ttl_ms) {
    v1::UserRecord user;
    ASSERT_TRUE(user.ParseFromString(*replica_->Snapshot()->reader().Get(broker::keys::User("ann"))));
    v1::Command command;
    command.mutable_create_session()->set_name("ann");
    command.mutable_create_session()->set_token_hash(hash);
    command.mutable_create_session()->set_ttl_ms(ttl_ms);
    command.mutable_create_session()->set_password_revision(user.password_revision());
    Run(std::move(command));
  }
  void SetUp() override {
    Start();
    v1::Command user;
    user.mutable_create_user()->set_name("ann");
    user.mutable_create_user()->set_password_hash("hash");
    Run(std::move(user));
    Connect(std::string(32, 's'), 30 * kFarMs);
    for (const char* name : {"delay", "lease", "nack", "ttl", "queue-ttl"}) {
      v1::Command queue = Mine();
      queue.mutable_create_queue()->set_name(name);
      queue.mutable_create_queue()->mutable_settings()->set_max_attempts(1000);
      if (name == std::string("queue-ttl")) queue.mutable_create_queue()->mutable_settings()->set_ttl_ms(250);
      Run(std::move(queue));
    }
  }

  void Publish(const std::string& queue, int64_t delay_ms, int64_t ttl_ms, int count = 1) {
    v1::Command command = Mine();
    command.mutable_publish()->set_queue(queue);
    for (int i = 0; i < count; ++i) {
      v1::NewMessage* message = command.mutable_publish()->add_messages();
      message->set_body("x");
      message->set_delay_ms(delay_ms);
      message->set_ttl_ms(ttl_ms);
    }
    Run(std::move(command));
  }
  v1::Reply Lease(const std::string& queue, int64_t lease_ms) {
    v1::Command command = Mine();
    command.mutable_receive()->set_queue(queue);
    command.mutable_receive()->set_max(1);
    command.mutable_receive()->set_lease_ms(lease_ms);
    return Run(std::move(command));
  }
  void NackOne(int64_t delay_ms) {
    const v1::Reply leased = Lease("nack", kFarMs);
    v1::Command command = Mine();
    command.mutable_nack()->set_queue("nack");
    command.mutable_nack()->set_delay_ms(delay_ms);
    for (const v1::Delivery& delivery : leased.receive().messages()) {
      v1::Receipt* receipt = command.mutable_nack()->add_receipts();
      receipt->set_id(delivery.id());
      receipt->set_lease(delivery.lease());
    }
    Run(std::move(command));
  }
  v1::QueueCounts Counts(const std::string& name) {
    const auto snapshot = replica_->Snapshot();
    const auto queue = broker::FindQueue(snapshot->reader(), name);
    v1::QueueState state;
    EXPECT_TRUE(state.ParseFromString(*snapshot->reader().Get(broker::keys::QueueState(queue->id()))));
    return state.counts();
  }
  // Until nothing is due for long. Fails when something is due for long.
  void AwaitTimers() {
    for (;;) {
      const auto due = broker::NextDue(replica_->Snapshot()->reader());
      const int64_t late_ms = due ? WallNow().ms - due->ms : -kFarMs;
      if (late_ms <= -kFarMs / 2) return;
      ASSERT_LT(late_ms, kLateMs) << "something stays due";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::string root_;
  ReplicaOptions options_;
  std::mutex mutex_;
  std::set<std::string> woken_;  // Queues in which something became ready. Guarded by mutex_.
  std::unique_ptr<AsioReplica> replica_;
};

TEST_F(TimersTest, NothingStaysDueOnAnIdleNode) {
  SplitMix64 random(1);
  uint64_t sessions = 0;
  for (int round = 0; round < 6; ++round) {
    {
      std::lock_guard lock(mutex_);
      woken_.clear();
    }
    Publish("nack", 0, 0, 3);
    Publish("lease", 0, 0, 3);
    for (uint64_t left = 3 + random.Next() % 30; left > 0; --left) {
      const auto ms = static_cast<int64_t>(1 + random.Next() % 700);
      switch (random.Next() % 6) {
        case 0:
          Publish("delay", ms, 0, 1 + static_cast<int>(random.Next() % 3));
          break;
        case 1:
          Lease("lease", ms);
          break;
        case 2:
          NackOne(ms);
          break;
        case 3:
          Publish("ttl", 0, ms);
          break;
        case 4:
          Publish("queue-ttl", 0, 0);
          break;
        default:
          Connect(std::string(16, 'e') + std::to_string(1'000'000'000'000'000 + ++sessions), ms);
      }
    }
    Publish("delay", 100, 0);
    AwaitTimers();
    if (HasFatalFailure()) return;
    for (const char* name : {"delay", "lease", "nack"}) {
      EXPECT_EQ(Counts(name).delayed(), 0u) << name;
      EXPECT_EQ(Counts(name).leased(), 0u) << name;
    }
    EXPECT_EQ(broker::MessageCount(Counts("ttl")), 0u);
    EXPECT_EQ(broker::MessageCount(Counts("queue-ttl")), 0u);
    std::lock_guard lock(mutex_);
    EXPECT_TRUE(woken_.contains("delay")) << "who waits in a long poll hears nothing";
  }
  for (uint64_t i = 1; i <= sessions; ++i) {
    const std::string hash = std::string(16, 'e') + std::to_string(1'000'000'000'000'000 + i);
    EXPECT_FALSE(replica_->Snapshot()->reader().Get(broker::keys::Session(hash)).has_value()) << i;
  }
}

// One clock entry does a limited amount of work: it leads to the next.
TEST_F(TimersTest, ThousandsThatAreDueAtOnceAllBecomeReady) {
  for (int i = 0; i < 3; ++i) Publish("delay", 300, 0, 1000);
  AwaitTimers();
  EXPECT_EQ(Counts("delay").ready(), 3000u);
  EXPECT_EQ(Counts("delay").delayed(), 0u);
}

// The first entry of the node's new life has the next one due already.
TEST_F(TimersTest, WhatIsDueAtTheStartHappens) {
  Publish("delay", 100, 0);
  for (int i = 0; i < 2; ++i) Publish("delay", 400, 0, 600);
  Start();
  AwaitTimers();
  EXPECT_EQ(Counts("delay").ready(), 1201u);
}

}  // namespace
}  // namespace mom::replication
