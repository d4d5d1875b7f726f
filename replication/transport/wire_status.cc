// The answer to the question how a node is.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/base/check.h"
#include "replication/replica/digest_marks.h"
#include "replication/transport/wire.h"

namespace mom::replication::wire {
namespace {

constexpr std::array<std::string_view, v1::PeerRole_ARRAYSIZE> kRoles = {"starting", "follower", "candidate",
                                                                         "leader"};

static_assert(2 * kMarksMax + 1 <= kDigestMarksMax);

Status Invalid(const char* what) {
  return Status(Status::kInvalidArgument, what);
}

// It gets into logs and answers as it is.
bool IsPlain(std::string_view text, size_t bytes_max) {
  return text.size() <= bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

std::string PlainOrNothing(const std::string& text, size_t bytes_max) {
  return IsPlain(text, bytes_max) ? text : std::string();
}

bool IsPrintable(char c) {
  return c >= ' ' && c < 127;
}

std::string Printable(std::string text, size_t bytes_max) {
  text.resize(std::min(text.size(), bytes_max));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return !IsPrintable(c); }, '?');
  return text;
}

void EncodeLoad(const SnapshotLoad& load, v1::SnapshotLoad* out) {
  out->set_from(load.from.value);
  out->set_end(load.end.value);
  out->set_pairs(load.pairs);
  out->set_pairs_total(load.pairs_total);
  out->set_bytes(load.bytes);
  out->set_error(Printable(load.error, kLoadErrorBytesMax));
}

Status DecodeLoad(const v1::SnapshotLoad& in, SnapshotLoad* load) {
  if (in.end() > quorum::kOffsetMax.value) return Invalid("offset beyond all limits");
  if (in.error().size() > kLoadErrorBytesMax ||
      !std::all_of(in.error().begin(), in.error().end(), IsPrintable))
    return Invalid("not an error's text");
  *load = {NodeId{in.from()}, Offset{in.end()}, in.pairs(), in.pairs_total(), in.bytes(), in.error()};
  return Status();
}

void EncodeMark(const DigestMark& mark, v1::PeerDigestMark* out) {
  out->set_end(mark.end.value);
  out->set_digest(mark.digest);
}

DigestMark DecodeMark(const v1::PeerDigestMark& in) {
  return DigestMark{Offset{in.end()}, in.digest()};
}

v1::PeerRole EncodeRole(std::string_view role) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), role);
  MOM_CHECK(found != kRoles.end(), role);
  return static_cast<v1::PeerRole>(found - kRoles.begin());
}

Status DecodeMarks(const v1::StatusReport& in, std::vector<DigestMark>* marks) {
  if (static_cast<size_t>(in.marks_size()) > kDigestMarksMax) return Invalid("too many digest marks");
  marks->reserve(static_cast<size_t>(in.marks_size()));
  for (const v1::PeerDigestMark& mark : in.marks()) {
    if (mark.end() == 0 || mark.end() > quorum::kOffsetMax.value) return Invalid("a digest mark nowhere");
    if (!marks->empty() && mark.end() <= marks->back().end.value) return Invalid("digest marks out of order");
    marks->push_back(DecodeMark(mark));
  }
  return Status();
}

bool AreOffsets(const v1::StatusReport& in) {
  const uint64_t largest =
      std::max({in.log_start(), in.log_end(), in.durable_end(), in.high_watermark(), in.applied().end()});
  return largest <= quorum::kOffsetMax.value;
}

}  // namespace

void Encode(const Result<NodeStatus>& status, v1::StatusReply* out) {
  out->set_status(EncodeCode(status.status().code()));
  out->set_message(status.status().message());
  if (!status.ok()) return;
  const NodeStatus& from = status.value();
  v1::StatusReport* to = out->mutable_report();
  to->set_role(EncodeRole(from.role));
  to->set_epoch(from.epoch.value);
  to->set_leader(from.leader.value);
  to->set_log_start(from.log_start.value);
  to->set_log_end(from.log_end.value);
  to->set_durable_end(from.durable_end.value);
  to->set_high_watermark(from.high_watermark.value);
  EncodeMark(from.applied, to->mutable_applied());
  to->set_damaged(from.damaged);
  to->set_loading_snapshot(from.loading_snapshot);
  to->set_caught_up(from.caught_up);
  to->set_disk_nearly_full(from.disk_nearly_full);
  to->set_version(PlainOrNothing(from.version, kVersionBytesMax));
  to->set_rest(PlainOrNothing(from.rest, kRestAddressBytesMax));
  if (from.snapshot) EncodeLoad(*from.snapshot, to->mutable_snapshot());
  MOM_CHECK(from.marks.size() <= kDigestMarksMax, from.marks.size());
  for (const DigestMark& mark : from.marks) EncodeMark(mark, to->add_marks());
}

Result<NodeStatus> Decode(const v1::StatusReply& in) {
  const Result<Header> header = Decode(in.header());
  if (!header.ok()) return header.status();
  MOM_RETURN_IF_ERROR(DecodeStatus(in.status(), in.message()));
  const v1::StatusReport& from = in.report();
  if (!v1::PeerRole_IsValid(from.role())) return Invalid("unknown role");
  if (!AreOffsets(from)) return Invalid("offset beyond all limits");
  if (!IsPlain(from.version(), kVersionBytesMax)) return Invalid("not a version");
  if (!IsPlain(from.rest(), kRestAddressBytesMax)) return Invalid("not an address");
  NodeStatus status;
  MOM_RETURN_IF_ERROR(DecodeMarks(from, &status.marks));
  if (from.has_snapshot()) MOM_RETURN_IF_ERROR(DecodeLoad(from.snapshot(), &status.snapshot.emplace()));
  status.node = header.value().from.node;
  status.role = kRoles[static_cast<size_t>(from.role())];
  status.epoch = Epoch{from.epoch()};
  status.leader = NodeId{from.leader()};
  status.log_start = Offset{from.log_start()};
  status.log_end = Offset{from.log_end()};
  status.durable_end = Offset{from.durable_end()};
  status.high_watermark = Offset{from.high_watermark()};
  status.applied = DecodeMark(from.applied());
  status.damaged = from.damaged();
  status.loading_snapshot = from.loading_snapshot();
  status.caught_up = from.caught_up();
  status.disk_nearly_full = from.disk_nearly_full();
  status.version = from.version();
  status.rest = from.rest();
  return status;
}

}  // namespace mom::replication::wire
