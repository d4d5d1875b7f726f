// Fuzz target: entries of the log, applied to the view.
// Goal: no entry stops the broker. Two views, one written after each entry and one in batches of any size as
// the applier does, hold the same bytes, digest and replies; the view agrees with itself; the naive model
// gives the same answers; the next timer found from the changes is the one found by looking.
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/broker/broker.h"
#include "core/broker/limits.h"
#include "tests/core/naive_model.h"
#include "tests/core/view_check.h"
#include "tests/fuzz/command_maker.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::broker::test {
namespace {

using fuzz::CommandMaker;
using fuzz::FuzzInput;

constexpr size_t kStepsMax = 40;

std::string TokenOf(const std::string& user) {
  return user + "#0" + std::string(30 - user.size(), '.');
}

// A view with its model and where its log ends.
struct World {
  MemoryView view;
  NaiveModel model;
  uint64_t offset = 0;
  int64_t now_ms = 1'700'000'000'000;
  uint32_t epoch = 1;

  Entry MakeEntry(EntryKind kind, std::string payload) const {
    return Entry{Offset{offset}, Epoch{epoch}, Timestamp{now_ms}, kind,
                 std::make_shared<const std::string>(std::move(payload))};
  }

  // Applies and writes one entry, asks the model, and returns the reply.
  v1::Reply Do(const Entry& entry) {
    const auto due = NextDue(view);
    Applied applied = Apply(view, entry);
    view.Write(applied.changes);
    MOM_CHECK(NextDue(view, due, applied.changes) == NextDue(view), offset);
    AskModel(entry, applied.reply);
    ++offset;
    return std::move(applied.reply);
  }

  void AskModel(const Entry& entry, const v1::Reply& reply) {
    if (entry.kind == EntryKind::kClock) model.Clock(offset, now_ms);
    if (entry.kind != EntryKind::kCommand) return;
    v1::Command command;
    if (!command.ParseFromString(*entry.payload)) {
      MOM_CHECK(reply.error() == v1::ERROR_MALFORMED);
      return;
    }
    const std::string wrong = model.Step(command, offset, now_ms, reply);
    MOM_CHECK(wrong.empty(), wrong, command.ShortDebugString(), reply.ShortDebugString());
  }

  void Must(const v1::Command& command) {
    const v1::Reply reply = Do(MakeEntry(EntryKind::kCommand, command.SerializeAsString()));
    MOM_CHECK(reply.error() == v1::ERROR_NONE, command.ShortDebugString(), reply.ShortDebugString());
  }
};

v1::Command As(const std::string& user) {
  v1::Command command;
  command.set_user(user);
  command.set_session_hash(TokenOf(user));
  return command;
}

// Three users who are connected, two queues and a topic that all may use, one subscription.
World MakeWorld() {
  World world;
  for (const char* user : {"admin", "ann", "bob"}) {
    v1::Command command;
    command.mutable_create_user()->set_name(user);
    command.mutable_create_user()->set_password_hash("hash");
    command.mutable_create_user()->set_admin(world.offset == 0);
    world.Must(command);
    command.Clear();
    command.mutable_create_session()->set_name(user);
    command.mutable_create_session()->set_token_hash(TokenOf(user));
    command.mutable_create_session()->set_password_revision((world.offset - 1) * kPositionsPerEntryMax);
    command.mutable_create_session()->set_ttl_ms(7LL * 24 * 3600 * 1000);
    world.Must(command);
  }
  for (const char* queue : {"q2", "q1"}) {
    v1::Command command = As("ann");
    command.mutable_create_queue()->set_name(queue);
    v1::QueueSettings* settings = command.mutable_create_queue()->mutable_settings();
    settings->mutable_senders()->set_anyone(true);
    settings->mutable_receivers()->set_anyone(true);
    settings->set_max_attempts(2);
    if (std::string(queue) == "q1") settings->set_dead_letter("q2");
    world.Must(command);
  }
  v1::Command topic = As("bob");
  topic.mutable_create_topic()->set_name("t.1");
  topic.mutable_create_topic()->mutable_publishers()->set_anyone(true);
  world.Must(topic);
  v1::Command subscribe = As("ann");
  subscribe.mutable_subscribe()->set_pattern("t.*");
  subscribe.mutable_subscribe()->set_queue("q1");
  world.Must(subscribe);
  return world;
}

// The next entry: its kind and the time that passes, then what is in it.
Entry NextEntry(World* world, FuzzInput* input) {
  static constexpr int64_t kSteps[] = {
      0, 1, 10, 1000, 30'000, 3'600'000, 24LL * 3600 * 1000, 400LL * 24 * 3600 * 1000};
  const uint8_t kind = input->Byte();
  world->now_ms += kSteps[kind / 8 % std::size(kSteps)];
  if (kind % 8 == 7) {
    if (kind >= 192) ++world->epoch;
    return world->MakeEntry(kind >= 192 ? EntryKind::kLeaderChange : EntryKind::kClock, "");
  }
  if (kind % 8 < 4) {
    const v1::Command command = CommandMaker(input).Make(world->offset);
    return world->MakeEntry(EntryKind::kCommand, command.SerializeAsString());
  }
  // The payload as it is; two bytes say how long it is.
  const size_t size = input->Byte() * size_t{256};
  return world->MakeEntry(EntryKind::kCommand, std::string(input->Take(size + input->Byte())));
}

// Applies `entries` in batches of the sizes that `sizes` says, over and over.
void CheckBatches(const World& begin, const World& end, const std::vector<Entry>& entries,
                  const std::vector<std::string>& replies, uint8_t sizes) {
  MemoryView view = begin.view;
  size_t next = 0;
  for (size_t n = 0; next < entries.size(); ++n) {
    const auto due = NextDue(view);
    ViewOverlay overlay(&view);
    const size_t batch_end = std::min(entries.size(), next + 1 + (sizes >> (n % 3 * 2)) % 8u);
    for (; next < batch_end; ++next) {
      Applied applied = Apply(overlay, entries[next]);
      MOM_CHECK(applied.reply.SerializeAsString() == replies[next], next, applied.reply.ShortDebugString());
      overlay.Absorb(std::move(applied.changes));
    }
    view.Write(overlay.changes());
    MOM_CHECK(NextDue(view, due, overlay.changes()) == NextDue(view), next);
  }
  MOM_CHECK(ReadAppliedState(view)->digest == ReadAppliedState(end.view)->digest);
  MOM_CHECK(view.contents() == end.view.contents());
}

void FuzzOne(FuzzInput input) {
  static const google::protobuf::LogSilencer* const quiet = new google::protobuf::LogSilencer;
  static const World* const begin = new World(MakeWorld());
  (void)quiet;
  World world = *begin;
  const uint8_t sizes = input.Byte();
  std::vector<Entry> entries;
  std::vector<std::string> replies;
  while (!input.empty() && entries.size() < kStepsMax) {
    entries.push_back(NextEntry(&world, &input));
    replies.push_back(world.Do(entries.back()).SerializeAsString());
  }
  const std::string wrong = CheckConsistency(world.view) + world.model.Compare(world.view);
  MOM_CHECK(wrong.empty(), wrong);
  CheckBatches(*begin, world, entries, replies, sizes);
}

}  // namespace
}  // namespace mom::broker::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::broker::test::FuzzOne({data, size});
  return 0;
}
