// Trace: a hash of everything that happened, and on demand the same as text.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "tests/sim/node.h"
#include "tests/sim/random.h"

namespace mom::sim {

// Not thread-safe.
class Trace {
 public:
  explicit Trace(std::FILE* text = nullptr) : text_(text) {}

  uint64_t hash() const { return hash_; }
  bool is_text() const { return text_ != nullptr; }
  void Add(uint64_t word) { hash_ = Random::Mix(hash_ ^ word) + 1; }
  void AddState(const Node& node);

  // One line: number of the event, time, what.
  void Line(uint64_t event, int64_t now, const std::string& text);

 private:
  std::FILE* text_;
  uint64_t hash_ = 0;
};

// For traces.
std::string Text(const quorum::Event& event);
std::string Text(const quorum::Message& message);
std::string Text(const quorum::Effects& effects);
std::string Text(const Node& node);

}  // namespace mom::sim
