#include "tests/sim/trace.h"

#include <sstream>

namespace mom::sim {
namespace {

using namespace quorum;  // NOLINT: the words of the traces are the protocol's.

std::string Fields(const FetchReply& m) {
  std::ostringstream out;
  out << " leader " << m.leader << " session " << m.session << " hw " << m.high_watermark;
  if (const auto* frame = std::get_if<Frame>(&m.body)) {
    uint64_t count = 0;
    for (const EpochRun& run : frame->runs) count += run.count;
    out << " frame [" << frame->base << ", " << frame->base + Count{count} << ")";
    for (const EpochRun& run : frame->runs) out << ' ' << run.count << "x epoch " << run.epoch;
    if (frame->probe > 0) out << " probe " << frame->probe;
  } else if (const auto* end = std::get_if<EpochEnd>(&m.body)) {
    out << " diverging: epoch " << end->epoch << " ends at " << end->end;
  } else if (const auto* id = std::get_if<SnapshotId>(&m.body)) {
    out << " snapshot " << id->end;
  } else {
    out << " refused: " << std::get<FetchRefused>(m.body).refusal;
  }
  return out.str();
}

struct BodyText {
  std::ostream& out;
  void operator()(const VoteRequest& m) const {
    out << (m.pre_vote ? "PreVote? " : "Vote? ") << "epoch " << m.epoch << " round " << m.round << " last "
        << m.last_epoch << " end " << m.log_end;
  }
  void operator()(const VoteReply& m) const {
    out << (m.pre_vote ? "PreVote! " : "Vote! ") << "epoch " << m.epoch << " round " << m.round << " leader "
        << m.leader << ' ' << m.refusal;
  }
  void operator()(const BeginEpoch& m) const { out << "BeginEpoch " << m.epoch; }
  void operator()(const EndEpoch& m) const { out << "EndEpoch " << m.epoch; }
  void operator()(const HandOver& m) const { out << "HandOver " << m.epoch; }
  void operator()(const EpochReply& m) const {
    out << "EpochReply " << m.epoch << " leader " << m.leader << ' ' << m.refusal;
  }
  void operator()(const FetchRequest& m) const {
    out << (m.open ? "Open" : "Fetch") << " epoch " << m.epoch << " session " << m.session << " end "
        << m.durable_end << " last " << m.last_epoch << " probe " << m.probe;
  }
  void operator()(const FetchReply& m) const { out << "Reply epoch " << m.epoch << Fields(m); }
};

struct EventText {
  std::ostream& out;
  void operator()(const Started&) const { out << "Started"; }
  void operator()(const Tick&) const { out << "Tick"; }
  void operator()(const Received& e) const { out << Text(e.message); }
  void operator()(const Proposed& e) const { out << "Proposed " << e.count; }
  void operator()(const Persisted& e) const { out << "Persisted " << e.durable_end; }
  void operator()(const FrameSent& e) const {
    out << "FrameSent to " << e.peer << " session " << e.session << " end " << e.end;
  }
  void operator()(const StreamClosed& e) const {
    out << "StreamClosed " << e.peer << " session " << e.session;
  }
  void operator()(const SnapshotAvailable& e) const { out << "SnapshotAvailable " << e.id.end; }
  void operator()(const LogStartMoved& e) const { out << "LogStartMoved " << e.log_start; }
  void operator()(const SnapshotServed& e) const { out << "SnapshotServed " << e.from.node; }
  void operator()(const SnapshotProgress& e) const { out << "SnapshotProgress " << e.id.end; }
  void operator()(const SnapshotDownloaded& e) const { out << "SnapshotDownloaded " << e.id.end; }
  void operator()(const SnapshotFailed& e) const { out << "SnapshotFailed " << e.id.end; }
  void operator()(const SnapshotInstalled& e) const { out << "SnapshotInstalled " << e.id.end; }
  void operator()(const ReadRequested& e) const { out << "ReadRequested " << e.id; }
  void operator()(const ChangeVoters& e) const {
    out << "ChangeVoters " << (e.add ? "add " : "remove ") << e.replica;
  }
  void operator()(const TransferLeadership& e) const { out << "TransferLeadership to " << e.target; }
  void operator()(const ResignAsked&) const { out << "ResignAsked"; }
};

}  // namespace

void Trace::AddState(const Node& node) {
  const Quorum& core = *node.core;
  const uint64_t role = (uint64_t{node.index} << 8) | static_cast<uint64_t>(core.role());
  hash_ = Random::Mix(hash_ ^ role ^ (uint64_t{core.epoch().value} << 16)) + core.log_end().value;
  hash_ = Random::Mix(hash_ ^ core.durable_end().value ^ (core.committed_end().value << 24)) +
          static_cast<uint64_t>(node.last_now.ns);
}

void Trace::Line(uint64_t event, int64_t now, const std::string& text) {
  std::fprintf(text_, "#%-6lu %10.3fms  %s\n", event, static_cast<double>(now) / 1e6, text.c_str());
}

std::string Text(const Message& message) {
  std::ostringstream out;
  out << "from " << message.from.node << ": ";
  std::visit(BodyText{out}, message.body);
  return out.str();
}

std::string Text(const quorum::Event& event) {
  std::ostringstream out;
  std::visit(EventText{out}, event);
  return out.str();
}

std::string Text(const Effects& effects) {
  std::ostringstream out;
  if (const auto& state = effects.hard_state) {
    out << " vote{epoch " << state->epoch << " for " << state->voted_for.node << " leader " << state->leader
        << '}';
  }
  if (effects.truncate_to) out << " truncate{" << *effects.truncate_to << '}';
  if (effects.install) out << " install{" << effects.install->end << '}';
  if (const auto& append = effects.append) out << " append{" << append->begin << ", " << append->end << '}';
  for (const Message& message : effects.messages) {
    out << " send{to " << message.to << ' ';
    std::visit(BodyText{out}, message.body);
    out << '}';
  }
  for (const SendFrame& frame : effects.frames) {
    out << " frame{to " << frame.to << " session " << frame.session << " [" << frame.begin << ", "
        << frame.end << ") hw " << frame.high_watermark << '}';
  }
  for (const CloseStream& close : effects.closes)
    out << " close{" << close.peer << ' ' << close.session << '}';
  if (effects.pull_snapshot) out << (effects.pull_snapshot->abort ? " abort-pull" : " pull");
  if (effects.committed_end) out << " committed{" << *effects.committed_end << '}';
  if (effects.repaired) out << " repaired";
  if (effects.refused > 0) out << " refused{" << effects.refused << ' ' << effects.refused_why << '}';
  for (const ReadVerdict& read : effects.reads) out << " read{" << read.id << ' ' << read.refusal << '}';
  for (const AdminVerdict& verdict : effects.admin)
    out << " admin{" << verdict.id << ' ' << verdict.refusal << '}';
  return out.str();
}

std::string Text(const Node& node) {
  std::ostringstream out;
  out << node.id() << (node.core ? "" : " down");
  if (node.core) {
    out << ' ' << node.core->role() << " epoch " << node.core->epoch() << " leader " << node.core->leader()
        << " voters " << node.core->voters();
  }
  out << " log [" << node.disk->start() << ", " << node.disk->end() << ") synced " << node.disk->synced()
      << " applied " << node.applied << (node.disk->damaged ? " damaged" : "");
  return out.str();
}

}  // namespace mom::sim
