#include "core/broker/differences.h"

#include <google/protobuf/descriptor.h>

#include "core/base/check.h"

namespace mom::broker {
namespace {

using google::protobuf::FieldDescriptor;

constexpr size_t kValueBytesShown = 100;

v1::SettingValue ValueOf(const v1::UserList& users) {
  v1::SettingValue value;
  *value.mutable_users() = users;
  return value;
}

// By reflection, so that a setting that is added later needs nothing here.
v1::SettingValue ValueOf(const v1::QueueSettings& settings, const FieldDescriptor* field) {
  const auto* r = settings.GetReflection();
  v1::SettingValue value;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      value.set_number(static_cast<uint64_t>(r->GetInt64(settings, field)));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      value.set_number(r->GetUInt64(settings, field));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      value.set_number(r->GetUInt32(settings, field));
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      value.set_text(r->GetEnum(settings, field)->name());
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      value.set_text(r->GetString(settings, field));
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      value.set_flag(r->GetBool(settings, field));
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const auto* users = dynamic_cast<const v1::UserList*>(&r->GetMessage(settings, field));
      MOM_CHECK(users != nullptr, field->name());
      return ValueOf(*users);
    }
    default:
      MOM_CHECK(false, field->name());
  }
  return value;
}

void AddIfDifferent(const std::string& setting, v1::SettingValue is, v1::SettingValue asked,
                    v1::Reply* reply) {
  if (is.SerializeAsString() == asked.SerializeAsString()) return;
  v1::SettingDifference* difference = reply->add_differences();
  difference->set_setting(setting);
  *difference->mutable_is() = std::move(is);
  *difference->mutable_asked() = std::move(asked);
}

std::string Text(const v1::SettingValue& value) {
  std::string text;
  switch (value.kind_case()) {
    case v1::SettingValue::kNumber:
      return std::to_string(value.number());
    case v1::SettingValue::kFlag:
      return value.flag() ? "true" : "false";
    case v1::SettingValue::kText:
      text = value.text();
      break;
    case v1::SettingValue::kUsers:
      if (value.users().anyone()) text = "*";
      for (const std::string& user : value.users().users()) text.append(text.empty() ? "" : ",").append(user);
      break;
    case v1::SettingValue::KIND_NOT_SET:
      break;
  }
  if (text.empty()) return "none";
  if (text.size() > kValueBytesShown) text.replace(kValueBytesShown, std::string::npos, "...");
  return text;
}

}  // namespace

void AddDifferences(const v1::QueueSettings& is, const v1::QueueSettings& asked, v1::Reply* reply) {
  const auto* type = v1::QueueSettings::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->number() == v1::QueueSettings::kClosedFieldNumber) continue;
    AddIfDifferent(field->name(), ValueOf(is, field), ValueOf(asked, field), reply);
  }
}

void AddDifferences(const v1::UserList& publishers, const v1::UserList& asked, v1::Reply* reply) {
  AddIfDifferent("publishers", ValueOf(publishers), ValueOf(asked), reply);
}

std::string DescribeDifferences(const v1::Reply& reply) {
  std::string text;
  for (const v1::SettingDifference& difference : reply.differences()) {
    if (!text.empty()) text += "; ";
    text.append(difference.setting()).append(" is ").append(Text(difference.is()));
    text.append(", not ").append(Text(difference.asked()));
  }
  return text;
}

}  // namespace mom::broker
