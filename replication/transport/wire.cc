// Header, votes, notices and fetch streams. wire_calls.cc has the calls with an answer.
#include "replication/transport/wire.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "core/base/check.h"

namespace mom::replication::wire {
namespace {

using quorum::Refusal;

static_assert(static_cast<int>(Refusal::kUncertain) == v1::PEER_REFUSAL_UNCERTAIN);
static_assert(v1::PeerRefusal_MAX == v1::PEER_REFUSAL_UNCERTAIN);

Status Invalid(const char* what) {
  return Status(Status::kInvalidArgument, what);
}

v1::PeerRefusal EncodeRefusal(Refusal refusal) {
  return static_cast<v1::PeerRefusal>(refusal);
}

bool IsKnown(v1::PeerRefusal refusal) {
  return v1::PeerRefusal_IsValid(refusal);
}

Refusal DecodeRefusal(v1::PeerRefusal refusal) {
  return static_cast<Refusal>(refusal);
}

void EncodeUuid(Uuid uuid, v1::PeerUuid* out) {
  out->set_high(uuid.high);
  out->set_low(uuid.low);
}

Uuid DecodeUuid(const v1::PeerUuid& in) {
  return Uuid{in.high(), in.low()};
}

// One function a body.
struct NoticeEncoder {
  v1::Notice* out;
  void operator()(const quorum::VoteRequest& m) const {
    v1::VoteRequest* body = out->mutable_vote_request();
    body->set_epoch(m.epoch.value);
    body->set_pre_vote(m.pre_vote);
    body->set_round(m.round);
    body->set_last_epoch(m.last_epoch.value);
    body->set_log_end(m.log_end.value);
  }
  void operator()(const quorum::VoteReply& m) const {
    v1::VoteReply* body = out->mutable_vote_reply();
    body->set_epoch(m.epoch.value);
    body->set_leader(m.leader.value);
    body->set_pre_vote(m.pre_vote);
    body->set_round(m.round);
    body->set_refusal(EncodeRefusal(m.refusal));
  }
  void operator()(const quorum::BeginEpoch& m) const { out->mutable_begin_epoch()->set_epoch(m.epoch.value); }
  void operator()(const quorum::EndEpoch& m) const {
    v1::EndEpoch* body = out->mutable_end_epoch();
    body->set_epoch(m.epoch.value);
    for (const NodeId node : m.successors) body->add_successors(node.value);
  }
  void operator()(const quorum::HandOver& m) const { out->mutable_hand_over()->set_epoch(m.epoch.value); }
  void operator()(const quorum::EpochReply& m) const {
    v1::EpochReply* body = out->mutable_epoch_reply();
    body->set_epoch(m.epoch.value);
    body->set_leader(m.leader.value);
    body->set_refusal(EncodeRefusal(m.refusal));
  }
  void operator()(const quorum::FetchRequest&) const { MOM_CHECK(false); }
  void operator()(const quorum::FetchReply&) const { MOM_CHECK(false); }
};

Result<quorum::Body> DecodeBody(const v1::VoteRequest& m) {
  return quorum::Body(quorum::VoteRequest{Epoch{m.epoch()}, m.pre_vote(), m.round(), Epoch{m.last_epoch()},
                                          Offset{m.log_end()}});
}

Result<quorum::Body> DecodeBody(const v1::VoteReply& m) {
  if (!IsKnown(m.refusal())) return Invalid("unknown refusal");
  return quorum::Body(quorum::VoteReply{Epoch{m.epoch()}, NodeId{m.leader()}, m.pre_vote(), m.round(),
                                        DecodeRefusal(m.refusal())});
}

Result<quorum::Body> DecodeBody(const v1::EndEpoch& m) {
  if (static_cast<size_t>(m.successors_size()) > quorum::kVotersMax) return Invalid("too many successors");
  quorum::EndEpoch body;
  body.epoch = Epoch{m.epoch()};
  for (const uint32_t node : m.successors()) body.successors.push_back(NodeId{node});
  return quorum::Body(std::move(body));
}

Result<quorum::Body> DecodeBody(const v1::EpochReply& m) {
  if (!IsKnown(m.refusal())) return Invalid("unknown refusal");
  return quorum::Body(quorum::EpochReply{Epoch{m.epoch()}, NodeId{m.leader()}, DecodeRefusal(m.refusal())});
}

Result<quorum::Body> DecodeNoticeBody(const v1::Notice& in) {
  switch (in.body_case()) {
    case v1::Notice::kVoteRequest:
      return DecodeBody(in.vote_request());
    case v1::Notice::kVoteReply:
      return DecodeBody(in.vote_reply());
    case v1::Notice::kBeginEpoch:
      return quorum::Body(quorum::BeginEpoch{Epoch{in.begin_epoch().epoch()}});
    case v1::Notice::kEndEpoch:
      return DecodeBody(in.end_epoch());
    case v1::Notice::kHandOver:
      return quorum::Body(quorum::HandOver{Epoch{in.hand_over().epoch()}});
    case v1::Notice::kEpochReply:
      return DecodeBody(in.epoch_reply());
    case v1::Notice::BODY_NOT_SET:
      break;
  }
  return Invalid("a notice without a known body");
}

bool IsSession(uint64_t session) {
  return session > 0 && session <= quorum::kSessionMax.value;
}

void EncodeEntry(const Entry& entry, v1::PeerEntry* out) {
  out->set_epoch(entry.epoch.value);
  out->set_timestamp_ms(entry.timestamp.ms);
  out->set_kind(static_cast<uint32_t>(entry.kind));
  const std::string_view bytes = entry.bytes();
  MOM_CHECK(bytes.size() <= kEntryPayloadBytesMax, entry.offset, bytes.size());
  out->set_payload(bytes.data(), bytes.size());
}

void EncodeFrame(const quorum::Frame& frame, const std::vector<Entry>& entries, v1::Frame* out) {
  MOM_CHECK(entries.size() <= quorum::kFrameEntriesMax, entries.size());
  out->set_base(frame.base.value);
  out->set_probe(frame.probe);
  out->mutable_entries()->Reserve(static_cast<int>(entries.size()));
  Offset next = frame.base;
  for (const Entry& entry : entries) {
    MOM_CHECK(entry.offset == next, entry.offset, next);
    EncodeEntry(entry, out->add_entries());
    next = Next(next);
  }
}

Result<quorum::Frame> DecodeFrame(v1::Frame* in, std::vector<Entry>* entries) {
  const auto count = static_cast<uint64_t>(in->entries_size());
  if (count > quorum::kFrameEntriesMax) return Invalid("too many entries in a frame");
  if (in->base() > quorum::kOffsetMax.value || in->base() + count > quorum::kOffsetMax.value) {
    return Invalid("offset beyond all limits");
  }
  quorum::Frame frame;
  frame.base = Offset{in->base()};
  frame.probe = in->probe();
  entries->reserve(count);
  Offset next = frame.base;
  for (v1::PeerEntry& entry : *in->mutable_entries()) {
    if (entry.kind() > UINT8_MAX || !IsKnownKind(static_cast<uint8_t>(entry.kind()))) {
      return Invalid("entry of an unknown kind");
    }
    if (entry.payload().size() > kEntryPayloadBytesMax) return Invalid("entry too large");
    entries->push_back(Entry{next, Epoch{entry.epoch()}, Timestamp{entry.timestamp_ms()},
                             static_cast<EntryKind>(entry.kind()),
                             std::make_shared<const std::string>(std::move(*entry.mutable_payload()))});
    next = Next(next);
  }
  return frame;
}

Status DecodeReplyBody(v1::FetchDown* in, quorum::FetchReply* reply, std::vector<Entry>* entries) {
  switch (in->body_case()) {
    case v1::FetchDown::kFrame: {
      auto frame = DecodeFrame(in->mutable_frame(), entries);
      if (!frame.ok()) return frame.status();
      reply->body = *std::move(frame);
      return Status();
    }
    case v1::FetchDown::kDiverging:
      reply->body = quorum::EpochEnd{Epoch{in->diverging().epoch()}, Offset{in->diverging().end()}};
      return Status();
    case v1::FetchDown::kSnapshot:
      reply->body = quorum::SnapshotId{Offset{in->snapshot().end()}, Epoch{in->snapshot().epoch()}};
      return Status();
    case v1::FetchDown::kRefused:
      if (!IsKnown(in->refused().refusal())) return Invalid("unknown refusal");
      reply->body = quorum::FetchRefused{DecodeRefusal(in->refused().refusal()),
                                         quorum::SessionId{in->refused().known_session()}};
      return Status();
    case v1::FetchDown::BODY_NOT_SET:
      break;
  }
  return Invalid("a fetch reply without a known body");
}

}  // namespace

void Encode(const quorum::Identity& from, NodeId to, v1::PeerHeader* out) {
  out->set_protocol(kProtocol);
  EncodeUuid(from.cluster, out->mutable_cluster());
  out->set_node(from.node.value);
  EncodeUuid(from.disk, out->mutable_disk());
  out->set_to(to.value);
}

Result<Header> Decode(const v1::PeerHeader& in) {
  if (in.protocol() != kProtocol) {
    return Status(Status::kWrongOwner, "node " + std::to_string(in.node()) + " speaks version " +
                                           std::to_string(in.protocol()) +
                                           " of the peer protocol, this node " + std::to_string(kProtocol));
  }
  if (in.node() == 0) return Invalid("a message from nobody");
  Header header;
  header.from = quorum::Identity{DecodeUuid(in.cluster()), NodeId{in.node()}, DecodeUuid(in.disk())};
  header.to = NodeId{in.to()};
  return header;
}

void Encode(const quorum::Message& message, v1::Notice* out) {
  Encode(message.from, message.to, out->mutable_header());
  std::visit(NoticeEncoder{out}, message.body);
}

Result<quorum::Message> Decode(const v1::Notice& in) {
  const Result<Header> header = Decode(in.header());
  if (!header.ok()) return header.status();
  Result<quorum::Body> body = DecodeNoticeBody(in);
  if (!body.ok()) return body.status();
  return quorum::Message{header.value().from, header.value().to, *std::move(body)};
}

void Encode(const quorum::Message& message, v1::FetchUp* out) {
  const auto& request = std::get<quorum::FetchRequest>(message.body);
  Encode(message.from, message.to, out->mutable_header());
  out->set_epoch(request.epoch.value);
  out->set_session(request.session.value);
  out->set_open(request.open);
  out->set_durable_end(request.durable_end.value);
  out->set_last_epoch(request.last_epoch.value);
  out->set_high_watermark(request.high_watermark.value);
  out->set_probe(request.probe);
}

Result<quorum::Message> Decode(const v1::FetchUp& in) {
  const Result<Header> header = Decode(in.header());
  if (!header.ok()) return header.status();
  if (!IsSession(in.session())) return Invalid("no session");
  quorum::FetchRequest request;
  request.epoch = Epoch{in.epoch()};
  request.session = quorum::SessionId{in.session()};
  request.open = in.open();
  request.durable_end = Offset{in.durable_end()};
  request.last_epoch = Epoch{in.last_epoch()};
  request.high_watermark = Offset{in.high_watermark()};
  request.probe = in.probe();
  return quorum::Message{header.value().from, header.value().to, request};
}

void Encode(const quorum::Message& message, const std::vector<Entry>& entries, v1::FetchDown* out) {
  const auto& reply = std::get<quorum::FetchReply>(message.body);
  const auto* frame = std::get_if<quorum::Frame>(&reply.body);
  MOM_CHECK(frame != nullptr || entries.empty(), entries.size());
  Encode(message.from, message.to, out->mutable_header());
  out->set_epoch(reply.epoch.value);
  out->set_leader(reply.leader.value);
  out->set_session(reply.session.value);
  out->set_high_watermark(reply.high_watermark.value);
  if (frame != nullptr) {
    EncodeFrame(*frame, entries, out->mutable_frame());
  } else if (const auto* diverging = std::get_if<quorum::EpochEnd>(&reply.body)) {
    out->mutable_diverging()->set_epoch(diverging->epoch.value);
    out->mutable_diverging()->set_end(diverging->end.value);
  } else if (const auto* snapshot = std::get_if<quorum::SnapshotId>(&reply.body)) {
    out->mutable_snapshot()->set_end(snapshot->end.value);
    out->mutable_snapshot()->set_epoch(snapshot->epoch.value);
  } else {
    const auto& refused = std::get<quorum::FetchRefused>(reply.body);
    out->mutable_refused()->set_refusal(EncodeRefusal(refused.refusal));
    out->mutable_refused()->set_known_session(refused.known_session.value);
  }
}

Result<Received> Decode(v1::FetchDown* in) {
  const Result<Header> header = Decode(in->header());
  if (!header.ok()) return header.status();
  if (!IsSession(in->session())) return Invalid("no session");
  Received received;
  quorum::FetchReply reply{Epoch{in->epoch()},
                           NodeId{in->leader()},
                           quorum::SessionId{in->session()},
                           Offset{in->high_watermark()},
                           {}};
  MOM_RETURN_IF_ERROR(DecodeReplyBody(in, &reply, &received.entries));
  received.message = quorum::Message{header.value().from, header.value().to, std::move(reply)};
  return received;
}

}  // namespace mom::replication::wire
