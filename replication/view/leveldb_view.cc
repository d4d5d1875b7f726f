#include "replication/view/leveldb_view.h"

#include <leveldb/cache.h>
#include <leveldb/filter_policy.h>
#include <leveldb/options.h>
#include <leveldb/write_batch.h>

#include <cstdio>
#include <sstream>
#include <utility>

#include "core/base/check.h"
#include "replication/view/leveldb_env.h"
#include "replication/view/leveldb_files.h"
#include "replication/view/value_checksum.h"

namespace mom::replication {
namespace {

leveldb::Slice ToSlice(std::string_view text) {
  return leveldb::Slice(text.data(), text.size());
}
std::string_view ToView(const leveldb::Slice& slice) {
  return {slice.data(), slice.size()};
}

// The stored value without its checksum, checked.
std::string_view Open(std::string_view key, std::string_view stored) {
  const auto value = StoredValue(key, stored);
  MOM_CHECK(value.has_value(), "damaged value in the view, table", key.substr(0, 1), stored.size());
  return *value;
}

leveldb::ReadOptions CheckedRead(const leveldb::Snapshot* snapshot) {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.snapshot = snapshot;
  return options;
}

class LevelDbIterator final : public broker::ViewIterator {
 public:
  explicit LevelDbIterator(leveldb::Iterator* it) : it_(it) {}
  void Seek(std::string_view key) override {
    it_->Seek(ToSlice(key));
    Check();
  }
  bool Valid() const override { return it_->Valid(); }
  void Next() override {
    it_->Next();
    Check();
  }
  std::string_view key() const override { return ToView(it_->key()); }
  std::string_view value() const override { return Open(key(), ToView(it_->value())); }

 private:
  void Check() const { MOM_CHECK(it_->status().ok(), "view", it_->status().ToString()); }
  std::unique_ptr<leveldb::Iterator> it_;
};

// `snapshot` null: the newest state.
std::optional<std::string> Read(leveldb::DB* db, const leveldb::Snapshot* snapshot, std::string_view key) {
  std::string stored;
  const leveldb::Status status = db->Get(CheckedRead(snapshot), ToSlice(key), &stored);
  if (status.IsNotFound()) return std::nullopt;
  MOM_CHECK(status.ok(), "view", status.ToString());
  const size_t value_bytes = Open(key, stored).size();
  stored.resize(value_bytes);
  return stored;
}

Status Plain(const leveldb::Status& status) {
  if (status.ok()) return Status();
  if (status.IsCorruption()) return Status(Status::kCorruption, status.ToString());
  return Status(IsNoRoom(status) ? Status::kNoSpace : Status::kIoError, status.ToString());
}

Status Damaged(std::string_view key) {
  return Status(Status::kCorruption,
                "a value of table '" + std::string(key.substr(0, 1)) + "' of the view is damaged");
}

Result<std::optional<std::string>> ReadChecked(leveldb::DB* db, const leveldb::Snapshot* snapshot,
                                               std::string_view key) {
  std::string stored;
  const leveldb::Status status = db->Get(CheckedRead(snapshot), ToSlice(key), &stored);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return Plain(status).Annotate("reading the view");
  const auto value = StoredValue(key, stored);
  if (!value) return Damaged(key);
  return std::optional<std::string>(*value);
}

class LevelDbPairs final : public ViewPairs {
 public:
  explicit LevelDbPairs(leveldb::DB* db) : db_(db), snapshot_(db->GetSnapshot()) {}
  ~LevelDbPairs() override { db_->ReleaseSnapshot(snapshot_); }
  LevelDbPairs(const LevelDbPairs&) = delete;
  LevelDbPairs& operator=(const LevelDbPairs&) = delete;

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    return ReadChecked(db_, snapshot_, key);
  }
  Result<bool> ForEachBehind(std::string_view after, const Use& use) const override {
    leveldb::ReadOptions options = CheckedRead(snapshot_);
    options.fill_cache = false;  // All of it passes once; what clients read stays.
    const std::unique_ptr<leveldb::Iterator> it(db_->NewIterator(options));
    it->Seek(ToSlice(after));
    if (it->Valid() && !after.empty() && ToView(it->key()) == after) it->Next();
    bool goes_on = true;
    for (; goes_on && it->Valid(); it->Next()) {
      const auto value = StoredValue(ToView(it->key()), ToView(it->value()));
      if (!value) return Damaged(ToView(it->key()));
      goes_on = use(ToView(it->key()), *value);
    }
    if (!it->status().ok()) return Plain(it->status()).Annotate("reading the view");
    return !it->Valid();
  }

