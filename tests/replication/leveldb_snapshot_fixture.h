// A view to hand over, pieces of it, and a disk that can be full: for the tests of snapshots.
#pragma once

#include <gtest/gtest.h>
#include <leveldb/env.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "mom/v1/records.pb.h"
#include "replication/replica/snapshot_source.h"
#include "replication/view/leveldb_view.h"

namespace mom::replication {

inline constexpr quorum::SnapshotId kSnapshot{Offset{70}, Epoch{2}};
inline constexpr int kPairs = 900;  // In several pieces.

// A file system on which only so many bytes may be written. Thread-safe.
class QuotaLevelDbEnv final : public leveldb::EnvWrapper {
 public:
  QuotaLevelDbEnv() : leveldb::EnvWrapper(leveldb::Env::Default()) {}
  void SetRoom(int64_t bytes) { room_ = bytes; }

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** result) override {
    const leveldb::Status status = target()->NewWritableFile(name, result);
    if (status.ok()) *result = new File(this, *result);
    return status;
  }

 private:
  class File final : public leveldb::WritableFile {
   public:
    File(QuotaLevelDbEnv* env, leveldb::WritableFile* base) : env_(env), base_(base) {}
    leveldb::Status Append(const leveldb::Slice& data) override {
      const auto size = static_cast<int64_t>(data.size());
      if (env_->room_.fetch_sub(size) >= size) return base_->Append(data);
      return leveldb::Status::IOError("test", "No space left on device");
    }
    leveldb::Status Close() override { return base_->Close(); }
    leveldb::Status Flush() override { return base_->Flush(); }
    leveldb::Status Sync() override { return base_->Sync(); }

   private:
    QuotaLevelDbEnv* const env_;
    const std::unique_ptr<leveldb::WritableFile> base_;
  };

  std::atomic<int64_t> room_{int64_t{1} << 40};
};

class SnapshotFixture : public testing::Test {
 protected:
  SnapshotFixture() {
    std::string pattern = std::filesystem::temp_directory_path() / "mom-snapshot-XXXXXX";
    root_ = mkdtemp(pattern.data());
    auto view = LevelDbView::Open(root_ + "/source", {});
    view_ = *std::move(view);
    Fill(broker::kViewFormat);
  }
  ~SnapshotFixture() override {
    view_.reset();
    std::filesystem::remove_all(root_);
  }

  void Fill(uint32_t format) {
    broker::ViewBatch batch;
    for (int i = 0; i < kPairs; ++i) batch[std::to_string(1000 + i)] = std::string(1000, 'v');
    v1::AppliedState state;
    state.set_applied_end(kSnapshot.end.value);
    state.set_epoch(kSnapshot.epoch.value);
    state.set_timestamp_ms(12);
    state.set_format(format);
    batch[broker::keys::Applied()] = state.SerializeAsString();
    ASSERT_TRUE(view_->Write(batch).ok());
  }

  std::shared_ptr<SnapshotSource> Source() const {
    const broker::AppliedState state{kSnapshot.end, kSnapshot.epoch, Timestamp{12}, 0};
    return std::make_shared<SnapshotSource>(view_->FrozenPairs(), state,
                                            quorum::VoterSet({{NodeId{1}, Uuid{1, 1}}}));
  }
  std::vector<SnapshotChunk> Pieces() const {
    const auto source = Source();
    std::vector<SnapshotChunk> pieces;
    for (std::string after; pieces.empty() || !pieces.back().last; after = pieces.back().pairs.back().first) {
      auto piece = source->ChunkBehind(after);
      if (!piece.ok()) break;
      pieces.push_back(*std::move(piece));
    }
    return pieces;
  }

  std::string root_;
  std::unique_ptr<LevelDbView> view_;
};

}  // namespace mom::replication
