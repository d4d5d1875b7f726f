// ReplicaDriver's execution of effects, in the order of the struct: what later ones promise must be durable,
// or on its way, before.
#include <algorithm>
#include <string>
#include <utility>

#include "core/base/check.h"
#include "replication/replica/replica_driver.h"
#include "replication/replica/voters_codec.h"

namespace mom::replication {
namespace {

const char* WhyRefused(quorum::Refusal refusal) {
  return refusal == quorum::Refusal::kTransferring ? "leadership is being handed over; try again"
                                                   : "this node does not lead";
}

// The core was told so: a new high watermark is not pushed, but travels with what is proposed next.
bool ProposalFollows(const quorum::Event& event) {
  if (const auto* received = std::get_if<quorum::Received>(&event)) return received->proposal_follows;
  const auto* persisted = std::get_if<quorum::Persisted>(&event);
  return persisted != nullptr && persisted->proposal_follows;
}

}  // namespace

void ReplicaDriver::Step(const quorum::Event& event) {
  Step(event, nullptr, nullptr);
}

void ReplicaDriver::Step(const quorum::Event& event, std::vector<Proposal>* proposals,
                         std::vector<Entry>* entries) {
  if (failed_) {
    if (proposals == nullptr) return;
    for (auto& proposal : *proposals) {
      if (proposal.done) proposal.done(Refused(Status::kStopping, "the node failed and stops"));
    }
    return;
  }
  MOM_CHECK(!stepping_);
  stepping_ = true;
  const auto high_watermark = quorum_.high_watermark();
  Execute(quorum_.Step(ports_.runtime->Now(), event), proposals, entries);
  stepping_ = false;
  ProposeGathered(ProposalFollows(event) && quorum_.high_watermark() != high_watermark);
}

// The only place where effects happen.
void ReplicaDriver::Execute(const quorum::Effects& effects, std::vector<Proposal>* proposals,
                            std::vector<Entry>* entries) {
  if (!ExecuteLog(effects, proposals, entries)) return;
  ExecuteSends(effects);
  if (effects.committed_end) ExecuteCommit(*effects.committed_end);
  if (effects.repaired) {
    if (Status status = ports_.log->ClearDamage(); !status.ok()) return Fail(status);
  }
  if (effects.refused > 0) {
    MOM_CHECK(proposals != nullptr && effects.refused == proposals->size(), effects.refused);
    for (auto& proposal : *proposals) {
      if (proposal.done) proposal.done(Refused(Status::kNotLeader, WhyRefused(effects.refused_why)));
    }
    proposals->clear();
  }
  ExecuteVerdicts(effects);
  TrimTail();
  if (effects.role) {
    // Whether what is not committed survives is for the next leader; whoever waits can ask again.
    if (effects.role->role != quorum::Role::kLeader) {
      pace_.Forget();
      linger_.reset();
      clock_in_flight_ = 0;
      AnswerUncertain(handed_end_, "leadership was lost before the entry was committed");
    }
    PlanClock();
    hooks_.role_changed();
  }
}

// False when the disk refused: the node has failed, and nothing that builds on it may happen.
bool ReplicaDriver::ExecuteLog(const quorum::Effects& effects, std::vector<Proposal>* proposals,
                               std::vector<Entry>* entries) {
  Status status;
  if (effects.hard_state) status = ExecuteHardState(*effects.hard_state);
  if (status.ok() && effects.truncate_to) status = ExecuteTruncate(*effects.truncate_to);
  if (status.ok() && effects.install) ports_.snapshots->Install(*effects.install);
  if (status.ok() && effects.append) {
    status = effects.append->from_frame ? ExecuteTakeOver(*effects.append, entries)
                                        : ExecuteAppend(*effects.append, proposals);
  }
  if (status.ok()) return true;
  if (proposals != nullptr) {
    for (auto& proposal : *proposals) {
      if (proposal.done) proposal.done(Refused(Status::kStopping, "the node failed and stops"));
    }
    proposals->clear();
  }
  Fail(status);
  return false;
}

Status ReplicaDriver::ExecuteHardState(const quorum::HardState& state) {
  return ports_.log->WriteHardState(
      wal::HardState{state.epoch, state.voted_for.node, state.voted_for.disk, state.leader});
}

Status ReplicaDriver::ExecuteTruncate(Offset to) {
  AnswerUncertain(to, "another leader's entries took the place of this one");
  tail_.TruncateTo(to);
  auto timestamp = ports_.log->Truncate(to);
  if (!timestamp.ok()) return timestamp.status();
  clock_.Follow(*timestamp, ports_.runtime->Now());
  return Status();
}

std::string ReplicaDriver::EncodeMembers(const quorum::VoterSet& voters) const {
  PeerAddresses addresses = addresses_;
  if (added_ && !added_->second.empty()) addresses[added_->first] = added_->second;
  return EncodeVoters(voters, addresses);
}

// As leader: a LeaderChange, a voter set, commands, in this order.
Status ReplicaDriver::ExecuteAppend(const quorum::Append& append, std::vector<Proposal>* proposals) {
  std::vector<Entry> entries;
  entries.reserve(append.commands + 2);
  Offset offset = append.begin;
  const Timestamp now = StampNow();
  const auto add = [&](EntryKind kind, std::shared_ptr<const std::string> payload) {
    entries.push_back(Entry{offset, append.epoch, now, kind, std::move(payload)});
    tail_.Append(entries.back());
    offset = Next(offset);
  };
  if (append.leader_change) {
    add(EntryKind::kLeaderChange,
        std::make_shared<const std::string>(std::to_string(options_.quorum.self.node.value)));
  }
  if (append.voters) {
    add(EntryKind::kVoters, std::make_shared<const std::string>(EncodeMembers(*append.voters)));
    LearnAddresses(entries.back().bytes());
  }
  if (append.commands > 0) {
    pace_.OnProposed(append.end, append.commands, ports_.runtime->Now());
    MOM_CHECK(proposals != nullptr && append.commands == proposals->size(), append.commands);
    for (auto& proposal : *proposals) {
      if (proposal.done) waiting_.push_back(Waiting{offset, std::move(proposal.done)});
      add(proposal.kind, std::move(proposal.payload));
    }
    proposals->clear();
  }
  MOM_CHECK(offset == append.end, offset, append.end);
  return SubmitAppended(std::move(entries));
}

// As follower: the entries of the frame, as they are.
Status ReplicaDriver::ExecuteTakeOver(const quorum::Append& append, std::vector<Entry>* entries) {
  MOM_CHECK(entries != nullptr && !entries->empty());
  MOM_CHECK(entries->front().offset == append.begin && Next(entries->back().offset) == append.end,
            append.begin, append.end);
  for (const Entry& entry : *entries) {
    tail_.Append(entry);
    if (entry.kind == EntryKind::kVoters) LearnAddresses(entry.bytes());
  }
  clock_.Follow(entries->back().timestamp, ports_.runtime->Now());
  return SubmitAppended(std::move(*entries));
}

// The disk first: the view has until it is done.
Status ReplicaDriver::SubmitAppended(std::vector<Entry> entries) {
  std::vector<Entry> appended = entries;
  MOM_RETURN_IF_ERROR(ports_.log->Submit(std::move(entries)));
  ports_.view->Appended(std::move(appended));
  return Status();
}

// ---------------------------------------------------------------------------------------------------------

void ReplicaDriver::ExecuteSends(const quorum::Effects& effects) {
  for (const quorum::Message& message : effects.messages) ExecuteMessage(message);
  for (const quorum::SendFrame& order : effects.frames) ExecuteFrame(order);
  for (const quorum::CloseStream& close : effects.closes) {
    reading_.erase({close.peer, close.session});
    ports_.peers->Close(close.peer, close.session);
  }
  if (effects.pull_snapshot) {
    const quorum::PullSnapshot& pull = *effects.pull_snapshot;
    pull.abort ? ports_.snapshots->Abort(pull.id) : ports_.snapshots->Pull(pull.id, pull.from);
  }
  if (effects.snapshot_wanted) ports_.snapshots->Make();
}

void ReplicaDriver::ExecuteMessage(const quorum::Message& message) {
  MOM_CHECK(ports_.peers != nullptr, message.to);
  if (const auto* request = std::get_if<quorum::FetchRequest>(&message.body)) {
    return request->open ? ports_.peers->OpenStream(message) : ports_.peers->Acknowledge(message);
  }
  if (const auto* reply = std::get_if<quorum::FetchReply>(&message.body)) {
    reading_.erase({message.to, reply->session});
    return ports_.peers->SendLast(message);
  }
  ports_.peers->Send(message);
}

void ReplicaDriver::ExecuteFrame(const quorum::SendFrame& order) {
  if (order.begin == order.end) return SendEntries(order, {});
  if (order.begin >= tail_.begin()) {
    return SendEntries(order, tail_.Slice(order.begin, order.end, order.bytes_max));
  }
  const uint64_t ticket = ++last_ticket_;
  reading_[{order.to, order.session}] = ticket;
  ports_.log->Read(order.begin, order.bytes_max, [this, order, ticket](Result<std::vector<Entry>> entries) {
    OnFrameRead(order, ticket, std::move(entries));
  });
}

// A stream that was closed meanwhile takes no frame: the entries may be others by now.
void ReplicaDriver::OnFrameRead(const quorum::SendFrame& order, uint64_t ticket,
                                Result<std::vector<Entry>> entries) {
  const auto reading = reading_.find({order.to, order.session});
  if (failed_ || reading == reading_.end() || reading->second != ticket) return;
  reading_.erase(reading);
  if (entries.status().code() == Status::kNotFound || entries.status().code() == Status::kOverloaded) {
    return LoseStream(order.to, order.session);  // It comes back, and is given a snapshot if need be.
  }
  if (!entries.ok())
    return Fail(entries.status().Annotate("reading the log for node " + std::to_string(order.to.value)));
  const uint64_t wanted = (order.end - order.begin).value;
  if (entries->size() > wanted) entries->resize(wanted);
  SendEntries(order, *std::move(entries));
}

void ReplicaDriver::SendEntries(const quorum::SendFrame& order, std::vector<Entry> entries) {
  const quorum::Frame frame{order.begin, {}, {}, order.probe};
  const quorum::FetchReply reply{order.epoch, options_.quorum.self.node, order.session, order.high_watermark,
                                 frame};
  ports_.peers->SendFrame(quorum::Message{options_.quorum.self, order.to, reply}, std::move(entries));
}

// ---------------------------------------------------------------------------------------------------------

void ReplicaDriver::ExecuteCommit(Offset end) {
  pace_.OnCommitted(end, ports_.runtime->Now());
  if (end == quorum_.log_end()) LingerAfterCommit();
  std::vector<Pending> committed;
  const Offset from = std::max(handed_end_, tail_.begin());
  committed.reserve((end - std::min(from, end)).value);
  for (Offset at = from; at < end; at = Next(at)) {
    Pending pending{tail_.At(at), nullptr};
    if (!waiting_.empty() && waiting_.front().offset == at) {
      pending.done = std::move(waiting_.front().done);
      waiting_.pop_front();
    }
    committed.push_back(std::move(pending));
  }
  MOM_CHECK(waiting_.empty() || waiting_.front().offset >= end, waiting_.front().offset, end);
  handed_end_ = end;
  ports_.view->Commit(end, std::move(committed));
}

void ReplicaDriver::ExecuteVerdicts(const quorum::Effects& effects) {
  for (const quorum::ReadVerdict& verdict : effects.reads) {
    auto read = reads_.extract(verdict.id);
    MOM_CHECK(!read.empty(), verdict.id);
    if (verdict.refusal == quorum::Refusal::kNone) {
      read.mapped()(verdict.read_end);
    } else {
      read.mapped()(Status(Status::kNotLeader, "this node does not lead"));
    }
  }
  for (const quorum::AdminVerdict& verdict : effects.admin) {
    auto admin = admin_.extract(verdict.id);
    MOM_CHECK(!admin.empty(), verdict.id);
    admin.mapped()(verdict.refusal);
  }
}

// What is not durable can only be had from here, and what is not committed is wanted soon. Beyond that
// entries are kept for followers, if there are any.
void ReplicaDriver::TrimTail() {
  const Offset needless = std::min(quorum_.durable_end(), handed_end_);
  const bool followed = !quorum_.progress().empty();
  tail_.Trim(needless, followed ? options_.tail_bytes_max : 0);
}

}  // namespace mom::replication