 private:
  leveldb::DB* const db_;
  const leveldb::Snapshot* const snapshot_;
};

class FrozenView final : public broker::ViewReader {
 public:
  explicit FrozenView(leveldb::DB* db) : db_(db), snapshot_(db->GetSnapshot()) {}
  ~FrozenView() override { db_->ReleaseSnapshot(snapshot_); }
  FrozenView(const FrozenView&) = delete;
  FrozenView& operator=(const FrozenView&) = delete;

  std::optional<std::string> Get(std::string_view key) const override { return Read(db_, snapshot_, key); }
  std::unique_ptr<broker::ViewIterator> NewIterator() const override {
    return std::make_unique<LevelDbIterator>(db_->NewIterator(CheckedRead(snapshot_)));
  }

 private:
  leveldb::DB* const db_;
  const leveldb::Snapshot* const snapshot_;
};

class NewestView final : public LatestView {
 public:
  NewestView(leveldb::DB* db, RecordCache* records) : db_(db), records_(records) {}

  std::optional<std::string> Get(std::string_view key) const override { return Look(key).value; }
  Record Look(std::string_view key) const override {
    if (!records_->Covers(key)) return {Read(db_, nullptr, key), 0, std::nullopt};
    RecordCache::Found found = records_->Find(key);
    if (found.hit) return {std::move(found.value), found.version, found.note};
    auto value = Read(db_, nullptr, key);
    const bool kept = records_->Fill(key, value, found.version);
    return {std::move(value), kept ? found.version : 0, std::nullopt};
  }
  void Keep(std::string_view key, uint64_t stamp, Note note) const override {
    if (stamp != 0 && records_->Covers(key)) records_->Keep(key, stamp, std::move(note));
  }
  std::unique_ptr<broker::ViewIterator> NewIterator() const override {
    return std::make_unique<LevelDbIterator>(db_->NewIterator(CheckedRead(nullptr)));
  }

 private:
  leveldb::DB* const db_;
  RecordCache* const records_;
};

// Bytes of tables in levels 0 and 1, rounded up; what is merged first may need as much again.
uint64_t BytesToMerge(leveldb::DB* db) {
  std::string stats;
  if (!db->GetProperty("leveldb.stats", &stats)) return 0;
  std::istringstream lines(stats);
  uint64_t mib = 0;
  for (std::string line; std::getline(lines, line);) {
    int level = 0, files = 0;
    double size = 0;
    if (std::sscanf(line.c_str(), "%d %d %lf", &level, &files, &size) == 3 && level <= 1)
      mib += static_cast<uint64_t>(size) + 1;
  }
  return mib << 20;
}

}  // namespace

Result<std::unique_ptr<LevelDbView>> LevelDbView::Open(const std::string& dir,
                                                       const LevelDbViewOptions& options) {
  std::unique_ptr<LevelDbView> view(new LevelDbView(dir, options));
  view->cache_.reset(leveldb::NewLRUCache(options.block_cache_bytes));
  view->filter_.reset(leveldb::NewBloomFilterPolicy(10));
  view->env_ = std::make_unique<ViewEnv>(options.env ? options.env : ViewFiles());
  view->env_->SetRoom(options.room);
  leveldb::Options db_options;
  db_options.env = view->env_.get();
  db_options.create_if_missing = true;
  db_options.paranoid_checks = true;
  db_options.write_buffer_size = options.write_buffer_bytes;
  db_options.max_open_files = options.open_files_max;
  // What is written most are bodies that are acknowledged and gone soon: packing them costs more processor
  // time than it saves disk. Measured: docs/benchmarks.md.
  db_options.compression = leveldb::kNoCompression;
  db_options.max_file_size = options.table_bytes;
  db_options.block_cache = view->cache_.get();
  db_options.filter_policy = view->filter_.get();
  leveldb::DB* db = nullptr;
  const leveldb::Status status = leveldb::DB::Open(db_options, dir, &db);
  if (!status.ok()) {
    if (status.ToString().find("lock") != std::string::npos) return Status(Status::kBusy, status.ToString());
    return view->Translate(status).Annotate("view " + dir);
  }
  view->db_.reset(db);
  return view;
}

