// The calls with an answer: greetings, forwarded commands, read barriers, snapshots.
#include <memory>
#include <string>
#include <utility>

#include "core/base/check.h"
#include "replication/replica/voters_codec.h"
#include "replication/transport/wire.h"

namespace mom::replication::wire {
namespace {

Status Invalid(const char* what) {
  return Status(Status::kInvalidArgument, what);
}

void EncodeKeys(const std::vector<quorum::ReplicaKey>& keys,
                google::protobuf::RepeatedPtrField<v1::PeerKey>* out) {
  MOM_CHECK(keys.size() <= quorum::kVotersMax, keys.size());
  for (const quorum::ReplicaKey& key : keys) {
    v1::PeerKey* to = out->Add();
    to->set_node(key.node.value);
    to->mutable_disk()->set_high(key.disk.high);
    to->mutable_disk()->set_low(key.disk.low);
  }
}

// A voter set, or nothing.
Status DecodeKeys(const google::protobuf::RepeatedPtrField<v1::PeerKey>& in,
                  std::vector<quorum::ReplicaKey>* keys) {
  if (static_cast<size_t>(in.size()) > quorum::kVotersMax) return Invalid("too many voters");
  for (const v1::PeerKey& key : in) {
    keys->push_back(quorum::ReplicaKey{NodeId{key.node()}, Uuid{key.disk().high(), key.disk().low()}});
  }
  if (!keys->empty() && !quorum::VoterSet::IsValid(*keys)) return Invalid("not a set of voters");
  return Status();
}

bool IsForwardedCount(int count) {
  return count > 0 && static_cast<size_t>(count) <= kForwardedMax;
}

bool IsOffset(uint64_t offset) {
  return offset <= quorum::kOffsetMax.value;
}

}  // namespace

void Encode(const Greeting& greeting, v1::Greeting* out) {
  Encode(quorum::Identity{greeting.cluster, greeting.node, greeting.disk}, NodeId{}, out->mutable_header());
  EncodeKeys(greeting.founders, out->mutable_founders());
  out->set_peers(greeting.peers);
  out->set_voters(greeting.voters);
}

Result<Greeting> Decode(const v1::Greeting& in) {
  const Result<Header> header = Decode(in.header());
  if (!header.ok()) return header.status();
  const quorum::Identity& from = header.value().from;
  Greeting greeting{from.node, from.disk, from.cluster, {}, {}, {}};
  MOM_RETURN_IF_ERROR(DecodeKeys(in.founders(), &greeting.founders));
  if (from.disk.empty()) return Invalid("a greeting without a disk");
  if (from.cluster.empty() && !greeting.founders.empty()) return Invalid("founders of no cluster");
  if (in.peers().size() > kPeersBytesMax) return Invalid("list of peers too long");
  greeting.peers = in.peers();
  if (!in.voters().empty() && !DecodeMembers(in.voters())) return Invalid("not a set of voters");
  greeting.voters = in.voters();
  return greeting;
}

v1::PeerStatus EncodeCode(Status::Code code) {
  switch (code) {
    case Status::kOk:
      return v1::PEER_STATUS_OK;
    case Status::kNotFound:
      return v1::PEER_STATUS_NOT_FOUND;
    case Status::kInvalidArgument:
      return v1::PEER_STATUS_INVALID_ARGUMENT;
    case Status::kCorruption:
      return v1::PEER_STATUS_CORRUPTION;
    case Status::kIoError:
      return v1::PEER_STATUS_IO_ERROR;
    case Status::kNoSpace:
      return v1::PEER_STATUS_NO_SPACE;
    case Status::kBusy:
      return v1::PEER_STATUS_BUSY;
    case Status::kWrongOwner:
      return v1::PEER_STATUS_WRONG_OWNER;
    case Status::kNotLeader:
      return v1::PEER_STATUS_NOT_LEADER;
    case Status::kUncertain:
      return v1::PEER_STATUS_UNCERTAIN;
    case Status::kOverloaded:
      return v1::PEER_STATUS_OVERLOADED;
    case Status::kStopping:
      return v1::PEER_STATUS_STOPPING;
  }
  return v1::PEER_STATUS_UNCERTAIN;
}

Status DecodeStatus(v1::PeerStatus code, const std::string& message) {
  static constexpr Status::Code kCodes[] = {
      Status::kOk,         Status::kNotFound,   Status::kInvalidArgument,
      Status::kCorruption, Status::kIoError,    Status::kNoSpace,
      Status::kBusy,       Status::kWrongOwner, Status::kNotLeader,
      Status::kUncertain,  Status::kOverloaded, Status::kStopping};
  static_assert(std::size(kCodes) == v1::PeerStatus_ARRAYSIZE);
  if (code == v1::PEER_STATUS_OK) return Status();
  return Status(v1::PeerStatus_IsValid(code) ? kCodes[code] : Status::kUncertain, message);
}

void Encode(ForwardedCommand command, v1::ForwardedCommand* out) {
  MOM_CHECK(command.command.size() <= kEntryPayloadBytesMax, command.command.size());
  out->set_id(command.id);
  out->set_command(std::move(command.command));
  out->set_watched(command.is_watched);
}

Result<ForwardedCommands> Decode(v1::ForwardUp* in) {
  const Result<Header> header = Decode(in->header());
  if (!header.ok()) return header.status();
  if (!IsForwardedCount(in->commands_size())) return Invalid("no commands, or too many in a message");
  ForwardedCommands decoded;
  decoded.header = header.value();
  if (!IsOffset(in->applied_end())) return Invalid("offset beyond all limits");
  decoded.applied_end = Offset{in->applied_end()};
  decoded.commands.reserve(static_cast<size_t>(in->commands_size()));
  uint64_t last_id = 0;
  for (v1::ForwardedCommand& command : *in->mutable_commands()) {
    if (command.id() <= last_id) return Invalid("numbers of commands do not ascend");
    if (command.command().size() > kEntryPayloadBytesMax) return Invalid("command too large");
    last_id = command.id();
    decoded.commands.push_back({last_id, std::move(*command.mutable_command()), command.watched()});
  }
  return decoded;
}

void Encode(ForwardedOutcome outcome, v1::ForwardedOutcome* out) {
  Outcome& from = outcome.outcome;
  out->set_id(outcome.id);
  out->set_status(EncodeCode(from.status.code()));
  if (!from.status.ok()) out->set_message(from.status.message());
  out->mutable_reply()->Swap(&from.reply);
  out->set_offset(from.offset.value);
  out->set_epoch(from.epoch.value);
}

Result<ForwardedOutcomes> Decode(v1::ForwardDown* in) {
  const Result<Header> header = Decode(in->header());
  if (!header.ok()) return header.status();
  if (!IsForwardedCount(in->outcomes_size())) return Invalid("no outcomes, or too many in a message");
  ForwardedOutcomes decoded;
  decoded.header = header.value();
  decoded.outcomes.reserve(static_cast<size_t>(in->outcomes_size()));
  for (v1::ForwardedOutcome& outcome : *in->mutable_outcomes()) {
    if (outcome.id() == 0) return Invalid("an outcome of no command");
    if (!IsOffset(outcome.offset())) return Invalid("offset beyond all limits");
    Outcome to{DecodeStatus(outcome.status(), outcome.message()),
               {},
               Offset{outcome.offset()},
               Epoch{outcome.epoch()}};
    to.reply.Swap(outcome.mutable_reply());
    decoded.outcomes.push_back({outcome.id(), std::move(to)});
  }
  return decoded;
}

void Encode(const Result<Offset>& read_end, v1::ReadBarrierReply* out) {
  out->set_status(EncodeCode(read_end.status().code()));
  out->set_message(read_end.status().message());
  if (read_end.ok()) out->set_read_end(read_end.value().value);
}

Result<Offset> Decode(const v1::ReadBarrierReply& in) {
  const Result<Header> header = Decode(in.header());
  if (!header.ok()) return header.status();
  MOM_RETURN_IF_ERROR(DecodeStatus(in.status(), in.message()));
  if (!IsOffset(in.read_end())) return Invalid("offset beyond all limits");
  return Offset{in.read_end()};
}

void Encode(const AdminRequest& request, v1::AdministerRequest* out) {
  out->set_kind(static_cast<v1::AdministerKind>(static_cast<int>(request.kind) + 1));
  out->set_node(request.node.value);
  out->set_address(request.address);
}

Result<AdminRequest> Decode(const v1::AdministerRequest& in) {
  const Result<Header> header = Decode(in.header());
  if (!header.ok()) return header.status();
  if (!v1::AdministerKind_IsValid(in.kind()) || in.kind() == v1::ADMINISTER_NONE)
    return Invalid("nothing that can be asked of a cluster");
  if (!IsAddressText(in.address())) return Invalid("not an address");
  return AdminRequest{static_cast<AdminRequest::Kind>(in.kind() - 1), NodeId{in.node()}, in.address()};
}

void Encode(const Status& status, v1::AdministerReply* out) {
  out->set_status(EncodeCode(status.code()));
  out->set_message(status.message());
}

Status Decode(const v1::AdministerReply& in) {
  const Result<Header> header = Decode(in.header());
  if (!header.ok()) return Status(Status::kUncertain, header.status().message());
  return DecodeStatus(in.status(), in.message());
}

void Encode(const SnapshotChunkRequest& request, v1::SnapshotChunkRequest* out) {
  out->mutable_id()->set_end(request.id.end.value);
  out->mutable_id()->set_epoch(request.id.epoch.value);
  out->set_epoch(request.epoch.value);
  out->set_after(request.after);
}

Result<SnapshotChunkRequest> Decode(const v1::SnapshotChunkRequest& in) {
  const Result<Header> header = Decode(in.header());
  if (!header.ok()) return header.status();
  if (!IsOffset(in.id().end())) return Invalid("offset beyond all limits");
  if (in.after().size() > kSnapshotKeyBytesMax) return Invalid("key too long");
  SnapshotChunkRequest request;
  request.id = quorum::SnapshotId{Offset{in.id().end()}, Epoch{in.id().epoch()}};
  request.epoch = Epoch{in.epoch()};
  request.after = in.after();
  return request;
}

void Encode(const Result<SnapshotChunk>& chunk, v1::SnapshotChunkReply* out) {
  out->set_status(EncodeCode(chunk.status().code()));
  out->set_message(chunk.status().message());
  if (!chunk.ok()) return;
  const SnapshotChunk& from = chunk.value();
  v1::SnapshotChunk* to = out->mutable_chunk();
  to->set_epoch(from.epoch.value);
  for (const auto& [key, value] : from.pairs) {
    v1::SnapshotPair* pair = to->add_pairs();
    pair->set_key(key);
    pair->set_value(value);
  }
  to->set_last(from.last);
  to->set_pairs_total(from.pairs_total);
  to->set_checksum(from.checksum);
  to->set_snapshot_checksum(from.snapshot_checksum);
  to->set_format(from.format);
  to->set_timestamp_ms(from.timestamp.ms);
  EncodeKeys(from.voters, to->mutable_voters());
}

Result<SnapshotChunk> Decode(v1::SnapshotChunkReply* in) {
  const Result<Header> header = Decode(in->header());
  if (!header.ok()) return header.status();
  MOM_RETURN_IF_ERROR(DecodeStatus(in->status(), in->message()));
  v1::SnapshotChunk* from = in->mutable_chunk();
  SnapshotChunk chunk;
  MOM_RETURN_IF_ERROR(DecodeKeys(from->voters(), &chunk.voters));
  // A chunk that brings nothing and is not the last would be asked for again, for ever.
  if (from->pairs().empty() && !from->last()) return Invalid("an empty piece of a snapshot");
  chunk.epoch = Epoch{from->epoch()};
  chunk.last = from->last();
  chunk.pairs_total = from->pairs_total();
  chunk.checksum = from->checksum();
  chunk.snapshot_checksum = from->snapshot_checksum();
  chunk.format = from->format();
  chunk.timestamp = Timestamp{from->timestamp_ms()};
  chunk.pairs.reserve(static_cast<size_t>(from->pairs_size()));
  const std::string* last_key = nullptr;
  for (v1::SnapshotPair& pair : *from->mutable_pairs()) {
    if (pair.key().empty() || pair.key().size() > kSnapshotKeyBytesMax) return Invalid("not a key");
    if (last_key != nullptr && pair.key() <= *last_key) return Invalid("keys out of order");
    chunk.pairs.emplace_back(std::move(*pair.mutable_key()), std::move(*pair.mutable_value()));
    last_key = &chunk.pairs.back().first;
  }
  return chunk;
}

}  // namespace mom::replication::wire
