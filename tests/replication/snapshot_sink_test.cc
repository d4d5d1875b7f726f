// Goal: nothing but the snapshot that was frozen gets to be used, whatever the network, the sender or the
// disk makes of it, and what is wrong has a name. Method: the pieces of a view, changed on their way.
#include "replication/replica/snapshot_sink.h"

#include <fstream>

#include "tests/replication/leveldb_snapshot_fixture.h"

namespace mom::replication {
namespace {

class SnapshotSinkTest : public SnapshotFixture {
 protected:
  // What becomes of the pieces in this order.
  Status Take(const std::vector<SnapshotChunk>& pieces) {
    sink_ = std::make_unique<SnapshotSink>(root_ + "/view-70-2", options_, kSnapshot);
    MOM_RETURN_IF_ERROR(sink_->Open());
    for (const SnapshotChunk& piece : pieces) MOM_RETURN_IF_ERROR(sink_->Take(piece));
    return Status();
  }
  void ExpectRefused(const std::vector<SnapshotChunk>& pieces, Status::Code code, const std::string& why) {
    const Status status = Take(pieces);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(why), std::string::npos) << status;
    EXPECT_TRUE(sink_->Discard().ok());
    EXPECT_FALSE(std::filesystem::exists(root_ + "/view-70-2"));
  }

