// Goal: no command, however wrong, stops the broker or damages the view: every field comes from outside.
// Method: random commands with fields replaced by extreme values (found by reflection, so that new fields are
// covered), lists made too long, and bytes flipped. The naive model says what the answer must be.
#include <gtest/gtest.h>

#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include <cstdlib>
#include <string>

#include "core/broker/broker.h"
#include "tests/core/broker_harness.h"
#include "tests/core/naive_model.h"
#include "tests/core/random_commands.h"
#include "tests/core/view_check.h"

namespace mom::broker::test {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

class Mutator {
 public:
  explicit Mutator(RandomCommands* random) : random_(random) {}

  // Changes one field somewhere in `message`.
  void Mutate(Message* message) {
    const auto* descriptor = message->GetDescriptor();
    if (descriptor->field_count() == 0) return;
    const auto* field =
        descriptor->field(static_cast<int>(Below(static_cast<uint64_t>(descriptor->field_count()))));
    const auto* oneof = field->real_containing_oneof();
    if (oneof && Below(10) != 0) {  // Mostly keeps the kind of command.
      field = message->GetReflection()->GetOneofFieldDescriptor(*message, oneof);
      if (!field) return;
    }
    if (field->is_repeated()) return MutateRepeated(message, field);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return Mutate(message->GetReflection()->MutableMessage(message, field));
    }
    SetScalar(message, field);
  }

 private:
  uint64_t Below(uint64_t n) { return random_->Below(n); }

  std::string Text() {
    static const size_t sizes[] = {0, 1, 31, 32, 33, 127, 128, 129, 255, 256, 257, 1024, 1025, 8193, 70000};
    static const char* words[] = {"a.b",      "#",  "*.*.#.#.#.#.*", "..",    "-",
                                  "\xC3\xA9", "q1", "ann",           "admin", "g1"};
    if (Below(3) == 0) return words[Below(std::size(words))];
    if (Below(10) == 0) return std::string(3, '\0');
    return std::string(sizes[Below(std::size(sizes))], Below(2) ? 'x' : '.');
  }

  int64_t Number() {
    static const int64_t numbers[] = {0,
                                      1,
                                      -1,
                                      9,
                                      10,
                                      1000,
                                      1001,
                                      INT32_MAX,
                                      INT32_MIN,
                                      INT64_MAX,
                                      INT64_MIN,
                                      366LL * 24 * 3600 * 1000,
                                      366LL * 24 * 3600 * 1000 + 1};
    return numbers[Below(std::size(numbers))];
  }

  void SetScalar(Message* message, const FieldDescriptor* field) {
    const Reflection* r = message->GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return r->SetString(message, field, Text());
      case FieldDescriptor::CPPTYPE_INT64:
        return r->SetInt64(message, field, Number());
      case FieldDescriptor::CPPTYPE_UINT64:
        return r->SetUInt64(message, field, static_cast<uint64_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT32:
        return r->SetUInt32(message, field, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_BOOL:
        return r->SetBool(message, field, Below(2) == 0);
      default:
        FAIL() << "teach the mutator about " << field->full_name();
    }
  }

  void MutateRepeated(Message* message, const FieldDescriptor* field) {
    const Reflection* r = message->GetReflection();
    const int size = r->FieldSize(*message, field);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) return r->AddString(message, field, Text());
    if (size == 0) return Mutate(r->AddMessage(message, field));
    const int any = static_cast<int>(Below(static_cast<uint64_t>(size)));
    switch (Below(4)) {
      case 0:
        return r->RemoveLast(message, field);
      case 1:  // A repeat, or far too many.
        for (uint64_t n = Below(20) == 0 ? 1001 : 1; n > 0; --n) {
          r->AddMessage(message, field)->CopyFrom(r->GetRepeatedMessage(*message, field, any));
        }
        return;
      default:
        return Mutate(r->MutableRepeatedMessage(message, field, any));
    }
  }

  RandomCommands* random_;
};

// Damages bytes now and then.
std::string Damage(std::string bytes, RandomCommands* random) {
  if (bytes.empty() || !random->Chance(15)) return bytes;
  for (uint64_t n = 1 + random->Below(4); n > 0; --n) {
    bytes[random->Below(bytes.size())] = static_cast<char>(random->Below(256));
  }
  if (random->Chance(20)) bytes.resize(random->Below(bytes.size()));
  return bytes;
}

class Siege {
 public:
  explicit Siege(uint64_t seed) : random_(seed), mutator_(&random_) {}

