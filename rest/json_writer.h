// JsonWriter: builds the JSON text of an answer, front to back.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/time.h"
#include "rest/names.h"
#include "rest/problem.h"

namespace mom::rest {

// Not thread-safe. Puts the commas; that objects and arrays close in order is up to the caller. Keys are ours
// and need no escapes; values may hold anything.
class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view name) {
    Comma();
    out_.append("\"").append(name).append("\":");
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& Text(std::string_view text) {
    Comma();
    AppendJsonString(text, &out_);
    return *this;
  }
  template <std::integral Number>
  JsonWriter& Integer(Number number) {
    Comma();
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out_.append(digits, static_cast<size_t>(end - digits));
    return *this;
  }
  JsonWriter& Bool(bool value) { return Raw(value ? "true" : "false"); }
  JsonWriter& Null() { return Raw("null"); }
  // `json` is a complete value.
  JsonWriter& Raw(std::string_view json) {
    Comma();
    out_.append(json);
    return *this;
  }

  // Members of an object.
  JsonWriter& Member(std::string_view name, std::string_view text) { return Key(name).Text(text); }
  JsonWriter& Member(std::string_view name, const char* text) { return Key(name).Text(text); }
  JsonWriter& Member(std::string_view name, const std::string& text) { return Key(name).Text(text); }
  JsonWriter& Member(std::string_view name, Timestamp time) { return Key(name).Text(FormatTimestamp(time)); }
  JsonWriter& Member(std::string_view name, bool value) { return Key(name).Bool(value); }
  template <std::integral Number>
  JsonWriter& Member(std::string_view name, Number number) {
    return Key(name).Integer(number);
  }

  // For appending without the writer's help: a complete value, after which a comma is due.
  std::string* BeginValue() {
    Comma();
    return &out_;
  }
  size_t size() const { return out_.size(); }
  std::string Take() { return std::move(out_); }

 private:
  JsonWriter& Open(char bracket) {
    Comma();
    out_.push_back(bracket);
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& Close(char bracket) {
    out_.push_back(bracket);
    needs_comma_ = true;
    return *this;
  }
  void Comma() {
    if (needs_comma_) out_.push_back(',');
    needs_comma_ = true;
  }

  std::string out_;
  bool needs_comma_ = false;
};

}  // namespace mom::rest
