// Goal: whichever file of a node finds no room, the node does not fail: it waits, says so, refuses to
// publish, and goes on once there is room, with everything it acknowledged. Only lack of room is waited for.
// Method: real files, of which those of one kind in turn cannot be made or written for a while.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>

#include "core/broker/keys.h"
#include "replication/replica/asio_replica.h"
#include "replication/view/leveldb_files.h"
#include "wal/posix_env.h"

namespace mom::replication {
namespace {

// Which files are limited, and how they fail. Thread-safe.
class Limit {
 public:
  // Files with `part` in their path; empty: none.
  void Set(const std::string& part, int error = ENOSPC) {
    std::lock_guard lock(mutex_);
    part_ = part;
    error_ = error;
    met_ = 0;
  }
  // 0: goes through.
  int Meet(const std::string& path) {
    std::lock_guard lock(mutex_);
    if (part_.empty() || path.find(part_) == std::string::npos) return 0;
    ++met_;
    return error_;
  }
  int met() const {
    std::lock_guard lock(mutex_);
    return met_;
  }

 private:
  mutable std::mutex mutex_;
  std::string part_;  // Guarded by mutex_, like the next.
  int error_ = 0;
  int met_ = 0;
};

class LimitedEnv final : public wal::Env {
 public:
  explicit LimitedEnv(Limit* limit) : limit_(limit) {}
  Result<std::unique_ptr<wal::File>> OpenFile(const std::string& path, wal::OpenMode mode) override {
    if (mode == wal::OpenMode::kCreate) MOM_RETURN_IF_ERROR(Meet(path));
    auto file = base_->OpenFile(path, mode);
    if (!file.ok()) return file;
    return std::unique_ptr<wal::File>(std::make_unique<LimitedFile>(this, path, *std::move(file)));
  }
  Result<std::vector<std::string>> ListDir(const std::string& dir) override { return base_->ListDir(dir); }
  Result<uint64_t> FileSize(const std::string& path) override { return base_->FileSize(path); }
  Status Rename(const std::string& from, const std::string& to) override { return base_->Rename(from, to); }
  Status Remove(const std::string& path) override { return base_->Remove(path); }
  Status SyncDir(const std::string& dir) override { return base_->SyncDir(dir); }
  Status CreateDir(const std::string& dir) override { return base_->CreateDir(dir); }
  Result<std::unique_ptr<wal::FileLock>> LockFile(const std::string& path) override {
    return base_->LockFile(path);
  }
  Result<uint64_t> FreeBytes(const std::string&) override { return uint64_t{1} << 40; }

 private:
  class LimitedFile final : public wal::File {
   public:
    LimitedFile(LimitedEnv* env, std::string path, std::unique_ptr<wal::File> base)
        : env_(env), path_(std::move(path)), base_(std::move(base)) {}
    Result<std::string> ReadAt(uint64_t position, size_t size) override {
      return base_->ReadAt(position, size);
    }
    Status WriteAt(uint64_t position, std::string_view bytes) override {
      MOM_RETURN_IF_ERROR(env_->Meet(path_));
      return base_->WriteAt(position, bytes);
    }
    Status Sync() override { return base_->Sync(); }
    Status Allocate(uint64_t size) override {
      MOM_RETURN_IF_ERROR(env_->Meet(path_));
      return base_->Allocate(size);
    }
    Status Truncate(uint64_t size) override { return base_->Truncate(size); }

   private:
    LimitedEnv* const env_;
    const std::string path_;
    const std::unique_ptr<wal::File> base_;
  };

  Status Meet(const std::string& path) {
    const int error = limit_->Meet(path);
    if (error == 0) return Status();
    return Status(error == ENOSPC ? Status::kNoSpace : Status::kIoError, path + ": limited");
  }

  Limit* const limit_;
  wal::Env* const base_ = wal::PosixEnv();
};

class LimitedViewFiles final : public leveldb::EnvWrapper {
 public:
  explicit LimitedViewFiles(Limit* limit) : leveldb::EnvWrapper(ViewFiles()), limit_(limit) {}
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override {
    if (leveldb::Status status = Meet(name); !status.ok()) return status;
    leveldb::WritableFile* file = nullptr;
    const leveldb::Status status = target()->NewWritableFile(name, &file);
    if (status.ok()) *result = new LimitedFile(this, name, file);
    return status;
  }

