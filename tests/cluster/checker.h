// The offline checker: judges a history by the properties that the broker promises. Needs nothing but the
// history: the cluster itself gives the witness, the offset of every entry.
//
//   C1   no acknowledged message is lost: when its queue was seen empty at the end, somebody took it
//   C2   no phantom: what is delivered was sent, to that queue, byte by byte, and once
//   C3   nothing is delivered again once its acknowledgement was answered; attempts count up
//   C4   first deliveries of a queue come in the order of sending; a batch keeps its order
//   C5   a lease is exclusive: no other one before it ended, fencing numbers grow, an old one is refused
//   C6   one key, one effect: the same ids and offset for every repeat
//   C7   deletion: by the owner, of an empty queue, and nothing of it comes back afterwards
//   C8   a read with a minimum offset, or a linearizable one, shows what it must
//   C9   witness: offsets are unique, grow in real time, epochs grow with them; what was refused did not
//        happen
//   C11  what a client sees of one node, and a node of the cluster, never goes back
//   C12  replicas that applied the same entries have the same digest
//   C13  a session that ended is not honoured by a node that applied its end
//   C15  what is due, by a delay, the end of a lease or a delay after it was given back, is delivered to who
//        waits for it, not much later, but for times without a leader
//
// Each check is O(n log n) in the length of the history. C4, C5 and C15 assume that all messages of a queue
// have one priority and no group or time to live, and C1 that no dead letters are moved. C4 does not look at
// the order in queues that have delays.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/cluster/history.h"

namespace mom::cluster {

struct Violation {
  std::string property;  // "C1"
  std::string text;
};

struct Verdict {
  std::vector<Violation> violations;      // The first few of each property.
  std::map<std::string, uint64_t> found;  // How many of each property there were.

  // What the history holds, so that one that proves nothing is seen as that.
  uint64_t operations = 0, ok = 0, refused = 0, unknown = 0;
  uint64_t acknowledged_messages = 0;  // Sent, and answered with an id.
  uint64_t delivered_messages = 0;     // Taken by somebody at least once.
  uint64_t recovered_messages = 0;     // Outcome unknown to the sender, but delivered.
  uint64_t repeated_deliveries = 0;    // Allowed ones.
  uint64_t reads_checked = 0;          // Reads that had to show something.
  uint64_t samples_compared = 0;       // Pairs of equal applied end.
  uint64_t epochs = 0;                 // Epochs in which something was written.
  uint64_t timers_checked = 0;         // Deliveries after a delay, or after a lease.
  uint64_t unjudged_messages = 0;      // Acknowledged, but their queue was not seen empty at the end.

  bool good() const { return found.empty(); }
};

struct CheckOptions {
  // A lease may be given anew so much before its end as clients measure it, for clocks that differ.
  uint64_t lease_slack_ms = 50;
  // What is due may be delivered so much later, while the cluster answers.
  uint64_t timer_slack_ms = 5'000;
};

Verdict CheckHistory(const std::vector<Event>& events, const CheckOptions& options = {});

// A few lines for people.
std::string ToText(const Verdict& verdict);

}  // namespace mom::cluster