  QuotaLevelDbEnv disk_;  // Outlives what is open on it.
  LevelDbViewOptions options_;
  std::unique_ptr<SnapshotSink> sink_;
};

TEST_F(SnapshotSinkTest, TheWholeArrives) {
  const std::vector<SnapshotChunk> pieces = Pieces();
  ASSERT_GT(pieces.size(), 2u);
  ASSERT_TRUE(Take(pieces).ok());
  EXPECT_EQ(sink_->sum().pairs, kPairs + 1u);
  EXPECT_EQ(sink_->pairs_total(), kPairs + 1u);
  EXPECT_EQ(sink_->voters().size(), 1u);
  EXPECT_EQ(sink_->timestamp(), Timestamp{12});
  const auto copy = sink_->TakeView();
  const auto read = [](const LevelDbView& view) {
    SnapshotSum sum;
    EXPECT_TRUE(view.FrozenPairs()
                    ->ForEachBehind("",
                                    [&](std::string_view key, std::string_view value) {
                                      sum.Add(key, value);
                                      return true;
                                    })
                    .ok());
    return sum;
  };
  EXPECT_EQ(read(*copy).checksum, read(*view_).checksum);
  EXPECT_EQ(read(*copy).pairs, kPairs + 1u);
}

// Goal: how much there is to come is known before it has come.
TEST_F(SnapshotSinkTest, TheNumberOfPairsTravelsAheadOfThem) {
  const auto source = Source();
  EXPECT_EQ(source->ChunkBehind("")->pairs_total, 0u);
  for (Result<bool> all = source->SumSome(); !*all; all = source->SumSome()) ASSERT_TRUE(all.ok());
  const auto first = source->ChunkBehind("");
  EXPECT_FALSE(first->last);
  EXPECT_EQ(first->pairs_total, kPairs + 1u);
}

TEST_F(SnapshotSinkTest, ATruncatedOneIsRefused) {
  std::vector<SnapshotChunk> pieces = Pieces();
  SnapshotChunk& last = pieces.back();
  last.pairs.pop_back();
  last.checksum = ChecksumOf(last);
  ExpectRefused(pieces, Status::kCorruption, "900 pairs came of the 901");
}

TEST_F(SnapshotSinkTest, OneThatLacksAPieceIsRefused) {
  std::vector<SnapshotChunk> pieces = Pieces();
  pieces.erase(pieces.begin() + 1);
  ExpectRefused(pieces, Status::kCorruption, "pairs came of the 901");
}

TEST_F(SnapshotSinkTest, ReorderedOrRepeatedPiecesAreRefused) {
  std::vector<SnapshotChunk> pieces = Pieces();
  std::swap(pieces[0], pieces[1]);
  ExpectRefused(pieces, Status::kCorruption, "out of order");
  std::swap(pieces[0], pieces[1]);
  pieces.insert(pieces.begin(), pieces[0]);
  ExpectRefused(pieces, Status::kCorruption, "out of order");
}

TEST_F(SnapshotSinkTest, ADamagedPieceIsRefused) {
  std::vector<SnapshotChunk> pieces = Pieces();
  pieces[1].pairs[0].second[5] ^= 1;
  ExpectRefused(pieces, Status::kCorruption, "a piece of the snapshot is damaged");
}

// Goal: the whole has a checksum of its own, for what is wrong in a piece that is right in itself.
TEST_F(SnapshotSinkTest, AWholeWithAnotherChecksumIsRefused) {
  std::vector<SnapshotChunk> pieces = Pieces();
  pieces[1].pairs[0].second[5] ^= 1;
  pieces[1].checksum = ChecksumOf(pieces[1]);
  ExpectRefused(pieces, Status::kCorruption, "the checksum of the whole snapshot");
}

TEST_F(SnapshotSinkTest, AWrongNumberOfPairsIsRefused) {
  for (uint64_t wrong : {uint64_t{0}, uint64_t{5}, uint64_t{902}}) {
    std::vector<SnapshotChunk> pieces = Pieces();
    pieces.back().pairs_total = wrong;
    ExpectRefused(pieces, Status::kCorruption, "pairs came of the " + std::to_string(wrong));
  }
  std::vector<SnapshotChunk> pieces = Pieces();
  for (SnapshotChunk& piece : pieces) piece.pairs_total = 5;
  ExpectRefused(pieces, Status::kCorruption, "more pairs came than the 5");
  pieces[1].pairs_total = 6;
  pieces[0].pairs_total = 901;
  ExpectRefused(pieces, Status::kCorruption, "holds 6 pairs, and said 901 before");
}

// Goal: of a format that this program does not know nothing is used, and the process lives on.
TEST_F(SnapshotSinkTest, AnotherFormatIsRefusedByName) {
  std::vector<SnapshotChunk> pieces = Pieces();
  for (SnapshotChunk& piece : pieces) piece.format = 77;
  ExpectRefused(pieces, Status::kWrongOwner, "view format 77");
  Fill(77);  // Its sender does not know what it hands over.
  ExpectRefused(Pieces(), Status::kWrongOwner, "format 77");
}

TEST_F(SnapshotSinkTest, OneOfAnotherOffsetOrWithoutVotersIsRefused) {
  std::vector<SnapshotChunk> pieces = Pieces();
  pieces.back().timestamp = Timestamp{13};
  ExpectRefused(pieces, Status::kCorruption, "another offset");
  pieces.back().voters.clear();
  ExpectRefused(pieces, Status::kCorruption, "without voters");
}

TEST_F(SnapshotSinkTest, OnAFullDiskItIsRefusedAndLeavesNothing) {
  options_.env = &disk_;
  for (int64_t room : {int64_t{0}, int64_t{100'000}, int64_t{600'000}}) {
    disk_.SetRoom(room);
    const Status status = Take(Pieces());
    EXPECT_NE(status.code(), Status::kCorruption) << status;
    EXPECT_NE(status.message().find("No space left"), std::string::npos) << status;
    EXPECT_TRUE(sink_->Discard().ok());
    EXPECT_FALSE(std::filesystem::exists(root_ + "/view-70-2"));
  }
  disk_.SetRoom(int64_t{1} << 40);
  EXPECT_TRUE(Take(Pieces()).ok());
}

// Goal: a view that is damaged on the disk of who hands it over is an error there, not the end of the
// process.
TEST_F(SnapshotSinkTest, DamageOnTheDiskOfTheSenderIsAnError) {
  ASSERT_TRUE(view_->MakeDurable().ok());
  view_.reset();
  for (const auto& file : std::filesystem::directory_iterator(root_ + "/source")) {
    if (file.path().extension() != ".ldb") continue;
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(file.file_size() / 2));
    bytes.write("damage", 6);
  }
  auto view = LevelDbView::Open(root_ + "/source", {});
  ASSERT_TRUE(view.ok()) << view.status();
  view_ = *std::move(view);
  const auto source = Source();
  Status status;
  for (std::string after; status.ok();) {
    auto piece = source->ChunkBehind(after);
    status = piece.status();
    ASSERT_FALSE(piece.ok() && piece->last);
    if (piece.ok()) after = piece->pairs.back().first;
  }
  EXPECT_EQ(status.code(), Status::kCorruption) << status;
}

}  // namespace
}  // namespace mom::replication