 private:
  class LimitedFile final : public leveldb::WritableFile {
   public:
    LimitedFile(LimitedViewFiles* env, std::string name, leveldb::WritableFile* base)
        : env_(env), name_(std::move(name)), base_(base) {}
    leveldb::Status Append(const leveldb::Slice& data) override {
      const leveldb::Status status = env_->Meet(name_);
      return status.ok() ? base_->Append(data) : status;
    }
    leveldb::Status Close() override { return base_->Close(); }
    leveldb::Status Flush() override { return base_->Flush(); }
    leveldb::Status Sync() override {
      const leveldb::Status status = env_->Meet(name_);
      return status.ok() ? base_->Sync() : status;
    }

   private:
    LimitedViewFiles* const env_;
    const std::string name_;
    const std::unique_ptr<leveldb::WritableFile> base_;
  };

  leveldb::Status Meet(const std::string& name) {
    const int error = limit_->Meet(name);
    return error == 0 ? leveldb::Status()
                      : leveldb::Status::IOError(name, std::system_category().message(error));
  }

  Limit* const limit_;
};

template <typename Condition>
bool Becomes(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

struct Kind {
  const char* name;
  const char* part;  // Of the path.
};

class FullDiskFilesTest : public testing::TestWithParam<Kind> {
 protected:
  FullDiskFilesTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "mom-full-files-XXXXXX";
    root_ = mkdtemp(pattern.data());
    options_.data.path = root_ + "/data";
    options_.data.node = NodeId{1};
    options_.data.env = &env_;
    options_.data.wal.segment_bytes = 64u << 10;
    options_.data.wal.reserve_bytes = 64u << 10;
    options_.data.view.env = &view_files_;
    options_.data.view.write_buffer_bytes = 64u << 10;
    options_.disk_free_min_bytes = 1u << 20;
    options_.on_failure = [this](const Status& status) {
      std::lock_guard lock(mutex_);
      failure_ = status;
    };
  }
  ~FullDiskFilesTest() override {
    limit_.Set("");
    replica_.reset();
    std::filesystem::remove_all(root_);
  }

  void Start() {
    auto data = OpenDataDir(options_.data);
    ASSERT_TRUE(data.ok()) << data.status();
    replica_ = std::make_unique<AsioReplica>(*std::move(data), options_);
    replica_->Start();
  }
  Status failure() {
    std::lock_guard lock(mutex_);
    return failure_;
  }
  std::future<Outcome> Propose(v1::Command command) {
    auto promise = std::make_shared<std::promise<Outcome>>();
    replica_->Propose(std::move(command),
                      [promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
    return promise->get_future();
  }
  // A user whose record is half a KiB long: what is stored, and can be looked for.
  std::future<Outcome> AddUser(int number) {
    v1::Command command;
    command.mutable_create_user()->set_name("user-" + std::to_string(number));
    command.mutable_create_user()->set_password_hash(std::string(512, 'h'));
    return Propose(std::move(command));
  }
  bool HasUser(int number) {
    return replica_->Latest().Get(broker::keys::User("user-" + std::to_string(number))).has_value();
  }
  void ExpectUsers(const std::vector<int>& added) {
    for (const int number : added) EXPECT_TRUE(HasUser(number)) << number;
  }
  // Adds users one after the other until one waits or is refused; then lifts the limit, after which all go
  // through, and one more is added. Their numbers.
  std::vector<int> AddUsersPastTheLimit() {
    std::vector<int> added;
    std::vector<std::future<Outcome>> waiting;
    for (int number = 0; number < 2000; ++number) {
      auto outcome = AddUser(number);
      if (outcome.wait_for(std::chrono::seconds(1)) != std::future_status::ready) {
        waiting.push_back(std::move(outcome));
        added.push_back(number);
        break;
      }
      const Outcome got = outcome.get();
      if (!got.status.ok()) {
        EXPECT_EQ(got.status.code(), Status::kNoSpace) << got.status;
        break;
      }
      added.push_back(number);
    }
    EXPECT_TRUE(Becomes([this] { return limit_.met() > 3; })) << "nobody tried again";
    EXPECT_TRUE(failure().ok()) << failure();
    limit_.Set("");
    for (auto& outcome : waiting) EXPECT_TRUE(outcome.get().status.ok());
    EXPECT_TRUE(Becomes([this] { return AddUser(9999).get().status.ok(); }));
    added.push_back(9999);
    EXPECT_TRUE(failure().ok()) << failure();
    return added;
  }

  Limit limit_;
  LimitedEnv env_{&limit_};
  LimitedViewFiles view_files_{&limit_};
  std::string root_;
  ReplicaOptions options_;
  std::unique_ptr<AsioReplica> replica_;

 private:
  std::mutex mutex_;
  Status failure_;  // Guarded by mutex_.
};

TEST_P(FullDiskFilesTest, ARunningNodeWaitsAndGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Becomes([this] { return AddUser(5000).get().status.ok(); }));
  limit_.Set(GetParam().part);
  const std::vector<int> added = AddUsersPastTheLimit();
  ExpectUsers(added);
  replica_.reset();
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Becomes([this] { return AddUser(10'000).get().status.ok(); }));
  ExpectUsers(added);
}

TEST_P(FullDiskFilesTest, ANodeThatWaitsCanBeStopped) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Becomes([this] { return AddUser(5000).get().status.ok(); }));
  limit_.Set(GetParam().part);
  std::vector<std::future<Outcome>> outcomes;
  for (int number = 0; number < 2000; ++number) {
    outcomes.push_back(AddUser(number));
    if (outcomes.back().wait_for(std::chrono::seconds(1)) != std::future_status::ready) break;
    if (limit_.met() > 100) break;  // Refused at once, since something else waits.
  }
  ASSERT_GT(limit_.met(), 0);
  replica_.reset();
  std::vector<int> added;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].get().status.ok()) added.push_back(static_cast<int>(i));
  }
  EXPECT_TRUE(failure().ok()) << failure();
  limit_.Set("");
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Becomes([this] { return AddUser(10'000).get().status.ok(); }));
  ExpectUsers(added);
}

// What is broken is not full.
TEST_P(FullDiskFilesTest, ABrokenDiskIsNotWaitedFor) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Becomes([this] { return AddUser(5000).get().status.ok(); }));
  limit_.Set(GetParam().part, EIO);
  for (int number = 0; number < 2000 && failure().ok(); ++number) (void)AddUser(number).get();
  EXPECT_TRUE(Becomes([this] { return !failure().ok(); }));
  limit_.Set("");
}

INSTANTIATE_TEST_SUITE_P(Kinds, FullDiskFilesTest,
                         testing::Values(Kind{"Segment", "/log/next-segment"},
                                         Kind{"LogMark", "/log/log.mark"}, Kind{"ViewTable", ".ldb"},
                                         Kind{"ViewManifest", "/MANIFEST-"}),
                         [](const auto& test) { return std::string(test.param.name); });

class FullDiskStartTest : public FullDiskFilesTest {};

// The hard state is written by who becomes leader, before anything else happens.
TEST_F(FullDiskStartTest, WhoHasNoRoomForItsVoteWaits) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Becomes([this] { return AddUser(1).get().status.ok(); }));
  replica_.reset();
  limit_.Set("/hard-state");
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_TRUE(Becomes([this] { return limit_.met() > 3; }));
  EXPECT_TRUE(Becomes([this] { return replica_->Info().disk_nearly_full; }));
  EXPECT_TRUE(failure().ok()) << failure();
  limit_.Set("");
  EXPECT_TRUE(Becomes([this] { return AddUser(2).get().status.ok(); }));
  ExpectUsers({1, 2});
}

