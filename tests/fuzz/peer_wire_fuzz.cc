// Fuzz target: the messages of other nodes.
// Goal: no bytes crash a decoder; what it accepts is encoded again, decoded again, and is then the same.
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "replication/transport/wire.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::replication::wire {
namespace {

using fuzz::FuzzInput;

// Both ways once more; the second time nothing may change any more.
template <typename Proto, typename DecodeOne, typename EncodeOne>
void Check(std::string_view bytes, DecodeOne decode, EncodeOne encode) {
  Proto in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const auto value = decode(&in);
  if (!value.ok()) return;
  Proto out;
  encode(value, &out);
  const std::string first = out.SerializeAsString();
  Proto again;
  MOM_CHECK(again.ParseFromString(first));
  const auto second = decode(&again);
  MOM_CHECK(second.ok(), second.status());
  Proto last;
  encode(second, &last);
  MOM_CHECK(last.SerializeAsString() == first);
}

template <typename Proto>
void EncodeHeader(Proto* out) {
  Encode(quorum::Identity{Uuid{1, 2}, NodeId{1}, Uuid{3, 4}}, NodeId{2}, out->mutable_header());
}

void CheckDown(std::string_view bytes) {
  Check<v1::FetchDown>(
      bytes, [](v1::FetchDown* in) { return Decode(in); },
      [](const Result<Received>& value, v1::FetchDown* out) {
        const Received& received = value.value();
        Offset next;
        for (const Entry& entry : received.entries) {
          MOM_CHECK(entry.payload != nullptr && entry.payload->size() <= kEntryPayloadBytesMax);
          MOM_CHECK(IsKnownKind(static_cast<uint8_t>(entry.kind)) && entry.offset <= quorum::kOffsetMax);
          MOM_CHECK(next == Offset{} || entry.offset == next, entry.offset, next);
          next = Next(entry.offset);
        }
        Encode(received.message, received.entries, out);
      });
}

void EncodeAll(const ForwardedCommands& from, v1::ForwardUp* out) {
  for (const ForwardedCommand& command : from.commands) Encode(command, out->add_commands());
}

void EncodeAll(const ForwardedOutcomes& from, v1::ForwardDown* out) {
  for (const ForwardedOutcome& outcome : from.outcomes) Encode(outcome, out->add_outcomes());
}

template <typename Proto>
void CheckForward(std::string_view bytes) {
  Check<Proto>(
      bytes, [](Proto* in) { return Decode(in); },
      [](const auto& value, Proto* out) {
        EncodeHeader(out);
        EncodeAll(value.value(), out);
      });
}

// First byte: which message the rest is.
void FuzzOne(FuzzInput input) {
  const int kind = input.Byte() % 11;
  const std::string_view bytes = input.TakeRest();
  const auto by_value = [](auto* in) { return Decode(*in); };
  const auto taking = [](auto* in) { return Decode(in); };
  const auto plain = [](const auto& value, auto* out) { Encode(value.value(), out); };
  const auto with_header = [](const auto& value, auto* out) {
    EncodeHeader(out);
    Encode(value.value(), out);
  };
  const auto of_result = [](const auto& value, auto* out) {
    EncodeHeader(out);
    Encode(value, out);
  };
  if (kind == 0) return Check<v1::Notice>(bytes, by_value, plain);
  if (kind == 1) return Check<v1::FetchUp>(bytes, by_value, plain);
  if (kind == 2) return CheckDown(bytes);
  if (kind == 3) return Check<v1::Greeting>(bytes, by_value, plain);
  if (kind == 4) return CheckForward<v1::ForwardDown>(bytes);
  if (kind == 8) return CheckForward<v1::ForwardUp>(bytes);
  if (kind == 5) return Check<v1::ReadBarrierReply>(bytes, by_value, of_result);
  if (kind == 6) return Check<v1::SnapshotChunkRequest>(bytes, by_value, with_header);
  if (kind == 7) return Check<v1::SnapshotChunkReply>(bytes, taking, of_result);
  if (kind == 10) return Check<v1::AdministerRequest>(bytes, by_value, with_header);
  Check<v1::StatusReply>(bytes, by_value, of_result);
}

}  // namespace
}  // namespace mom::replication::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::replication::wire::FuzzOne({data, size});
  return 0;
}
