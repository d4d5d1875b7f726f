// Linearizable reads: the leader answers when a majority has answered a frame that was sent after the read
// arrived, and an entry of its epoch is committed (thesis 6.4; P15).
#include <algorithm>
#include <array>

#include "core/quorum/quorum.h"

namespace mom::quorum {

// Frames carry a number, the probe, which followers repeat. A read needs a number that no frame has carried
// yet; reads that come before the next frame share it.
void Quorum::On(const ReadRequested& event) {
  if (role_ != Role::kLeader || lead_.reads.size() >= options_.reads_max) {
    const Refusal refusal = role_ == Role::kLeader ? Refusal::kOverloaded : Refusal::kNotLeader;
    effects_->reads.push_back(ReadVerdict{event.id, refusal, {}});
    return;
  }
  if (lead_.probe == 0 || lead_.probe_used) {
    ++lead_.probe;
    lead_.probe_used = false;
  }
  lead_.reads.push_back(WaitingRead{event.id, lead_.probe, lead_.high_watermark});
  ConfirmReads();
  if (!lead_.reads.empty()) SendToAll();
}

void Quorum::ConfirmReads() {
  if (lead_.reads.empty() || !lead_.high_watermark) return;
  std::array<uint64_t, kVotersMax> answered;
  size_t count = 0;
  if (is_voter()) answered[count++] = UINT64_MAX;
  for (const Progress& p : lead_.progress) {
    if (p.voter) answered[count++] = p.open ? p.probe_answered : 0;
  }
  std::sort(answered.begin(), answered.begin() + count, std::greater<>());
  const uint64_t probe = answered[voters().majority() - 1];
  auto it = lead_.reads.begin();
  for (; it != lead_.reads.end() && it->probe <= probe; ++it) {
    effects_->reads.push_back(
        ReadVerdict{it->id, Refusal::kNone, it->read_end.value_or(*lead_.high_watermark)});
  }
  lead_.reads.erase(lead_.reads.begin(), it);
}

void Quorum::RefuseReads(Refusal refusal) {
  for (const WaitingRead& read : lead_.reads) effects_->reads.push_back(ReadVerdict{read.id, refusal, {}});
  lead_.reads.clear();
}

}  // namespace mom::quorum