// Each file that opening a folder writes: it says that there is no room, changes nothing, and can be tried
// again.
TEST_F(FullDiskStartTest, OpeningSaysThatThereIsNoRoomAndCanBeTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Becomes([this] { return AddUser(1).get().status.ok(); }));
  replica_.reset();
  for (const char* part : {"/log/log.mark", "/MANIFEST-", "/view/"}) {
    limit_.Set(part);
    EXPECT_EQ(OpenDataDir(options_.data).status().code(), Status::kNoSpace) << part;
    EXPECT_GT(limit_.met(), 0) << part;
  }
  limit_.Set("");
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Becomes([this] { return AddUser(2).get().status.ok(); }));
  ExpectUsers({1, 2});
}

// A snapshot that is being fetched: its view does not wait, and leaves room for the others.
TEST_F(FullDiskStartTest, AViewThatIsFetchedFailsInsteadOfWaiting) {
  LevelDbViewOptions options = options_.data.view;
  options.room = {&env_, false, 0};
  auto view = LevelDbView::Open(root_ + "/view", options);
  ASSERT_TRUE(view.ok()) << view.status();
  limit_.Set(".ldb");
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i)
    status = (*view)->Write({{"key" + std::to_string(i), std::string(4096, 'v')}});
  if (status.ok()) status = (*view)->MakeDurable();
  EXPECT_EQ(status.code(), Status::kNoSpace) << status;
}

}  // namespace
}  // namespace mom::replication
