// Wire: the messages of replication.proto and what they mean in core, both ways.
//
// Free functions without state. Encode writes what this node made itself: a value that may not be sent is a
// programmer error. Decode believes nothing: whatever a peer sent, the answer is a value or the Status of why
// it is none (kWrongOwner: another version of the protocol; kInvalidArgument: anything else). It checks what
// is needed to hold the value at all: sizes, counts, kinds, enums, overflow. Whether epochs and positions
// make sense is the core's to say, which answers with a typed refusal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "core/quorum/messages.h"
#include "core/quorum/types.h"
#include "mom/v1/replication.pb.h"
#include "replication/transport/transport.h"

namespace mom::replication::wire {

inline constexpr uint32_t kProtocol = 1;                   // Of replication.proto.
inline constexpr size_t kMessageBytesMax = 16u << 20;      // Of one message, at both ends.
inline constexpr size_t kSnapshotKeyBytesMax = 64u << 10;  // Far above any key of the view.
inline constexpr size_t kPeersBytesMax = 64u << 10;
inline constexpr size_t kVersionBytesMax = 64;
inline constexpr size_t kRestAddressBytesMax = 256;
inline constexpr size_t kDigestMarksMax = 256;
inline constexpr size_t kLoadErrorBytesMax = 512;

// Who speaks to whom; at the front of every message.
struct Header {
  quorum::Identity from;
  NodeId to;
};
void Encode(const quorum::Identity& from, NodeId to, v1::PeerHeader* out);
// `from.node` is not 0.
Result<Header> Decode(const v1::PeerHeader& in);

// REQUIRES: a vote, a notice or an answer to one.
void Encode(const quorum::Message& message, v1::Notice* out);
Result<quorum::Message> Decode(const v1::Notice& in);

// REQUIRES: a FetchRequest.
void Encode(const quorum::Message& message, v1::FetchUp* out);
Result<quorum::Message> Decode(const v1::FetchUp& in);

struct Received {
  quorum::Message message;
  std::vector<Entry> entries;
};
// REQUIRES: a FetchReply; entries only with a Frame, contiguous from its base. Runs and voters of the frame
// are not sent: who receives it reads them from the entries.
void Encode(const quorum::Message& message, const std::vector<Entry>& entries, v1::FetchDown* out);
// Takes the payloads out of `in`.
Result<Received> Decode(v1::FetchDown* in);

void Encode(const Greeting& greeting, v1::Greeting* out);
Result<Greeting> Decode(const v1::Greeting& in);

v1::PeerStatus EncodeCode(Status::Code code);
// An unknown code, or a new one: kUncertain.
Status DecodeStatus(v1::PeerStatus code, const std::string& message);

// Forwarded commands and their outcomes. The headers of what is encoded are the caller's. A message is closed
// once it holds so much; so it stays far below kMessageBytesMax also when its last command is the largest.
inline constexpr size_t kForwardedMax = 4096;
inline constexpr size_t kForwardedBytesMax = 1u << 20;
static_assert(kForwardedBytesMax + 2 * kEntryPayloadBytesMax < kMessageBytesMax);

struct ForwardedCommand {
  uint64_t id = 0;
  std::string command;
  bool is_watched = false;
};
struct ForwardedCommands {
  Header header;
  std::vector<ForwardedCommand> commands;  // At least one; ids ascend.
  Offset applied_end;                      // Of the sender.
};
void Encode(ForwardedCommand command, v1::ForwardedCommand* out);
// Takes the commands out of `in`.
Result<ForwardedCommands> Decode(v1::ForwardUp* in);

struct ForwardedOutcome {
  uint64_t id = 0;
  Outcome outcome;
};
struct ForwardedOutcomes {
  Header header;
  std::vector<ForwardedOutcome> outcomes;  // At least one.
};
void Encode(ForwardedOutcome outcome, v1::ForwardedOutcome* out);
// Takes the replies out of `in`.
Result<ForwardedOutcomes> Decode(v1::ForwardDown* in);

void Encode(const Result<Offset>& read_end, v1::ReadBarrierReply* out);
Result<Offset> Decode(const v1::ReadBarrierReply& in);

void Encode(const AdminRequest& request, v1::AdministerRequest* out);
Result<AdminRequest> Decode(const v1::AdministerRequest& in);

void Encode(const Status& status, v1::AdministerReply* out);
// What the other node said, or why that cannot be read.
Status Decode(const v1::AdministerReply& in);

void Encode(const SnapshotChunkRequest& request, v1::SnapshotChunkRequest* out);
Result<SnapshotChunkRequest> Decode(const v1::SnapshotChunkRequest& in);

void Encode(const Result<SnapshotChunk>& chunk, v1::SnapshotChunkReply* out);
// Takes the pairs out of `in`.
Result<SnapshotChunk> Decode(v1::SnapshotChunkReply* in);

// In wire_status.cc. Texts that are too long are left out: a node must not fail for the name of its host.
void Encode(const Result<NodeStatus>& status, v1::StatusReply* out);
// `node` is the header's.
Result<NodeStatus> Decode(const v1::StatusReply& in);

}  // namespace mom::replication::wire