  std::string Run(int steps) {
    v1::Command create;
    create.mutable_create_user()->set_name("admin");
    create.mutable_create_user()->set_password_hash("hash");
    create.mutable_create_user()->set_admin(true);
    if (auto wrong = Step(create.SerializeAsString()); !wrong.empty()) return wrong;
    for (int i = 0; i < steps; ++i) {
      now_ms_ += random_.TimeStepMs();
      if (random_.IsClock()) {
        view_.Write(Apply(view_, ClockEntry(offset_, now_ms_)).changes);
        model_.Clock(offset_++, now_ms_);
        continue;
      }
      v1::Command command = random_.Next(model_);
      for (uint64_t n = random_.Below(3); n > 0; --n) mutator_.Mutate(&command);
      std::string wrong = Step(Damage(command.SerializeAsString(), &random_));
      if (wrong.empty() && i % 10 == 0) wrong = CheckConsistency(view_) + model_.Compare(view_);
      if (!wrong.empty()) return "step " + std::to_string(i) + ": " + wrong.substr(0, 2000);
    }
    return CheckConsistency(view_) + model_.Compare(view_);
  }

 private:
  std::string Step(const std::string& payload) {
    v1::Command command;
    const bool decodable = command.ParseFromString(payload);
    const Entry entry{Offset{offset_}, Epoch{1}, Timestamp{now_ms_}, EntryKind::kCommand,
                      std::make_shared<const std::string>(payload)};
    const Applied applied = Apply(view_, entry);
    view_.Write(applied.changes);
    const uint64_t offset = offset_++;
    if (applied.reply.detail().size() > 1000) return "an answer repeats what is too long";
    if (!decodable) {
      return applied.reply.error() == v1::ERROR_MALFORMED ? "" : "expected: not decodable";
    }
    const std::string wrong = model_.Step(command, offset, now_ms_, applied.reply);
    if (wrong.empty()) return "";
    return wrong + "\n  answer " + applied.reply.ShortDebugString() + "\n  command " +
           command.ShortDebugString();
  }

  RandomCommands random_;
  Mutator mutator_;
  NaiveModel model_;
  MemoryView view_;
  uint64_t offset_ = 0;
  int64_t now_ms_ = kStartMs;
};

TEST(Hostile, NoCommandStopsTheBrokerOrDamagesTheView) {
  google::protobuf::LogSilencer quiet;  // Text that is not UTF-8 is said on standard error otherwise.
  const char* first = std::getenv("MOM_HOSTILE_FIRST");
  const char* count = std::getenv("MOM_HOSTILE_SEEDS");
  const uint64_t from = first ? std::strtoull(first, nullptr, 10) : 1;
  const uint64_t seeds = count ? std::strtoull(count, nullptr, 10) : 300;
  for (uint64_t seed = from; seed < from + seeds; ++seed) {
    ASSERT_EQ(Siege(seed).Run(400), "")
        << "seed " << seed << "; replay with MOM_HOSTILE_FIRST=" << seed << " MOM_HOSTILE_SEEDS=1";
  }
}

TEST(Hostile, BytesThatAreNoCommandAreRefusedAndCount) {
  Harness h;
  for (const std::string& payload : {std::string("\xff\xff\xff"), std::string(1000, '\0'), std::string()}) {
    Entry entry{Offset{h.offset}, Epoch{1}, Timestamp{h.now_ms}, EntryKind::kCommand,
                std::make_shared<const std::string>(payload)};
    const Applied applied = Apply(h.view, entry);
    h.view.Write(applied.changes);
    ++h.offset;
    EXPECT_NE(applied.reply.error(), v1::ERROR_NONE);
    EXPECT_EQ(ReadAppliedState(h.view)->end.value, h.offset);
  }
}

// A name longer than a key's component has room for stopped every node that applied it.
TEST(Hostile, NamesOfAnyLengthAreRefusedEverywhere) {
  Harness h;
  const std::string name(300, 'n');
  v1::Unsubscribe unsubscribe;
  unsubscribe.set_topic(name);
  v1::Subscribe subscribe;
  subscribe.set_topic(name);
  v1::DeleteTopic delete_topic;
  delete_topic.set_name(name);
  v1::DeleteUser delete_user;
  delete_user.set_name(name);
  EXPECT_EQ(h.As("admin", unsubscribe).error(), v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("admin", subscribe).error(), v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("admin", delete_topic).error(), v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("admin", delete_user).error(), v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("admin", QueueNamed(name)).error(), v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("admin", Take(name)).error(), v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("admin", ToQueue(name, {"x"})).error(), v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("admin", ToTopic(name, {"x"})).error(), v1::ERROR_MALFORMED);
  v1::CreateQueue pair = QueueNamed("pair");
  pair.mutable_settings()->set_receiver(name);
  EXPECT_EQ(h.As("admin", pair).error(), v1::ERROR_MALFORMED);
  v1::CreateQueue dead = QueueNamed("dead");
  dead.mutable_settings()->set_dead_letter(name);
  EXPECT_EQ(h.As("admin", dead).error(), v1::ERROR_MALFORMED);
}

}  // namespace
}  // namespace mom::broker::test
