// The leader's high watermark.
#include <algorithm>
#include <array>

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

// Largest end that a majority of the voters holds durably. This leader counts by its own durable end, and not
// at all once it is no voter (I8, I14). Positions that were sent do not count, only acknowledged ones.
Offset Quorum::MajorityEnd() const {
  std::array<Offset, kVotersMax> ends;
  size_t count = 0;
  if (is_voter()) ends[count++] = durable_end_;
  for (const Progress& p : lead_.progress) {
    if (p.voter) ends[count++] = p.match;
  }
  MOM_CHECK(count == voters().size(), count, voters().size());
  std::sort(ends.begin(), ends.begin() + count, std::greater<>());
  return ends[voters().majority() - 1];
}

// Entries of older epochs commit only together with one of this epoch: counting copies of an old entry is not
// enough (thesis 3.6.2, figure 3.7; I9). The first entry of this epoch is the LeaderChange at epoch_start.
// A majority that has lost part of its tail does not take back what was committed (P16).
void Quorum::RaiseHighWatermark() {
  const Offset end = MajorityEnd();
  if (end <= lead_.epoch_start) return;
  if (lead_.high_watermark && end <= *lead_.high_watermark) return;
  MOM_CHECK(end >= high_watermark_ && end <= log_end(), high_watermark_, end, log_end());
  lead_.high_watermark = end;
  high_watermark_ = end;
  OnVotersCommitted();
  ConfirmReads();
  SendToAll();
}

}  // namespace mom::quorum
