#include "replication/replica/peer_watch.h"

#include <cstdio>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace mom::replication {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

bool IsWithin(Instant at, Instant now, int64_t ms) {
  return now.ns - at.ns <= ms * kNsPerMs;
}

std::string Hex(uint64_t digest) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
  return text;
}

std::string NamesOf(const std::set<NodeId>& nodes) {
  std::string text;
  for (NodeId node : nodes) text += (text.empty() ? "" : ", ") + std::to_string(node.value);
  return text;
}

}  // namespace

struct PeerWatch::Peer {
  std::string address;
  std::optional<Instant> asked;  // Owes an answer since then.
  std::optional<Instant> heard;  // When what `status` answers was asked.
  std::optional<NodeStatus> status;
  bool is_fresh = false;  // `status` was not compared yet.
  // Own marks and those of `status`, as they are: a peer that restarts may say otherwise of the same offset.
  std::set<std::pair<DigestMark, DigestMark>> compared;
  std::optional<Instant> logged;     // When its difference was logged; nothing while there is none.
  std::set<NodeId> logged_diverged;  // Who was to blame then.
};

struct PeerWatch::State {
  std::mutex mutex;  // Guards everything.
  std::map<NodeId, Peer> peers;
  uint64_t comparisons = 0;
  uint64_t mismatches = 0;
  DigestVerdict verdict;

  void OnAnswer(NodeId node, Result<NodeStatus> answer) {
    std::lock_guard lock(mutex);
    const auto it = peers.find(node);
    if (it == peers.end() || !it->second.asked) return;  // Left meanwhile.
    Peer& peer = it->second;
    const Instant asked = *std::exchange(peer.asked, std::nullopt);
    if (!answer.ok() || answer->node != node) return;
    peer.status = *std::move(answer);
    peer.heard = asked;
    peer.is_fresh = true;
  }
};

PeerWatch::PeerWatch(NodeId self, const DigestMarks* marks, PeerWatchHooks hooks)
    : self_(self), marks_(marks), hooks_(std::move(hooks)), state_(std::make_shared<State>()) {}

// Whom to ask; notes that they are asked.
std::vector<NodeId> PeerWatch::PrepareLocked(const std::map<NodeId, std::string>& addresses, Instant now) {
  std::erase_if(state_->peers, [&](const auto& known) { return !addresses.contains(known.first); });
  std::vector<NodeId> ask;
  for (const auto& [node, address] : addresses) {
    if (node == self_) continue;
    Peer& peer = state_->peers[node];
    peer.address = address;
    if (peer.asked) continue;
    peer.asked = now;
    ask.push_back(node);
  }
  return ask;
}

void PeerWatch::Tick(Instant now, NodeId leader) {
  const std::map<NodeId, std::string> addresses = hooks_.addresses();
  const std::vector<DigestMark> own = marks_->All();
  std::vector<std::string> lines;
  std::vector<NodeId> ask;
  {
    std::lock_guard lock(state_->mutex);
    JudgeLocked(own, now, leader);
    for (auto& [node, peer] : state_->peers) {
      if (!std::exchange(peer.is_fresh, false)) continue;
      if (std::string line = CompareLocked(node, own, now, &peer); !line.empty()) lines.push_back(line);
    }
    ask = PrepareLocked(addresses, now);
  }
  for (const std::string& line : lines) {
    if (hooks_.alarm) hooks_.alarm(line);
  }
  for (NodeId node : ask) {
    hooks_.ask(node, [state = state_, node](Result<NodeStatus> answer) {
      state->OnAnswer(node, std::move(answer));
    });
  }
}

// Who has diverged stays so until it was compared and found equal: that no marks meet, because entries go on
// or a node is silent, excuses nobody.
void PeerWatch::JudgeLocked(const std::vector<DigestMark>& own, Instant now, NodeId leader) {
  std::vector<DigestOpinion> opinions{{self_, own}};
  for (const auto& [node, peer] : state_->peers) {
    if (peer.heard && IsWithin(*peer.heard, now, kWatchHeardMs))
      opinions.push_back({node, peer.status->marks});
  }
  DigestVerdict verdict = Judge(opinions, leader);
  for (NodeId node : state_->verdict.diverged) {
    const bool is_here = node == self_ || state_->peers.contains(node);
    if (is_here && !IsCompared(opinions, node)) verdict.diverged.insert(node);
  }
  state_->verdict = std::move(verdict);
}

// A mark is in several answers, but it is compared, counted and perhaps logged once.
std::string PeerWatch::CompareLocked(NodeId node, const std::vector<DigestMark>& own, Instant now,
                                     Peer* peer) {
  const auto common = CommonMarks(own, peer->status->marks);
  const std::pair<DigestMark, DigestMark>* first = nullptr;
  size_t different = 0, new_ones = 0;
  for (const auto& pair : common) {
    const bool is_new = !peer->compared.contains(pair);
    const bool differs = pair.first != pair.second;
    if (is_new) ++state_->comparisons;
    if (is_new && differs) ++new_ones;
    if (!differs) continue;
    ++different;
    if (first == nullptr) first = &pair;
  }
  state_->mismatches += new_ones;
  peer->compared = {common.begin(), common.end()};
  if (first == nullptr) {
    if (!common.empty()) peer->logged.reset();
    return "";
  }
  const bool is_known = peer->logged && peer->logged_diverged == state_->verdict.diverged;
  if (is_known && (new_ones == 0 || IsWithin(*peer->logged, now, kWatchLogMs))) return "";
  peer->logged = now;
  peer->logged_diverged = state_->verdict.diverged;
  return DescribeLocked(node, *first, different);
}

std::string PeerWatch::DescribeLocked(NodeId node, const std::pair<DigestMark, DigestMark>& first,
                                      size_t count) const {
  std::string text = "nodes " + std::to_string(self_.value) + " and " + std::to_string(node.value) +
                     " hold different states: after the same log up to offset " +
                     std::to_string(first.first.end.value) + " node " + std::to_string(self_.value) +
                     " has digest " + Hex(first.first.digest) + " and node " + std::to_string(node.value) +
                     " has digest " + Hex(first.second.digest);
  if (count > 1) text += " (and " + std::to_string(count - 1) + " later offsets differ)";
  const std::set<NodeId>& diverged = state_->verdict.diverged;
  if (diverged.empty())
    return text + ". Who is wrong cannot be said from here: ask mom-replay verify on each";
  return text + ". Diverged: node " + NamesOf(diverged) +
         ". Do not believe it: stop it, run mom-replay verify on its data folder, put the view folder in "
         "there "
         "aside and start it again; it builds its state anew";
}

WatchReport PeerWatch::Report(Instant now) const {
  WatchReport report;
  std::lock_guard lock(state_->mutex);
  const std::set<NodeId>& diverged = state_->verdict.diverged;
  report.comparisons = state_->comparisons;
  report.mismatches = state_->mismatches;
  report.diverged = diverged.contains(self_);
  for (const auto& [node, peer] : state_->peers) {
    WatchedNode& known = report.nodes.emplace_back();
    known.node = node;
    known.address = peer.address;
    known.diverged = diverged.contains(node);
    if (!peer.heard) continue;
    known.status = peer.status;
    known.status->marks.clear();
    known.last_contact_ms = static_cast<uint64_t>((now.ns - peer.heard->ns) / kNsPerMs);
  }
  return report;
}

}  // namespace mom::replication
