#include "replication/replica/replica_driver.h"

#include <algorithm>

#include "core/base/check.h"
#include "replication/replica/voters_codec.h"

namespace mom::replication {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

}  // namespace

ReplicaDriver::ReplicaDriver(const DriverOptions& options, const quorum::Restored& restored,
                             Timestamp last_timestamp, const DriverPorts& ports, DriverHooks hooks)
    : options_(options),
      ports_(ports),
      hooks_(std::move(hooks)),
      quorum_(options.quorum, restored),
      addresses_(options.addresses),
      clock_(last_timestamp, ports.runtime->Now()),
      tail_(restored.log_end),
      handed_end_(restored.committed_end) {
  MOM_CHECK(ports.runtime != nullptr && ports.log != nullptr && ports.view != nullptr);
}

void ReplicaDriver::Start() {
  Step(quorum::Started{});
}

void ReplicaDriver::Propose(std::vector<Proposal>* proposals) {
  if (proposals->empty()) return;
  Step(quorum::Proposed{static_cast<uint32_t>(proposals->size())}, proposals, nullptr);
}

void ReplicaDriver::DrainInbox() {
  awaits_ = true;
  ProposeGathered(false);
}

// While entries are on their way, more would only queue up behind them. Here they gather instead, and then
// share a write, an fsync, frames and wake-ups.
bool ReplicaDriver::IsGathering() const {
  if (failed_ || quorum_.role() != quorum::Role::kLeader) return false;
  if (quorum_.durable_end() < quorum_.log_end()) return true;
  if (quorum_.committed_end() < quorum_.log_end() && pace_.IsShort()) return true;
  return linger_ && ports_.inbox->size() < linger_->commands && ports_.runtime->Now() < linger_->until;
}

// A batch costs a dozen messages and an fsync on each node, however few commands are in it. A node alone has
// no messages, and its disk had better not rest.
bool ReplicaDriver::MayLinger() const {
  return ports_.inbox != nullptr && !quorum_.progress().empty() && pace_.MayLinger();
}

void ReplicaDriver::LingerAfterCommit() {
  if (quorum_.role() != quorum::Role::kLeader || !MayLinger()) return;
  linger_ = pace_.LingerFrom(ports_.runtime->Now(), ports_.inbox->size());
  ports_.inbox->WakeAt(linger_->commands);
}

// At once, that is: after a pause the news of what is committed had better not wait for it.
bool ReplicaDriver::ProposalWaits() const {
  return awaits_ && quorum_.role() == quorum::Role::kLeader && !MayLinger() && !ports_.inbox->empty();
}

// What is refused puts nothing on its way that others could wait for: the loop looks once more.
void ReplicaDriver::ProposeGathered(bool at_once) {
  if (!awaits_ || draining_) return;
  draining_ = true;
  for (; at_once || !IsGathering(); at_once = false) {
    linger_.reset();
    std::vector<Proposal> gathered = ports_.inbox->Take();
    awaits_ = !gathered.empty();
    if (!awaits_) break;
    Propose(&gathered);
  }
  draining_ = false;
}

void ReplicaDriver::ReadBarrier(std::function<void(Result<Offset>)> done) {
  if (failed_) return done(Status(Status::kStopping, "the node failed and stops"));
  const uint64_t id = ++last_id_;
  reads_.emplace(id, std::move(done));
  Step(quorum::ReadRequested{id});
}

void ReplicaDriver::ChangeVoters(bool add, const quorum::ReplicaKey& replica, const std::string& address,
                                 std::function<void(quorum::Refusal)> done) {
  if (failed_) return done(quorum::Refusal::kNotLeader);
  const uint64_t id = ++last_id_;
  admin_.emplace(id, std::move(done));
  added_ = {replica.node, address};
  Step(quorum::ChangeVoters{id, add, replica});
  added_.reset();
}

void ReplicaDriver::TransferLeadership(NodeId target, std::function<void(quorum::Refusal)> done) {
  if (failed_) return done(quorum::Refusal::kNotLeader);
  const uint64_t id = ++last_id_;
  admin_.emplace(id, std::move(done));
  Step(quorum::TransferLeadership{id, target});
}

// ---------------------------------------------------------------------------------------------------------

void ReplicaDriver::SetNextDue(std::optional<Timestamp> next_due) {
  next_due_ = next_due;
  PlanClock();
}

// Called whenever something changed that it looks at: what is due, who leads, whether an entry is on its way.
void ReplicaDriver::PlanClock() {
  clock_at_ = quorum::kNever;
  if (!next_due_ || clock_in_flight_ != 0 || quorum_.role() != quorum::Role::kLeader) return;
  constexpr int64_t kLookAgainMs = 1'000;  // The wall clock may jump meanwhile.
  const int64_t wait_ms = std::clamp<int64_t>(next_due_->ms - LogTime().ms, 0, kLookAgainMs);
  const Instant at{ports_.runtime->Now().ns + wait_ms * kNsPerMs};
  clock_at_ = std::max(at, clock_not_before_);
}

void ReplicaDriver::ProposeClock() {
  clock_not_before_ = Instant{ports_.runtime->Now().ns + int64_t{options_.clock_pause_ms} * kNsPerMs};
  if (next_due_->ms > LogTime().ms) return PlanClock();
  const uint64_t ticket = clock_in_flight_ = ++last_ticket_;
  PlanClock();
  std::vector<Proposal> proposals;
  proposals.push_back(
      Proposal{EntryKind::kClock, std::make_shared<const std::string>(),
               [this, ticket](Outcome) { ports_.runtime->Post([this, ticket] { OnClockDone(ticket); }); }});
  Propose(&proposals);
}

