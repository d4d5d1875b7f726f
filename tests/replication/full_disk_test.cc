// Goal: on a full disk nothing new comes in, but what is there can be taken away, in the space of the log's
// reserve; and all is as before once there is room again.
// Method: a disk with a quota, small segments, a reserve of several of them.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "core/broker/keys.h"
#include "replication/replica/asio_replica.h"
#include "wal/posix_env.h"

namespace mom::replication {
namespace {

constexpr int64_t kPlenty = int64_t{1} << 40;

// Real files of which only so many bytes may be allocated. Thread-safe.
class QuotaEnv final : public wal::Env {
 public:
  void SetRoom(int64_t bytes) { room_ = bytes; }
  int64_t room() const { return room_; }

  Result<std::unique_ptr<wal::File>> OpenFile(const std::string& path, wal::OpenMode mode) override {
    auto file = base_->OpenFile(path, mode);
    if (!file.ok()) return file;
    return std::unique_ptr<wal::File>(std::make_unique<QuotaFile>(this, path, *std::move(file)));
  }
  Result<std::vector<std::string>> ListDir(const std::string& dir) override { return base_->ListDir(dir); }
  Result<uint64_t> FileSize(const std::string& path) override { return base_->FileSize(path); }
  Status Rename(const std::string& from, const std::string& to) override { return base_->Rename(from, to); }
  Status Remove(const std::string& path) override {
    const auto bytes = base_->FileSize(path);
    Status removed = base_->Remove(path);
    if (removed.ok() && bytes.ok()) room_ += static_cast<int64_t>(*bytes);
    return removed;
  }
  Status SyncDir(const std::string& dir) override { return base_->SyncDir(dir); }
  Status CreateDir(const std::string& dir) override { return base_->CreateDir(dir); }
  Result<std::unique_ptr<wal::FileLock>> LockFile(const std::string& path) override {
    return base_->LockFile(path);
  }
  Result<uint64_t> FreeBytes(const std::string&) override { return static_cast<uint64_t>(room()); }

 private:
  class QuotaFile final : public wal::File {
   public:
    QuotaFile(QuotaEnv* env, std::string path, std::unique_ptr<wal::File> base)
        : env_(env), path_(std::move(path)), base_(std::move(base)) {}
    Result<std::string> ReadAt(uint64_t position, size_t size) override {
      return base_->ReadAt(position, size);
    }
    Status WriteAt(uint64_t position, std::string_view bytes) override {
      return base_->WriteAt(position, bytes);
    }
    Status Sync() override { return base_->Sync(); }
    Status Allocate(uint64_t size) override {
      const auto has = env_->FileSize(path_);
      if (!has.ok()) return has.status();
      const auto more = static_cast<int64_t>(size > *has ? size - *has : 0);
      if (env_->room_.fetch_sub(more) >= more) return base_->Allocate(size);
      env_->room_ += more;
      return Status(Status::kNoSpace, path_ + ": the quota is used up");
    }
    Status Truncate(uint64_t size) override { return base_->Truncate(size); }

   private:
    QuotaEnv* const env_;
    const std::string path_;
    const std::unique_ptr<wal::File> base_;
  };

  wal::Env* const base_ = wal::PosixEnv();
  std::atomic<int64_t> room_{kPlenty};
};

class FullDiskTest : public testing::Test {
 protected:
  FullDiskTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "mom-full-disk-XXXXXX";
    root_ = mkdtemp(pattern.data());
    ReplicaOptions options;
    options.data.path = root_ + "/data";
    options.data.node = NodeId{1};
    options.data.env = &env_;
    options.data.wal.segment_bytes = 16u << 10;
    options.data.wal.reserve_bytes = 256u << 10;
    options.disk_free_min_bytes = 512u << 10;  // What the reserve gives back does not count as room.
    auto data = OpenDataDir(options.data);
    EXPECT_TRUE(data.ok()) << data.status();
    replica_ = std::make_unique<AsioReplica>(*std::move(data), options);
    replica_->Start();
    Connect();
  }
  ~FullDiskTest() override {
    replica_.reset();
    std::filesystem::remove_all(root_);
  }

