#include "tests/fuzz/command_maker.h"

#include <google/protobuf/message.h>

#include <iterator>

#include "core/base/check.h"
#include "core/broker/limits.h"

namespace mom::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr const char* kUsers[] = {"admin", "ann", "bob", "cy"};
constexpr const char* kQueues[] = {"q1", "q2", "q3", "q4"};
constexpr const char* kTopics[] = {"t.1", "t.2", "u.1", "t"};
constexpr const char* kOthers[] = {"",   "x", "t.*",      "#",  "*.*", "g1",
                                   "..", "-", "\xC3\xA9", "q1", "t.1", "ann"};
constexpr size_t kSizes[] = {1, 32, 127, 128, 129, 255, 256, 1024, 1025, 8193};

// What names of a message or of a field are mostly about.
const char* const* NamesOf(const FieldDescriptor* field) {
  const std::string& name = field->name();
  const std::string& owner = field->containing_type()->name();
  if (name == "user" || name == "users" || name == "receiver") return kUsers;
  if (name == "topic") return kTopics;
  if (name == "queue" || name == "dead_letter") return kQueues;
  if (name != "name") return kOthers;
  if (owner.find("Queue") != std::string::npos) return kQueues;
  if (owner.find("Topic") != std::string::npos) return kTopics;
  return kUsers;
}

}  // namespace

v1::Command CommandMaker::Make(uint64_t offset) {
  offset_ = offset;
  v1::Command command;
  const uint8_t who = input_->Byte();
  command.set_user(kUsers[who % 4]);
  command.set_session_hash(who < 240 ? command.user() + "#0" + std::string(30 - command.user().size(), '.')
                                     : Token());
  if (who % 64 >= 60) command.set_idempotency_key(kOthers[1 + input_->Byte() % 3]);
  const auto* kinds = command.GetDescriptor()->FindOneofByName("body");
  const auto* kind = kinds->field(input_->Byte() % kinds->field_count());
  // Registering and connecting need no session.
  if (kind->name() == "create_user" || kind->name() == "create_session") {
    command.clear_user();
    command.clear_session_hash();
  }
  Fill(command.GetReflection()->MutableMessage(&command, kind));
  return command;
}

void CommandMaker::Fill(Message* message) {
  const auto* type = message->GetDescriptor();
  for (int i = 0; i < type->real_oneof_decl_count(); ++i) {
    const auto* oneof = type->oneof_decl(i);
    Set(message, oneof->field(input_->Byte() % oneof->field_count()));
  }
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    if (field->real_containing_oneof()) continue;
    if (field->has_presence() && input_->Byte() % 2 == 0) continue;
    Set(message, field);
  }
}

void CommandMaker::Set(Message* message, const FieldDescriptor* field) {
  if (field->is_repeated()) {
    for (int n = (input_->Byte() + 1) % 4; n > 0; --n) Add(message, field);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    Fill(message->GetReflection()->MutableMessage(message, field));
  } else {
    SetScalar(message, field);
  }
}

void CommandMaker::SetScalar(Message* message, const FieldDescriptor* field) {
  const Reflection* r = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return r->SetString(message, field, Text(field));
    case FieldDescriptor::CPPTYPE_INT64:
      return r->SetInt64(message, field, static_cast<int64_t>(Number(field)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return r->SetUInt64(message, field, Number(field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return r->SetUInt32(message, field, static_cast<uint32_t>(Number(field)));
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->SetBool(message, field, input_->Byte() % 2 == 1);
    default:
      MOM_CHECK(false, "teach the maker about", field->full_name());
  }
}

void CommandMaker::Add(Message* message, const FieldDescriptor* field) {
  const Reflection* r = message->GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return Fill(r->AddMessage(message, field));
  MOM_CHECK(field->cpp_type() == FieldDescriptor::CPPTYPE_STRING, field->full_name());
  r->AddString(message, field, Text(field));
}

std::string CommandMaker::Text(const FieldDescriptor* field) {
  if (field->name() == "token_hash") return Token();
  const uint8_t which = input_->Byte();
  if (which < 160) return NamesOf(field)[which % 4];
  if (which < 240) return kOthers[which % std::size(kOthers)];
  if (which < 252) return std::string(input_->Take(which - 239u));
  return std::string(kSizes[input_->Byte() % std::size(kSizes)], which % 2 ? 'x' : '.');
}

std::string CommandMaker::Token() {
  const uint8_t which = input_->Byte();
  if (which == 255) return std::string(input_->TakeText());
  const std::string user = kUsers[which % 4];
  return user + "#" + std::to_string(which / 4 % 3) + std::string(30 - user.size(), '.');
}

uint64_t CommandMaker::Number(const FieldDescriptor* field) {
  static constexpr uint64_t kNumbers[] = {0,
                                          1,
                                          2,
                                          3,
                                          9,
                                          10,
                                          1000,
                                          1001,
                                          30'000,
                                          60'000,
                                          3'600'000,
                                          broker::kDurationMsMax,
                                          broker::kDurationMsMax + 1,
                                          INT64_MAX,
                                          UINT64_MAX,
                                          UINT32_MAX};
  const uint8_t which = input_->Byte();
  const std::string& name = field->name();
  const uint64_t back = offset_ - std::min<uint64_t>(offset_, 1 + which % 16);
  if (which >= 250) return input_->Number();
  if (name == "id" || name == "lease" || name == "password_revision") {
    return back * broker::kPositionsPerEntryMax + which / 16 % 4;
  }
  return kNumbers[which % std::size(kNumbers)];
}

}  // namespace mom::fuzz
