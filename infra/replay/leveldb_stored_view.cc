#include "infra/replay/leveldb_stored_view.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/table.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/broker/keys.h"
#include "infra/replay/key_tables.h"
#include "infra/replay/leveldb_scratch_env.h"
#include "replication/view/value_checksum.h"

namespace mom::replay {
namespace {

constexpr size_t kWriteBufferBytes = 64u << 20;
constexpr size_t kCacheBytes = 8u << 20;

leveldb::ReadOptions CheckedRead() {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  return options;
}

Status Translate(const leveldb::Status& status, const std::string& dir) {
  if (status.ok()) return Status();
  const Status::Code code = status.IsIOError() ? Status::kIoError : Status::kCorruption;
  return Status(code, "view " + dir + ": " + status.ToString());
}

class LevelDbCursor final : public StoredCursor {
 public:
  LevelDbCursor(leveldb::Iterator* it, const std::string& dir, std::string_view from) : it_(it), dir_(dir) {
    it_->Seek(leveldb::Slice(from.data(), from.size()));
    Check();
  }
  bool Valid() const override { return status_.ok() && it_->Valid(); }
  void Next() override {
    it_->Next();
    Check();
  }
  std::string_view key() const override { return {it_->key().data(), it_->key().size()}; }
  std::string_view stored() const override { return {it_->value().data(), it_->value().size()}; }
  Status status() const override { return status_; }

 private:
  void Check() {
    status_ = Translate(it_->status(), dir_);
    if (!status_.ok() || !it_->Valid()) return;
    if (auto value = CheckedValue(key(), stored()); !value.ok())
      status_ = value.status().Annotate("view " + dir_);
  }

  const std::unique_ptr<leveldb::Iterator> it_;
  const std::string dir_;
  Status status_;
};

class LevelDbStoredView final : public StoredView {
 public:
  LevelDbStoredView(const std::string& dir, const std::string& work_dir)
      : dir_(dir), env_(dir, work_dir), cache_(leveldb::NewLRUCache(kCacheBytes)) {}

  Status OpenDb(const std::string& work_dir) {
    leveldb::Options options;
    options.env = &env_;
    options.paranoid_checks = true;
    options.write_buffer_size = kWriteBufferBytes;
    options.block_cache = cache_.get();
    leveldb::DB* db = nullptr;
    MOM_RETURN_IF_ERROR(Translate(leveldb::DB::Open(options, work_dir, &db), dir_));
    db_.reset(db);
    return Status();
  }

  Result<broker::AppliedState> Applied() override {
    const std::string key = broker::keys::Applied();
    std::string stored;
    const leveldb::Status found = db_->Get(CheckedRead(), key, &stored);
    if (found.IsNotFound()) return broker::AppliedState();
    MOM_RETURN_IF_ERROR(Translate(found, dir_));
    auto value = CheckedValue(key, stored);
    if (!value.ok()) return value.status().Annotate("view " + dir_);
    auto applied = broker::ParseAppliedState(std::string(*value));
    if (!applied.ok()) return applied.status().Annotate("view " + dir_);
    return applied;
  }

  std::unique_ptr<StoredCursor> Walk(std::string_view from) override {
    return std::make_unique<LevelDbCursor>(db_->NewIterator(CheckedRead()), dir_, from);
  }

  Status ForEach(char table, const std::function<void(std::string_view, std::string_view)>& use) override {
    auto cursor = Walk(std::string(1, table));
    for (; cursor->Valid() && cursor->key().front() == table; cursor->Next()) {
      const std::string_view stored = cursor->stored();
      use(cursor->key(), stored.substr(0, stored.size() - replication::kValueChecksumBytes));
    }
    return cursor->status();
  }

 private:
  const std::string dir_;
  LevelDbScratchEnv env_;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<leveldb::DB> db_;  // Last: goes first.
};

// Whether every block of the table file can be read with a right checksum.
bool ReadsToItsEnd(const std::string& path, uint64_t bytes) {
  leveldb::RandomAccessFile* opened = nullptr;
  if (!leveldb::Env::Default()->NewRandomAccessFile(path, &opened).ok()) return false;
  const std::unique_ptr<leveldb::RandomAccessFile> file(opened);
  leveldb::Options options;
  options.paranoid_checks = true;
  leveldb::Table* table = nullptr;
  if (!leveldb::Table::Open(options, file.get(), bytes, &table).ok()) return false;
  const std::unique_ptr<leveldb::Table> owned(table);
  const std::unique_ptr<leveldb::Iterator> it(table->NewIterator(CheckedRead()));
  it->SeekToFirst();
  while (it->Valid()) it->Next();
  return it->status().ok();
}

}  // namespace

Result<std::unique_ptr<StoredView>> StoredView::Open(const std::string& dir, const std::string& work_dir) {
  if (!std::filesystem::exists(dir + "/CURRENT")) {
    return Status(Status::kNotFound, "view " + dir + ": there is none");
  }
  auto view = std::make_unique<LevelDbStoredView>(dir, work_dir);
  MOM_RETURN_IF_ERROR(view->OpenDb(work_dir));
  return std::unique_ptr<StoredView>(std::move(view));
}

Result<std::string_view> CheckedValue(std::string_view key, std::string_view stored) {
  const auto value = replication::StoredValue(key, stored);
  if (!value)
    return Status(Status::kCorruption, "a value of key table " + TableName(key) + " has a bad checksum");
  return *value;
}

std::string FindDamagedTableFile(const std::string& dir) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(dir, error)) {
    if (item.path().extension() == ".ldb") paths.push_back(item.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    if (!ReadsToItsEnd(path.string(), std::filesystem::file_size(path, error))) return path.string();
  }
  return "";
}

}  // namespace mom::replay
