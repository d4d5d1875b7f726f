// History: what clients asked a cluster for and what it answered, one event a line, for momcheck.
//
// A line is words separated by one space:
//
//   TIME KIND CLIENT OP NODE ACTION QUEUE [NAME=VALUE ...]
//
// TIME    nanoseconds of one monotonic clock. Lines of one file need not be sorted by it.
// KIND    invoke | ok | fail (certainly not done) | info (may or may not have been done, then or later)
// CLIENT  a logical client: one operation at a time. OP counts its operations; invoke and answer share it.
// NODE    the node that was asked; 0 when it does not matter.
// ACTION  publish receive ack nack extend count peek login logout create_queue delete_queue purge
//         remove (one message) sample (state of a node) drained (QUEUE was seen empty at the very end)
// QUEUE   its name, or - when there is none.
//
// Fields, all optional; numbers are decimal unless said otherwise:
//   user session key code digest    words without spaces
//   offset epoch applied            Mom-Offset, Mom-Epoch, Mom-Applied of an answer
//   min                             Mom-Min-Offset of a read; linearizable=1: Mom-Consistency
//   auto=1                          a receive that acknowledges by itself;  lease_ms  its lease or extension
//   delay_ms                        of what is published or given back
//   replayed=1                      Mom-Replayed
//   number                          count: messages of the queue;  receive: the most that was asked for
//                                   sample: the leader that the node knows, 0 for none
//   boot                            which start of NODE answered (with sample)
//   items=ID:LEASE:ATTEMPT:PAYLOAD:HASH,...   messages, hexadecimal, 0 for what does not apply: PAYLOAD is
//   the
//                                   number that stands in the body, HASH the hash of the whole body
//   failed=...                      likewise, of an acknowledgement: the receipts that were refused
//
// A sample, a drained and a failed connection attempt need no invoke.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace mom::cluster {

inline constexpr uint64_t kNone = UINT64_MAX;  // A number that is not there.

enum class Kind { kInvoke, kOk, kFail, kInfo };

enum class Action {
  kPublish,
  kReceive,
  kAck,
  kNack,
  kExtend,
  kCount,
  kPeek,
  kLogin,
  kLogout,
  kCreateQueue,
  kDeleteQueue,
  kPurge,
  kRemove,
  kSample,
  kDrained,
};

struct Item {
  uint64_t id = 0;
  uint64_t lease = 0;
  uint64_t attempt = 0;
  uint64_t payload = 0;
  uint64_t hash = 0;

  bool operator==(const Item&) const = default;
};

// A plain value.
struct Event {
  uint64_t ns = 0;
  Kind kind = Kind::kInvoke;
  std::string client;
  uint64_t op = 0;
  uint64_t node = 0;
  Action action = Action::kPublish;
  std::string queue;

  std::string user, session, key, code, digest;
  uint64_t offset = kNone, epoch = kNone, applied = kNone, min = kNone, number = kNone, boot = kNone;
  uint64_t lease_ms = 0, delay_ms = 0;
  bool linearizable = false, automatic = false, replayed = false;
  std::vector<Item> items, failed;

  bool operator==(const Event&) const = default;
};

std::string_view NameOf(Action action);
// One line without its end.
std::string ToLine(const Event& event);
// False, with `*why` set, when `line` is none.
bool ParseLine(std::string_view line, Event* event, std::string* why);

// Empty lines and lines that begin with # are skipped. False at the first bad line, which `*why` names.
bool ReadHistory(std::istream& in, std::vector<Event>* events, std::string* why);

}  // namespace mom::cluster
