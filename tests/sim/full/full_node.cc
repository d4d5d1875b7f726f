#include "tests/sim/full/full_node.h"

#include <algorithm>
#include <utility>

#include "core/broker/keys.h"
#include "replication/replica/marks.h"
#include "replication/replica/voters_codec.h"
#include "tests/sim/full/full_world.h"
#include "tests/sim/violation.h"

namespace mom::sim {

FullNode::FullNode(FullWorld* world, NodeId id, Uuid disk, const quorum::VoterSet& voters)
    : world_(world), first_voters_(voters) {
  identity_.node = id;
  ReplaceDisk(disk);
}

// Formatted as for a new cluster: who founded it is known.
void FullNode::ReplaceDisk(Uuid disk) {
  SIM_ASSERT(!is_up());
  env_ = std::make_unique<wal::MemoryEnv>();
  identity_.cluster = Uuid{7, 7};
  identity_.disk = disk;
  durable_views_.clear();
  last_voters_.reset();
  full_ = false;
  SIM_ASSERT(env_->CreateDir(kDir).ok());
  SIM_ASSERT(replication::WriteFirstMembers(env_.get(), kDir, {first_voters_, {}}).ok());
}

void FullNode::RunIn(int64_t ns, Task task) {
  world_->In(ns, [this, life = life_, task = std::move(task)] {
    if (life != life_ || driver_ == nullptr) return;
    if (paused_) return when_resumed_.push_back(task);
    task();
    if (dying_) Crash(FullCrash::kProcess);
  });
}

void FullNode::SetTimer(Instant at, Task task) {
  if (at != quorum::kNever) RunIn(at.ns - Now().ns, std::move(task));
}

void FullNode::Do(std::function<void(replication::ReplicaDriver*)> call) {
  After(0, [this, call = std::move(call)] { call(driver_.get()); });
}

void FullNode::Propose(replication::Proposal proposal) {
  if (inbox_.Add(std::move(proposal))) Do([](replication::ReplicaDriver* driver) { driver->DrainInbox(); });
}

// ---------------------------------------------------------------------------------------------------------

Result<broker::AppliedState> FullNode::LoadView() {
  auto name = replication::ViewToOpen(env_.get(), kDir);
  if (!name.ok()) return name.status();
  view_name_ = *name;
  view_ = durable_views_[view_name_];
  return broker::ReadAppliedState(view_);
}

// A start that fails, on a full disk for instance, is tried again later.
void FullNode::Start() {
  if (is_up()) return;
  const auto again = [this](const Status& status) {
    world_->Say("node " + std::to_string(id().value) + " cannot start: " + status.ToString());
    SIM_CHECK(status.code() != Status::kCorruption, "C: a crash left what cannot be opened", id(), status);
    wal_.reset();
    env_->Crash({wal::CrashMode::kKeepAll, 0});
    world_->In(world_->plan().options.fetch_timeout_ns(), [this, life = life_] {
      if (life == life_) Start();
    });
  };
  ++life_;
  ForgetAhead();
  appended_ = {};
  dying_ = paused_ = writing_ = applying_ = making_ = false;
  when_resumed_.clear();
  submitted_.clear();
  to_apply_.clear();
  handed_out_.reset();
  pulled_.reset();
  pulling_.reset();
  auto view = LoadView();
  if (!view.ok()) return again(view.status());
  state_ = *view;
  marks_.Reset(state_);
  replication::OpenLogOptions options{env_.get(), kDir, {}, identity_, {}, true};
  options.wal.segment_bytes = world_->plan().segment_bytes;
  options.wal.reserve_bytes = 0;
  if (auto hard_state = wal::ReadHardState(env_.get(), std::string(kDir) + "/hard-state"); hard_state.ok()) {
    options.hard_state = *hard_state;
  } else if (hard_state.status().code() != Status::kNotFound) {
    return again(hard_state.status());
  }
  auto log = replication::OpenLog(options, state_);
  if (!log.ok()) return again(log.status());
  if (!log->note.empty()) {
    world_->Say("node " + std::to_string(id().value) + ": " + log->note);
    ++world_->coverage()->put_aside;
  }
  auto restored = replication::RestoreFrom(options, *log, state_, view_.Get(broker::keys::Voters()),
                                           world_->random()->Next());
  if (!restored.ok()) return again(restored.status());
  wal_ = std::move(log->wal);
  committed_end_ = state_.end;
  replication::DriverOptions driver_options;
  driver_options.quorum = world_->plan().options;
  driver_options.quorum.self = {identity_.cluster, identity_.node, identity_.disk};
  for (const quorum::ReplicaKey& voter : first_voters_) driver_options.quorum.bootstrap.push_back(voter.node);
  driver_options.tail_bytes_max = world_->plan().tail_bytes_max;
  driver_ = std::make_unique<replication::ReplicaDriver>(
      driver_options, *restored, wal_->last_timestamp(),
      replication::DriverPorts{this, this, this, this, this, &inbox_},
      replication::DriverHooks{[this](const Status& status) {
                                 world_->Say("node " + std::to_string(id().value) +
                                             " fails: " + status.ToString());
                                 dying_ = true;
                               },
                               [this] {
                                 if (quorum().role() == quorum::Role::kLeader)
                                   ++world_->coverage()->elections;
                               }});
  CheckVoters();
  due_.emplace(static_cast<replication::RuntimePort*>(this), driver_.get());
  Serve(driver_.get());
  Do([](replication::ReplicaDriver* driver) { driver->Start(); });
  due_->Tell(broker::NextDue(view_));
}

// From the entries themselves, where what a start makes of them comes from a scan's report. Few histories
// would show a wrong set by its consequences.
void FullNode::CheckVoters() const {
  std::optional<quorum::VoterSet> newest;
  for (Offset at = std::max(wal_->log_start(), state_.end); at < wal_->log_end();) {
    const auto entries = wal_->Read(at, 1u << 16);
    SIM_ASSERT(entries.ok());
    for (const Entry& entry : *entries) {
      if (entry.kind == EntryKind::kVoters) newest = replication::DecodeVoters(entry.bytes());
    }
    at = Next(entries->back().offset);
  }
  SIM_CHECK(!newest || *newest == quorum().voters(), "I15: other voters than the log's last", id());
}

void FullNode::Crash(FullCrash how) {
  if (!is_up()) return;
  ++world_->coverage()->crashes;
  world_->Say("node " + std::to_string(id().value) + " ends");
  last_voters_ = quorum().voters();
  ++life_;
  wal_.reset();
  wal::CrashMode mode;
  if (how == FullCrash::kProcess) mode.kind = wal::CrashMode::kKeepAll;
  if (how == FullCrash::kPowerTorn) mode = {wal::CrashMode::kKeepSome, world_->random()->Next()};
  env_->Crash(mode);
  // LevelDB keeps what the system had; without power, what was forced out.
  if (how == FullCrash::kProcess) durable_views_[view_name_] = view_;
  Serve(nullptr);
  auto driver = std::move(driver_);
  driver->Abandon("the node ended");
  while (!inbox_.Take().empty()) continue;  // Whose clients hear nothing, and try again.
  world_->OnNodeDown(this, how == FullCrash::kProcess);
}

void FullNode::Pause(int64_t ns) {
  if (!is_up() || paused_) return;
  paused_ = true;
  world_->In(ns, [this, life = life_] {
    if (life != life_ || !paused_) return;
    paused_ = false;
    for (auto& task : std::exchange(when_resumed_, {})) RunIn(0, std::move(task));
  });
}

void FullNode::SetFull(bool full) {
  full_ = full;
  env_->SetCapacity(full ? 0 : UINT64_MAX);
}

bool FullNode::IsDamaged() const {
  return env_->Paths().contains(std::string(kDir) + "/damaged");
}

bool FullNode::DamageLog() {
  std::vector<std::string> segments;
  for (const std::string& path : env_->Paths()) {
    if (path.starts_with(std::string(kDir) + "/log/")) {
      segments.push_back(path);
    }
  }
  if (segments.empty()) return false;
  const std::string path = segments[world_->random()->Below(segments.size())];
  const std::string bytes = env_->Contents(path);
  size_t used = bytes.find_last_not_of('\0');
  if (used == std::string::npos) return false;
  const size_t at = world_->random()->Below(used + 1);
  const char flipped = static_cast<char>(bytes[at] ^ static_cast<char>(1u << world_->random()->Below(8)));
  env_->Overwrite(path, at, std::string_view(&flipped, 1));
  return true;
}

void FullNode::Checkpoint(bool drop) {
  After(0, [this, drop] {
    durable_views_[view_name_] = view_;
    if (!drop) return;
    // As the driver's owner does it: on the log's thread, between two rounds.
    const Offset start = wal_->log_start();
    if (state_.end <= start || state_.end > wal_->durable_end()) return;
    const uint64_t entries = (state_.end - start).value;
    const Offset to =
        start + Count{world_->random()->Coin() ? entries : world_->random()->Below(entries + 1)};
    const Status status = wal_->DropPrefix(to);
    if (!status.ok()) return driver_->Fail(status);
    if (wal_->log_start() > start) ++world_->coverage()->prefix_drops;
    driver_->OnLogStartMoved(wal_->log_start());
  });
}

std::string FullNode::Text() const {
  std::ostringstream out;
  out << "node " << id() << ": ";
  if (!is_up()) return out.str() + "down";
  out << quorum().role() << " epoch " << quorum().epoch() << " leader " << quorum().leader() << " log ["
      << quorum().log_start() << ", " << quorum().log_end() << ") durable " << quorum().durable_end()
      << " applied " << state_.end << (paused_ ? " paused" : "") << (IsDamaged() ? " damaged" : "")
      << " voters " << quorum().voters();
  return out.str();
}

}  // namespace mom::sim