// Applied, refused or lost: what is due by now is looked at again, after a pause. An entry does a limited
// amount of work, so that the same time may still be due.
void ReplicaDriver::OnClockDone(uint64_t ticket) {
  if (clock_in_flight_ != ticket) return;
  clock_in_flight_ = 0;
  PlanClock();
}

void ReplicaDriver::Tick() {
  if (failed_) return;
  const Instant now = ports_.runtime->Now();
  if (linger_ && now >= linger_->until) {
    linger_.reset();
    ProposeGathered(false);
  }
  if (now >= clock_at_) ProposeClock();
  if (!failed_ && now >= quorum_.wake_at()) Step(quorum::Tick{});
}

Instant ReplicaDriver::wake_at() const {
  if (failed_) return quorum::kNever;
  const Instant at = std::min(quorum_.wake_at(), clock_at_);
  return linger_ ? std::min(at, linger_->until) : at;
}

// ---------------------------------------------------------------------------------------------------------

void ReplicaDriver::OnPersisted(const Status& status, Offset durable_end) {
  if (failed_) return;
  if (!status.ok()) return Fail(status);
  Step(quorum::Persisted{durable_end, ProposalWaits()});
}

// Runs and voters of a frame come from its entries, so they cannot contradict them. What the log itself would
// refuse, falling timestamps, ends the stream like any other nonsense.
bool ReplicaDriver::FillFrame(quorum::FetchReply* reply, const std::vector<Entry>& entries) const {
  auto& frame = std::get<quorum::Frame>(reply->body);
  Timestamp last = frame.base == quorum_.log_end() ? clock_.last() : Timestamp{};
  Offset at = frame.base;
  for (const Entry& entry : entries) {
    if (entry.offset != at || entry.timestamp < last) return false;
    if (frame.runs.empty() || frame.runs.back().epoch != entry.epoch) {
      frame.runs.push_back({entry.epoch, 0, entry.kind == EntryKind::kLeaderChange});
    } else if (entry.kind == EntryKind::kLeaderChange) {
      return false;
    }
    ++frame.runs.back().count;
    if (entry.kind == EntryKind::kVoters) {
      const auto voters = DecodeVoters(entry.bytes());
      if (!voters) return false;
      frame.voters.push_back({entry.offset, *voters});
    }
    last = entry.timestamp;
    at = Next(at);
  }
  return true;
}

void ReplicaDriver::OnMessage(quorum::Message message, std::vector<Entry> entries) {
  if (failed_) return;
  if (auto* reply = std::get_if<quorum::FetchReply>(&message.body)) {
    if (std::holds_alternative<quorum::Frame>(reply->body) && !FillFrame(reply, entries)) {
      const bool mine = reply->session == quorum_.following().session;
      return mine ? LoseStream(message.from.node, reply->session) : void();
    }
  }
  Step(quorum::Received{std::move(message), ProposalWaits()}, nullptr, &entries);
}

void ReplicaDriver::OnFrameSent(NodeId peer, quorum::SessionId session, Offset end, uint64_t bytes) {
  if (!failed_) Step(quorum::FrameSent{peer, session, end, bytes});
}

void ReplicaDriver::OnStreamClosed(NodeId peer, quorum::SessionId session) {
  reading_.erase({peer, session});
  if (!failed_) Step(quorum::StreamClosed{peer, session});
}

void ReplicaDriver::LoseStream(NodeId peer, quorum::SessionId session) {
  ports_.peers->Close(peer, session);
  OnStreamClosed(peer, session);
}

void ReplicaDriver::OnSnapshotProgress(const quorum::SnapshotId& id, NodeId from, Epoch epoch) {
  Step(quorum::SnapshotProgress{id, from, epoch});
}

void ReplicaDriver::OnSnapshotPulled(const quorum::SnapshotId& id, const quorum::VoterSet& voters) {
  Step(quorum::SnapshotDownloaded{id, voters});
}

void ReplicaDriver::OnSnapshotInstalled(const quorum::SnapshotId& id, Timestamp timestamp) {
  if (failed_) return;
  AnswerUncertain(Offset{}, "the log was replaced by a snapshot");
  tail_.Reset(id.end);
  handed_end_ = id.end;
  clock_.Follow(timestamp, ports_.runtime->Now());
  Step(quorum::SnapshotInstalled{id});
}

void ReplicaDriver::LearnAddresses(std::string_view voters) {
  const auto members = DecodeMembers(voters);
  if (!members) return;
  for (const auto& [node, address] : members->addresses) addresses_[node] = address;
  if (hooks_.members_changed) hooks_.members_changed();
}

// ---------------------------------------------------------------------------------------------------------

void ReplicaDriver::AnswerUncertain(Offset from, const std::string& why) {
  while (!waiting_.empty() && waiting_.back().offset >= from) {
    auto done = std::move(waiting_.back().done);
    waiting_.pop_back();
    done(Refused(Status::kUncertain, why));
  }
}

void ReplicaDriver::Abandon(const std::string& why) {
  AnswerUncertain(Offset{}, why);
  for (auto& [id, done] : std::exchange(reads_, {})) done(Status(Status::kStopping, why));
  for (auto& [id, done] : std::exchange(admin_, {})) done(quorum::Refusal::kUncertain);
}

void ReplicaDriver::Fail(const Status& status) {
  if (failed_) return;
  failed_ = true;
  Abandon("the node failed");
  hooks_.failed(status);
}

}  // namespace mom::replication
