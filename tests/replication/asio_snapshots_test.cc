// Goal: whatever goes wrong while a snapshot is loaded or handed over is named, in the log and in what the
// node shows, what had come is thrown away, and the node goes on. Method: AsioSnapshots between a network
// that answers what the test says and a view of the test.
#include "replication/replica/asio_snapshots.h"

#include <atomic>
#include <thread>

#include "tests/replication/leveldb_snapshot_fixture.h"
#include "tests/replication/threads.h"

namespace mom::replication {
namespace {

// Answers calls for pieces; the rest of a transport is not there.
class PieceTransport final : public Transport {
 public:
  Hook<void(const SnapshotChunkRequest&, std::function<void(Result<SnapshotChunk>)>)> on_fetch;

  void FetchSnapshot(NodeId, const SnapshotChunkRequest& request,
                     std::function<void(Result<SnapshotChunk>)> done) override {
    on_fetch(request, std::move(done));
  }
  Status Start(PeerHandler*) override { return Status(); }
  void Stop() override {}
  std::string listening() const override { return ""; }
  void SetIdentity(const quorum::Identity&) override {}
  void SetAddresses(PeerAddresses) override {}
  PeerAddresses Addresses() const override { return {}; }
  void Greet(NodeId, const Greeting&, std::function<void(Result<Greeting>)>) override {}
  void Forward(NodeId, std::string, int64_t, std::function<void(Outcome)>, Settled) override {}
  void ReadBarrier(NodeId, int64_t, std::function<void(Result<Offset>)>) override {}
  void Administer(NodeId, const AdminRequest&, int64_t, std::function<void(Status)>) override {}
  void FetchStatus(NodeId, int64_t, std::function<void(Result<NodeStatus>)>) override {}
  void Send(const quorum::Message&) override {}
  void OpenStream(const quorum::Message&) override {}
  void Acknowledge(const quorum::Message&) override {}
  void SendFrame(const quorum::Message&, std::vector<Entry>) override {}
  void SendLast(const quorum::Message&) override {}
  void Close(NodeId, quorum::SessionId) override {}
};

class NoLog final : public LogPort {
 public:
  Status WriteHardState(const wal::HardState&) override { return Status(); }
  Status ClearDamage() override { return Status(); }
  Status Submit(std::vector<Entry>) override { return Status(); }
  Result<Timestamp> Truncate(Offset) override { return Timestamp{}; }
  void Read(Offset, size_t, std::function<void(Result<std::vector<Entry>>)>) override {}
};

class NoView final : public ViewPort {
 public:
  void Appended(std::vector<Entry>) override {}
  void Commit(Offset, std::vector<Pending>) override {}
};

class AsioSnapshotsTest : public SnapshotFixture {
 protected:
  AsioSnapshotsTest() {
    DriverOptions options;
    options.quorum.self = {Uuid{9, 9}, NodeId{1}, Uuid{1, 1}};
    quorum::Restored restored;
    restored.voters = quorum::VoterSet({{NodeId{1}, Uuid{1, 1}}, {NodeId{2}, Uuid{2, 2}}});
    driver_ = std::make_unique<ReplicaDriver>(
        options, restored, Timestamp{},
        DriverPorts{&runtime_, &log_, &no_view_, &transport_, nullptr, nullptr},
        DriverHooks{[](const Status&) {}, [] {}});
    std::filesystem::create_directory(root_ + "/data");
    view_options_.env = &env_;
    SnapshotHooks hooks;
    hooks.freeze = [this] { return view_->FrozenPairs(); };
    hooks.install = [this](PulledSnapshot*) { return ++installs_ <= full_installs_ ? kFull : Status(); };
    hooks.on_driver_thread = [this](std::function<void()> task) { runtime_.Post(std::move(task)); };
    hooks.warn = [this](const std::string& text) {
      std::lock_guard lock(mutex_);
      lines_ += text + "\n";
    };
    snapshots_ = std::make_unique<AsioSnapshots>(root_ + "/data", view_options_, &runtime_, &transport_,
                                                 driver_.get(), std::move(hooks));
    runtime_.Start();
    transport_.on_fetch = [this](const SnapshotChunkRequest& request, auto done) {
      done(source_->ChunkBehind(request.after));
    };
  }
  ~AsioSnapshotsTest() override {
    runtime_.Post([this] { snapshots_->Cancel(); });
    runtime_.Stop();
    snapshots_->Stop();
  }

  void Pull() {
    source_ = Source();
    runtime_.Post([this] { snapshots_->Pull(kSnapshot, NodeId{2}); });
  }
  std::string Lines() {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  // Until it happens, or a minute has passed.
  static bool Await(const std::function<bool()>& happened) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!happened()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }
  std::string Error() const { return snapshots_->Load() ? snapshots_->Load()->error : ""; }
  // The pull is lost because of `why`: in the log with what and whom, in what is shown, and nothing is left.
  void ExpectLost(const std::string& why) {
    EXPECT_TRUE(Await([&] { return Error().find(why) != std::string::npos; })) << Error();
    EXPECT_TRUE(Await([&] {
      const std::string lines = Lines();
      return lines.find("the snapshot up to offset 70 of epoch 2 was not loaded from node 2: ") !=
                 std::string::npos &&
             lines.find(why) != std::string::npos && lines.find("thrown away") != std::string::npos;
    })) << Lines();
    EXPECT_TRUE(Await([&] { return std::filesystem::is_empty(root_ + "/data"); }));
    EXPECT_EQ(snapshots_->counts().failed, 1u);
  }
  Result<SnapshotChunk> Serve(const quorum::SnapshotId& id) {
    Promised<Result<SnapshotChunk>> answer;
    snapshots_->Serve({Uuid{9, 9}, NodeId{3}, Uuid{3, 3}}, {id, Epoch{2}, ""},
                      [&](Result<SnapshotChunk> chunk) { answer.Set(std::move(chunk)); });
    return answer.Await();
  }

