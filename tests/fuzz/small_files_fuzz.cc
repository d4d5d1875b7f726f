// Fuzz target: hard state, identity, log mark and durable hint.
// Goal: no bytes crash a reader; what a reader accepts it writes and reads again as the same value; a good
// file with changed bytes is refused.
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/check.h"
#include "tests/fuzz/fuzz_input.h"
#include "wal/hard_state.h"
#include "wal/identity.h"
#include "wal/log_mark.h"
#include "wal/memory_env.h"
#include "wal/sealed_file.h"

namespace mom::wal {
namespace {

using fuzz::FuzzInput;

const std::string kPath = "d/log.mark";  // The log mark's own name serves all kinds.
const std::string kHintPath = "d/durable.hint";
constexpr uint64_t kMagics[] = {0x54535244'484d4f4dull, 0x5954444e'494d4f4dull, 0x4b52414d'474f4c4dull,
                                0x544e4948'474f4c4dull};

void Put(MemoryEnv* env, const std::string& path, std::string_view bytes) {
  auto file = env->OpenFile(path, OpenMode::kCreate);
  MOM_CHECK(file.ok());
  MOM_CHECK((*file)->WriteAt(0, bytes).ok());
}

bool Same(const LogMark& a, const LogMark& b) {
  return a.log_id == b.log_id && a.generation == b.generation && a.first_segment == b.first_segment &&
         a.last_segment == b.last_segment && a.durable_end == b.durable_end && a.pending == b.pending &&
         a.reset_epoch == b.reset_epoch && a.reset_timestamp == b.reset_timestamp;
}

// How many of the kinds could be read; each that could is written and read again.
int ReadAll(MemoryEnv* env) {
  int readable = 0;
  const auto state = ReadHardState(env, kPath);
  const auto identity = ReadIdentity(env, kPath);
  const auto mark = ReadLogMark(env, "d");
  if (state.ok()) {
    ++readable;
    MOM_CHECK(WriteHardState(env, kPath, *state).ok());
    MOM_CHECK(*ReadHardState(env, kPath) == *state);
  }
  if (identity.ok()) {
    ++readable;
    MOM_CHECK(WriteIdentity(env, kPath, *identity).ok());
    MOM_CHECK(*ReadIdentity(env, kPath) == *identity);
  }
  if (mark.ok()) {
    ++readable;
    MOM_CHECK(WriteLogMark(env, "d", *mark).ok());
    MOM_CHECK(Same(*ReadLogMark(env, "d"), *mark));
  }
  MOM_CHECK(readable <= 1, readable);
  return readable;
}

void Damage(MemoryEnv* env, FuzzInput* input) {
  const std::string before = env->Contents(kPath);
  for (int i = input->Byte() % 4; i >= 0; --i) {
    const size_t position = input->Byte() % before.size();
    const char byte = static_cast<char>(input->Byte());
    env->Overwrite(kPath, position, std::string_view(&byte, 1));
  }
  if (input->Byte() % 4 == 3) env->Cut(kPath, input->Byte() % before.size());
  const bool is_changed = env->Contents(kPath) != before;
  MOM_CHECK(ReadAll(env) == (is_changed ? 0 : 1));
}

LogMark MarkOf(FuzzInput* input) {
  LogMark mark;
  mark.log_id = Uuid{input->Number(), input->Number()};
  mark.generation = input->Number();
  mark.first_segment = Offset{input->Number()};
  mark.last_segment = Offset{input->Number()};
  mark.durable_end = Offset{input->Number()};
  mark.pending = static_cast<PendingWork>(input->Byte() % 3);
  mark.reset_epoch = Epoch{static_cast<uint32_t>(input->Number())};
  mark.reset_timestamp = Timestamp{static_cast<int64_t>(input->Number())};
  return mark;
}

// A good file of one kind.
void Write(MemoryEnv* env, int kind, FuzzInput* input) {
  Status status;
  if (kind == 0) {
    HardState state;
    state.epoch = Epoch{static_cast<uint32_t>(input->Number())};
    state.voted_for = NodeId{static_cast<uint32_t>(input->Number())};
    state.voted_for_disk = Uuid{input->Number(), input->Number()};
    state.leader = NodeId{static_cast<uint32_t>(input->Number())};
    status = WriteHardState(env, kPath, state);
    MOM_CHECK(*ReadHardState(env, kPath) == state);
  } else if (kind == 1) {
    Identity identity;
    identity.cluster = Uuid{input->Number(), input->Number()};
    identity.node = NodeId{static_cast<uint32_t>(input->Number())};
    identity.disk = Uuid{input->Number(), input->Number()};
    status = WriteIdentity(env, kPath, identity);
    MOM_CHECK(*ReadIdentity(env, kPath) == identity);
  } else {
    const LogMark mark = MarkOf(input);
    status = WriteLogMark(env, "d", mark);
    MOM_CHECK(Same(*ReadLogMark(env, "d"), mark));
    const Offset end{input->Number()};
    DurableHint(env, "d").Write(mark, end);
    MOM_CHECK(DurableHint::Read(env, "d", mark) == end);
  }
  MOM_CHECK(status.ok());
}

// First byte: what to do with the rest.
void FuzzOne(FuzzInput input) {
  MemoryEnv env;
  MOM_CHECK(env.CreateDir("d").ok());
  const int action = input.Byte();
  if (action % 3 == 0) {  // The input is the file.
    const std::string_view bytes = input.TakeRest();
    Put(&env, kPath, bytes);
    Put(&env, kHintPath, bytes);
    (void)DurableHint::Read(&env, "d", LogMark());
    ReadAll(&env);
  } else if (action % 3 == 1) {  // The input is the body of a file with a good checksum.
    const SealedKind kind{"fuzzed", kMagics[input.Byte() % std::size(kMagics)], input.Byte() % 3u};
    const std::string bytes = Seal(kind, input.TakeRest());
    MOM_CHECK(Unseal(kind, bytes).ok());
    Put(&env, kPath, bytes);
    Put(&env, kHintPath, bytes);
    (void)DurableHint::Read(&env, "d", LogMark());
    ReadAll(&env);
  } else {
    Write(&env, input.Byte() % 3, &input);
    Damage(&env, &input);
  }
}

}  // namespace
}  // namespace mom::wal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::wal::FuzzOne({data, size});
  return 0;
}