Status LevelDbView::Remove(const std::string& dir) {
  return Plain(leveldb::DestroyDB(dir, leveldb::Options())).Annotate("removing the view " + dir);
}

LevelDbView::LevelDbView(const std::string& dir, const LevelDbViewOptions& options)
    : dir_(dir), room_(options.room), table_bytes_(options.table_bytes), records_(options.cached_tables) {}

LevelDbView::~LevelDbView() {
  GiveUp();  // Closing waits for LevelDB's thread.
}

// LevelDB goes on telling what its thread met first, in words that need not name it.
Status LevelDbView::Translate(const leveldb::Status& status) const {
  Status plain = Plain(status);
  if (plain.code() == Status::kIoError && env_->lacked_room())
    return Status(Status::kNoSpace, plain.message());
  return plain;
}

void LevelDbView::GiveUp() {
  gave_up_ = true;
  if (env_) env_->GiveUp();
}

Status LevelDbView::Write(const broker::ViewBatch& batch) {
  leveldb::WriteBatch write;
  std::string stored;
  for (const auto& [key, value] : batch) {
    if (!value) {
      write.Delete(ToSlice(key));
      continue;
    }
    StoreValue(key, *value, &stored);
    write.Put(ToSlice(key), ToSlice(stored));
  }
  records_.BeginWrite(batch);
  Status written = Translate(db_->Write(leveldb::WriteOptions(), &write)).Annotate("writing the view");
  if (!written.ok()) return written;
  records_.EndWrite(batch);
  NoteDeleted(batch);
  return written;
}

// Keys ascend, so that each table takes two looks.
void LevelDbView::NoteDeleted(const broker::ViewBatch& batch) {
  std::lock_guard lock(mutex_);
  Range* range = nullptr;
  const std::string* last = nullptr;
  const auto close = [&] {
    if (range != nullptr && range->last < *last) range->last = *last;
  };
  char letter = 0;
  for (const auto& [key, value] : batch) {
    if (value || key.empty()) continue;
    if (range == nullptr || key.front() != letter) {
      close();
      letter = key.front();
      range = &deleted_.try_emplace(letter, Range{key, key}).first->second;
      if (key < range->first) range->first = key;
    }
    last = &key;
  }
  close();
}

bool LevelDbView::HasRoomToShrink() const {
  if (room_.env == nullptr) return true;
  constexpr uint64_t kTablesAtOnce = 16;  // Of a merge below level 1, about.
  const auto free_bytes = room_.env->FreeBytes(dir_);
  return free_bytes.ok() && *free_bytes >= BytesToMerge(db_.get()) + kTablesAtOnce * table_bytes_;
}

void LevelDbView::Shrink() {
  while (!gave_up_ && HasRoomToShrink()) {
    Range range;
    {
      std::lock_guard lock(mutex_);
      if (deleted_.empty()) return;
      range = std::move(deleted_.begin()->second);
      deleted_.erase(deleted_.begin());
    }
    const leveldb::Slice first = ToSlice(range.first);
    const leveldb::Slice last = ToSlice(range.last);
    db_->CompactRange(&first, &last);
  }
}

Status LevelDbView::MakeDurable() {
  // Compacting a range in which no key lies moves no data, but begins by flushing the memory table and
  // waiting for its file. It reports nothing, so a write behind it asks LevelDB for a failure it has noted.
  const leveldb::Slice nowhere("\0", 1);
  db_->CompactRange(&nowhere, &nowhere);
  leveldb::WriteBatch nothing;
  return Translate(db_->Write(leveldb::WriteOptions(), &nothing)).Annotate("making the view durable");
}

std::unique_ptr<broker::ViewReader> LevelDbView::Snapshot() const {
  return std::make_unique<FrozenView>(db_.get());
}
std::unique_ptr<LatestView> LevelDbView::Latest() const {
  return std::make_unique<NewestView>(db_.get(), &records_);
}
Result<std::optional<std::string>> LevelDbView::GetChecked(std::string_view key) const {
  return ReadChecked(db_.get(), nullptr, key);
}
std::unique_ptr<ViewPairs> LevelDbView::FrozenPairs() const {
  return std::make_unique<LevelDbPairs>(db_.get());
}

uint64_t LevelDbView::ApproximateBytes() const {
  const leveldb::Range all("", "\xff");
  uint64_t bytes = 0;
  db_->GetApproximateSizes(&all, 1, &bytes);
  return bytes;
}

}  // namespace mom::replication
