// RandomCommands: a seeded stream of commands over few names, so that they meet: valid, refused, unauthorised
// and malformed ones. Every seed has its own mixture (swarm testing): some kinds of command are left out.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "mom/v1/commands.pb.h"
#include "tests/core/naive_model.h"

namespace mom::broker::test {

std::string Numbered(char letter, uint64_t n);

class RandomCommands {
 public:
  explicit RandomCommands(uint64_t seed);

  bool IsClock() { return Chance(clock_percent_); }
  int64_t TimeStepMs();
  // Uses the model only to know which names, ids and receipts exist.
  v1::Command Next(const NaiveModel& model);
  uint64_t Below(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random_); }
  bool Chance(uint64_t percent) { return Below(100) < percent; }

 private:
  std::string User();
  std::string Queue(const NaiveModel& model);
  std::string Topic();
  std::string Pattern();
  std::string Body();
  v1::UserList List(const NaiveModel& model);
  v1::QueueSettings Settings(const NaiveModel& model);
  v1::NewMessage Message();
  v1::Publish PublishTo(const NaiveModel& model, bool topic);
  // Of an existing item of the queue, mostly; `holder` gets who may use it.
  v1::Receipt Receipt(const NaiveModel& model, const std::string& queue, std::string* holder);
  v1::Transaction Transaction(const NaiveModel& model, std::string* user);

  // Now and then: what the small world lacks, so that it neither starts empty nor dies out.
  bool Repair(const NaiveModel& model, v1::Command* command);
  void FillAccount(const NaiveModel& model, v1::Command* command);
  void FillUpdateUser(const std::string& name, v1::Command* command);
  void FillDeleteSessions(const NaiveModel& model, const std::string& name, v1::Command* command);
  void FillQueue(const NaiveModel& model, v1::Command* command);
  void FillReceipts(const NaiveModel& model, v1::Command* command);
  void FillTopic(const NaiveModel& model, v1::Command* command);

  std::mt19937_64 random_;
  std::vector<uint32_t> weights_;
  std::vector<std::pair<v1::Receipt, std::string>> old_receipts_;  // With the holder.
  uint64_t clock_percent_ = 10;
  uint64_t odd_percent_ = 3;  // Nonsense values and wrong users.
  uint64_t group_percent_ = 30;
  uint64_t ttl_percent_ = 20;
  uint64_t delay_percent_ = 20;
  uint64_t dead_letter_percent_ = 40;
  uint64_t key_percent_ = 5;
  int64_t step_ms_ = 1000;
};

}  // namespace mom::broker::test
