// Message bodies from the words of the command `say`.
#include <stdexcept>

#include "tests/core/quorum/script.h"

namespace mom::quorum {
namespace {

using Words = std::vector<std::string>;

Epoch EpochOf(const Words& words, const char* key) {
  return Epoch{static_cast<uint32_t>(Field(words, key, 0))};
}

Offset OffsetOf(const Words& words, const char* key) {
  return Offset{Field(words, key, 0)};
}

NodeId NodeOf(const Words& words, const char* key) {
  return NodeId{static_cast<uint32_t>(Field(words, key, 0))};
}

Refusal RefusalOf(const Words& words) {
  return static_cast<Refusal>(Field(words, "refusal", 0));
}

FetchReply Reply(const Words& words, const std::string& type) {
  FetchReply reply{EpochOf(words, "epoch"),
                   NodeOf(words, "leader"),
                   SessionId{Field(words, "session", 0)},
                   OffsetOf(words, "hw"),
                   {}};
  if (type == "frame") {
    Frame frame;
    frame.base = OffsetOf(words, "base");
    const auto count = static_cast<uint32_t>(Field(words, "count", 0));
    const auto first = Field(words, "change", 0) != 0;
    if (Field(words, "runs", 1) != 0 && count > 0) frame.runs = {{EpochOf(words, "run"), count, first}};
    if (Field(words, "empty-run", 0) != 0) frame.runs = {{EpochOf(words, "run"), 0, false}};
    frame.probe = Field(words, "probe", 0);
    reply.body = frame;
  } else if (type == "diverging") {
    reply.body = EpochEnd{EpochOf(words, "at"), OffsetOf(words, "end")};
  } else if (type == "snapshot") {
    reply.body = SnapshotId{OffsetOf(words, "end"), EpochOf(words, "at")};
  } else {
    reply.body = FetchRefused{RefusalOf(words), SessionId{Field(words, "known", 0)}};
  }
  return reply;
}

}  // namespace

uint64_t Field(const Words& words, const std::string& key, uint64_t otherwise) {
  for (const std::string& word : words) {
    if (word.starts_with(key + "=")) return std::stoull(word.substr(key.size() + 1));
  }
  return otherwise;
}

Body ParseBody(const Words& words) {
  const std::string& type = words.at(2);
  const Epoch epoch = EpochOf(words, "epoch");
  if (type == "vote" || type == "pre-vote") {
    return VoteRequest{epoch, type == "pre-vote", Field(words, "round", 1), EpochOf(words, "last"),
                       OffsetOf(words, "end")};
  }
  if (type == "vote-reply" || type == "pre-vote-reply") {
    return VoteReply{epoch, NodeOf(words, "leader"), type == "pre-vote-reply", Field(words, "round", 1),
                     RefusalOf(words)};
  }
  if (type == "begin-epoch") return BeginEpoch{epoch};
  if (type == "end-epoch") return EndEpoch{epoch, {NodeOf(words, "first")}};
  if (type == "hand-over") return HandOver{epoch};
  if (type == "epoch-reply") return EpochReply{epoch, NodeOf(words, "leader"), RefusalOf(words)};
  if (type == "fetch" || type == "ack") {
    return FetchRequest{epoch,
                        SessionId{Field(words, "session", 0)},
                        type == "fetch",
                        OffsetOf(words, "end"),
                        EpochOf(words, "last"),
                        OffsetOf(words, "hw"),
                        Field(words, "probe", 0)};
  }
  if (type == "frame" || type == "diverging" || type == "snapshot" || type == "fetch-refused") {
    return Reply(words, type);
  }
  throw std::runtime_error("unknown message: " + type);
}

}  // namespace mom::quorum