  const Status kFull{Status::kNoSpace, "No space left on device"};
  QuotaLevelDbEnv env_;
  LevelDbViewOptions view_options_;
  PieceTransport transport_;
  NoLog log_;
  NoView no_view_;
  AsioRuntime runtime_;
  std::unique_ptr<ReplicaDriver> driver_;
  std::unique_ptr<AsioSnapshots> snapshots_;
  std::shared_ptr<SnapshotSource> source_;
  std::atomic<int> installs_{0}, full_installs_{0};
  std::mutex mutex_;
  std::string lines_;  // Guarded by mutex_.
};

TEST_F(AsioSnapshotsTest, ItIsLoadedAndItsProgressSeen) {
  Pull();
  ASSERT_TRUE(Await([&] { return snapshots_->Load() && snapshots_->Load()->pairs == kPairs + 1; }));
  const SnapshotLoad load = *snapshots_->Load();
  EXPECT_EQ(load.from, NodeId{2});
  EXPECT_EQ(load.end, kSnapshot.end);
  EXPECT_EQ(load.pairs_total, kPairs + 1u);
  EXPECT_EQ(load.error, "");
  EXPECT_EQ(Describe(load), "loading a snapshot from node 2: 100 % (901 of 901 pairs)");
  EXPECT_EQ(Lines(), "");
}

TEST_F(AsioSnapshotsTest, AServerThatIsGoneInTheMiddleIsNamedAndAskedAgain) {
  std::atomic<bool> gone{true};
  transport_.on_fetch = [&](const SnapshotChunkRequest& request, auto done) {
    if (gone && !request.after.empty()) return done(Status(Status::kUncertain, "node 2: connection lost"));
    done(source_->ChunkBehind(request.after));
  };
  Pull();
  EXPECT_TRUE(Await([&] { return Error().find("connection lost") != std::string::npos; }));
  EXPECT_NE(Lines().find("did not come from node 2"), std::string::npos) << Lines();
  EXPECT_NE(Describe(*snapshots_->Load()).find("connection lost"), std::string::npos);
  gone = false;
  EXPECT_TRUE(Await([&] { return snapshots_->Load()->pairs == kPairs + 1; }));
  EXPECT_EQ(Error(), "");
}

TEST_F(AsioSnapshotsTest, AServerThatNoLongerLeadsIsGivenUp) {
  transport_.on_fetch = [](const SnapshotChunkRequest&, auto done) {
    done(Status(Status::kUncertain, "node 2: connection lost"));
  };
  Pull();
  EXPECT_TRUE(Await([&] { return !Error().empty(); }));
  runtime_.Post([this] { snapshots_->Abort(kSnapshot); });
  ExpectLost("node 2 no longer leads");
}

TEST_F(AsioSnapshotsTest, OneOfAnotherClusterIsLost) {
  transport_.on_fetch = [](const SnapshotChunkRequest&, auto done) {
    done(Status(Status::kWrongOwner, "node 2: of another cluster"));
  };
  Pull();
  ExpectLost("of another cluster");
}

TEST_F(AsioSnapshotsTest, AWrongChecksumOrAnotherFormatIsLost) {
  transport_.on_fetch = [this](const SnapshotChunkRequest& request, auto done) {
    auto chunk = source_->ChunkBehind(request.after);
    chunk->snapshot_checksum ^= 1;
    done(std::move(chunk));
  };
  Pull();
  ExpectLost("the checksum of the whole snapshot");
}

TEST_F(AsioSnapshotsTest, OneOfAnotherFormatIsLost) {
  Fill(77);
  Pull();
  ExpectLost("format 77");
}

TEST_F(AsioSnapshotsTest, AFullDiskIsNamedAndTheNextAttemptSucceeds) {
  env_.SetRoom(600'000);
  Pull();
  ExpectLost("No space left");
  env_.SetRoom(int64_t{1} << 40);
  Pull();
  EXPECT_TRUE(Await([&] { return snapshots_->Load()->pairs == kPairs + 1; }));
  EXPECT_EQ(Error(), "");
}

// Goal: what was loaded is not lost for a disk that is full when it is to be used.
TEST_F(AsioSnapshotsTest, AnInstallationOnAFullDiskIsTriedAgain) {
  full_installs_ = 1;
  Pull();
  ASSERT_TRUE(Await([&] { return snapshots_->Load() && snapshots_->Load()->pairs == kPairs + 1; }));
  snapshots_->Run([this] { runtime_.Post([this] { snapshots_->Install(kSnapshot); }); });
  EXPECT_TRUE(Await([&] { return Error().find("No space left") != std::string::npos; }));
  EXPECT_TRUE(Await([&] { return snapshots_->counts().loaded == 1; }));
  EXPECT_EQ(installs_, 2);
  EXPECT_FALSE(snapshots_->Load());
  EXPECT_NE(Lines().find("cannot take the place"), std::string::npos) << Lines();
}

TEST_F(AsioSnapshotsTest, WhoAsksForAnUnknownOneIsNamed) {
  const auto answer = Serve({Offset{7}, Epoch{1}});
  EXPECT_EQ(answer.status().code(), Status::kInvalidArgument);
  EXPECT_NE(Lines().find("node 3 asked for the snapshot up to offset 7 of epoch 1, this node has none"),
            std::string::npos)
      << Lines();
}

}  // namespace
}  // namespace mom::replication
