#include "tests/core/quorum/print.h"

#include <sstream>

namespace mom::quorum {
namespace {

template <typename... Values>
std::string Join(const Values&... values) {
  std::ostringstream out;
  ((out << values), ...);
  return out.str();
}

std::string Suffix(Refusal refusal) {
  return refusal == Refusal::kNone ? "" : Join(" refused=", refusal);
}

std::string Nodes(const VoterSet& voters) {
  std::string text;
  for (const ReplicaKey& key : voters) {
    if (!text.empty()) text += ',';
    text += Join(key.node);
  }
  return text;
}

struct BodyText {
  std::string operator()(const VoteRequest& m) const {
    return Join(m.pre_vote ? "pre-vote" : "vote", " epoch=", m.epoch, " log=", m.log_end, "@", m.last_epoch);
  }
  std::string operator()(const VoteReply& m) const {
    const std::string leader = m.leader == NodeId{} ? "" : Join(" leader=", m.leader);
    const char* what = m.pre_vote ? "pre-vote" : "vote";
    return Join(what, m.refusal == Refusal::kNone ? " granted" : " denied", " epoch=", m.epoch, leader,
                m.refusal == Refusal::kNone ? "" : Join(" because=", m.refusal));
  }
  std::string operator()(const BeginEpoch& m) const { return Join("begin-epoch ", m.epoch); }
  std::string operator()(const EndEpoch& m) const {
    std::string text = Join("end-epoch ", m.epoch, " successors=");
    for (size_t i = 0; i < m.successors.size(); ++i) text += Join(i == 0 ? "" : ",", m.successors[i]);
    return text;
  }
  std::string operator()(const HandOver& m) const { return Join("hand-over epoch=", m.epoch); }
  std::string operator()(const EpochReply& m) const {
    return Join("epoch-reply epoch=", m.epoch, " leader=", m.leader, Suffix(m.refusal));
  }
  std::string operator()(const FetchRequest& m) const {
    return Join(m.open ? "fetch" : "ack", " epoch=", m.epoch, " session=", m.session, " end=", m.durable_end,
                "@", m.last_epoch, m.probe == 0 ? "" : Join(" probe=", m.probe));
  }
  std::string operator()(const FetchReply& m) const {
    return Join(std::visit(*this, m.body), " epoch=", m.epoch, " leader=", m.leader, " session=", m.session,
                " hw=", m.high_watermark);
  }
  std::string operator()(const Frame& m) const {
    std::string text = Join("frame base=", m.base, " entries=");
    for (const EpochRun& run : m.runs) text += Join(&run == &m.runs[0] ? "" : "+", run.count, "@", run.epoch);
    if (m.runs.empty()) text += "none";
    if (m.probe != 0) text += Join(" probe=", m.probe);
    return text;
  }
  std::string operator()(const EpochEnd& m) const { return Join("diverging ", m.end, "@", m.epoch); }
  std::string operator()(const SnapshotId& m) const { return Join("snapshot ", m.end, "@", m.epoch); }
  std::string operator()(const FetchRefused& m) const {
    const bool known = m.known_session != SessionId{};
    return Join("fetch-refused because=", m.refusal, known ? Join(" known=", m.known_session) : "");
  }
};

std::string AppendText(const Append& append) {
  std::string text = Join("append ", append.begin, "..", append.end, " epoch ", append.epoch);
  if (append.from_frame) text += " from the frame";
  if (append.leader_change) text += " leader-change";
  if (append.voters) text += " voters " + Nodes(*append.voters);
  if (append.commands > 0) text += Join(" commands ", append.commands);
  return text;
}

}  // namespace

std::string Text(const Body& body) {
  return std::visit(BodyText(), body);
}

std::string Text(const Packet& packet) {
  const std::string what =
      packet.message ? Text(packet.message->body) : Join("stream closed session=", packet.closed);
  return Join(packet.from, "->", packet.to, " ", what);
}

std::vector<std::string> Lines(const Node& node, const Effects& e) {
  std::vector<std::string> lines;
  const auto add = [&](const auto&... values) { lines.push_back(Join(node.id, ": ", values...)); };
  if (e.hard_state) {
    add("hard state epoch=", e.hard_state->epoch, " vote=", e.hard_state->voted_for.node,
        " leader=", e.hard_state->leader);
  }
  if (e.truncate_to) add("truncate to ", *e.truncate_to);
  if (e.install) add("install snapshot ", e.install->end, "@", e.install->epoch);
  if (e.append) add(AppendText(*e.append));
  for (const Message& message : e.messages) add("to ", message.to, ": ", Text(message.body));
  for (const SendFrame& frame : e.frames) {
    add("to ", frame.to, ": frame session=", frame.session, " entries ", frame.begin, "..", frame.end,
        " hw=", frame.high_watermark, frame.probe == 0 ? "" : Join(" probe=", frame.probe));
  }
  for (const CloseStream& close : e.closes) add("close stream ", close.session, " with ", close.peer);
  if (e.pull_snapshot) {
    add(e.pull_snapshot->abort ? "abort" : "pull", " snapshot ", e.pull_snapshot->id.end, "@",
        e.pull_snapshot->id.epoch, " from ", e.pull_snapshot->from);
  }
  if (e.snapshot_wanted) add("a snapshot is wanted");
  if (e.committed_end) add("committed to ", *e.committed_end);
  if (e.repaired) add("repaired");
  if (e.refused > 0) add("refused ", e.refused, " commands: ", e.refused_why);
  for (const ReadVerdict& read : e.reads) {
    if (read.refusal == Refusal::kNone) {
      add("read ", read.id, " confirmed at ", read.read_end);
    } else {
      add("read ", read.id, " refused: ", read.refusal);
    }
  }
  for (const AdminVerdict& admin : e.admin) {
    add("request ", admin.id, admin.refusal == Refusal::kNone ? " done" : Join(" refused: ", admin.refusal));
  }
  if (e.role) {
    add("becomes ", e.role->role, " in epoch ", e.role->epoch,
        e.role->leader == NodeId{} ? "" : Join(", leader ", e.role->leader));
  }
  return lines;
}

std::string StateLine(const Node& n) {
  if (!n.core) return Join(n.id, ": down, log ", n.log_start, "..", n.log_end());
  const Quorum& q = *n.core;
  std::string text = Join(n.id, ": ", q.role());
  if (q.role() == Role::kFollower) text += Join(" of ", q.leader());
  text += Join(" epoch ", q.epoch(), " log ", q.log_start(), "..", q.log_end(), "@", q.epochs().last_epoch());
  if (q.durable_end() != q.log_end()) text += Join(" durable ", q.durable_end());
  text += q.high_watermark() ? Join(" hw ", *q.high_watermark()) : " hw none";
  if (q.voters().size() > 0) text += " voters " + Nodes(q.voters());
  if (q.damaged()) text += " damaged";
  return text;
}

}  // namespace mom::quorum