  Outcome Run(v1::Command command) {
    command.set_user(user_);
    if (!user_.empty()) command.set_session_hash(std::string(32, 's'));
    std::promise<Outcome> promise;
    replica_->Propose(std::move(command), [&](Outcome outcome) { promise.set_value(std::move(outcome)); });
    return promise.get_future().get();
  }
  Outcome Publish(int messages) {
    v1::Command command;
    command.mutable_publish()->set_queue("work");
    for (int i = 0; i < messages; ++i) command.mutable_publish()->add_messages()->set_body("x");
    return Run(std::move(command));
  }
  // Takes one message off the queue by two entries of the log.
  void Take() {
    v1::Command receive;
    receive.mutable_receive()->set_queue("work");
    receive.mutable_receive()->set_max(1);
    const Outcome got = Run(std::move(receive));
    ASSERT_TRUE(got.status.ok()) << got.status;
    ASSERT_EQ(got.reply.receive().messages_size(), 1) << got.reply.detail();
    v1::Command ack;
    ack.mutable_ack()->set_queue("work");
    v1::Receipt* receipt = ack.mutable_ack()->add_receipts();
    receipt->set_id(got.reply.receive().messages(0).id());
    receipt->set_lease(got.reply.receive().messages(0).lease());
    const Outcome taken = Run(std::move(ack));
    ASSERT_TRUE(taken.status.ok()) << taken.status;
    ASSERT_EQ(taken.reply.receipts().done(), 1u);
  }
  // The same by a transaction that does nothing else; how it ended.
  Outcome TakeByTransaction() {
    v1::Command receive;
    receive.mutable_receive()->set_queue("work");
    receive.mutable_receive()->set_max(1);
    const Outcome got = Run(std::move(receive));
    EXPECT_EQ(got.reply.receive().messages_size(), 1) << got.status;
    v1::Command transaction;
    v1::Ack* ack = transaction.mutable_transaction()->add_operations()->mutable_ack();
    ack->set_queue("work");
    v1::Receipt* receipt = ack->add_receipts();
    receipt->set_id(got.reply.receive().messages(0).id());
    receipt->set_lease(got.reply.receive().messages(0).lease());
    return Run(std::move(transaction));
  }
  bool HasReserve() { return std::filesystem::exists(Reserve()); }
  template <typename Condition>
  static bool Becomes(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }

  QuotaEnv env_;
  std::string root_;
  std::unique_ptr<AsioReplica> replica_;

 private:
  std::string Reserve() const {
    for (const auto& file : std::filesystem::recursive_directory_iterator(root_)) {
      if (file.path().filename() == "reserve") return file.path();
    }
    return root_ + "/none";
  }
  void Connect() {
    v1::Command create;
    create.mutable_create_user()->set_name("alice");
    create.mutable_create_user()->set_password_hash("hash");
    ASSERT_TRUE(Becomes([&] { return Run(create).status.ok(); }));
    v1::UserRecord user;
    ASSERT_TRUE(user.ParseFromString(*replica_->Latest().Get(broker::keys::User("alice"))));
    v1::Command connect;
    connect.mutable_create_session()->set_name("alice");
    connect.mutable_create_session()->set_token_hash(std::string(32, 's'));
    connect.mutable_create_session()->set_password_revision(user.password_revision());
    connect.mutable_create_session()->set_ttl_ms(3'600'000);
    ASSERT_EQ(Run(std::move(connect)).reply.error(), v1::ERROR_NONE);
    user_ = "alice";
    v1::Command queue;
    queue.mutable_create_queue()->set_name("work");
    queue.mutable_create_queue()->mutable_settings()->set_lease_ms(60'000);
    queue.mutable_create_queue()->mutable_settings()->set_max_attempts(5);
    const Outcome made = Run(std::move(queue));
    ASSERT_EQ(made.reply.error(), v1::ERROR_NONE) << made.reply.detail();
  }

  std::string user_;
};

TEST_F(FullDiskTest, MessagesCanBeTakenButNotPublishedUntilThereIsRoom) {
  ASSERT_EQ(Publish(1000).reply.publish().ids_size(), 1000);
  ASSERT_TRUE(HasReserve());
  env_.SetRoom(0);
  ASSERT_TRUE(Becomes([&] { return Publish(1).status.code() == Status::kNoSpace; }));
  EXPECT_TRUE(Becomes([&] { return replica_->Info().disk_nearly_full; }));
  int taken = 0;
  for (; HasReserve() && taken < 500; ++taken) ASSERT_NO_FATAL_FAILURE(Take());
  EXPECT_FALSE(HasReserve()) << "the log never needed it";
  for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(Take());
  EXPECT_EQ(Publish(1).status.code(), Status::kNoSpace);
  env_.SetRoom(kPlenty);
  EXPECT_TRUE(Becomes([&] { return Publish(1).status.ok(); }));
  EXPECT_TRUE(Becomes([&] { return HasReserve() && !replica_->Info().disk_nearly_full; }));
}

TEST_F(FullDiskTest, ATransactionThatOnlyAcknowledgesNeedsNoRoom) {
  ASSERT_EQ(Publish(10).reply.publish().ids_size(), 10);
  env_.SetRoom(0);
  ASSERT_TRUE(Becomes([&] { return Publish(1).status.code() == Status::kNoSpace; }));
  const Outcome taken = TakeByTransaction();
  EXPECT_TRUE(taken.status.ok()) << taken.status;
  EXPECT_EQ(taken.reply.error(), v1::ERROR_NONE) << taken.reply.detail();
}

}  // namespace
}  // namespace mom::replication
