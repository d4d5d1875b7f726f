// CommandMaker: commands from a fuzzer's bytes, over few names, so that they meet. Fields are found by
// reflection: a new command or field is covered without a change here.
#pragma once

#include <cstdint>
#include <string>

#include "mom/v1/commands.pb.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::fuzz {

class CommandMaker {
 public:
  // `input` must outlive it.
  explicit CommandMaker(FuzzInput* input) : input_(input) {}

  // Of the entry at `offset`: ids and leases are mostly ones that entries shortly before it gave.
  v1::Command Make(uint64_t offset);

 private:
  using Field = google::protobuf::FieldDescriptor;

  void Fill(google::protobuf::Message* message);
  void Set(google::protobuf::Message* message, const Field* field);
  void SetScalar(google::protobuf::Message* message, const Field* field);
  void Add(google::protobuf::Message* message, const Field* field);
  std::string Text(const Field* field);
  std::string Token();
  uint64_t Number(const Field* field);

  FuzzInput* input_;
  uint64_t offset_ = 0;
};

}  // namespace mom::fuzz
