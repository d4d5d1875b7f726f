// Script: runs a scenario, a text of comments (#), commands and the lines (>) that each command must print.
#pragma once

#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/core/quorum/world.h"

namespace mom::quorum {

// The commands are listed in scenarios/README.md. Throws std::runtime_error for one that is not understood.
class Script {
 public:
  Script();
  // The scenario with the lines that its commands print now.
  std::string Run(const std::string& text);

 private:
  using Words = std::vector<std::string>;
  using Command = std::function<void(const Words&)>;

  void AddWorldCommands();
  void AddNetworkCommands();
  void AddRequestCommands();
  void AddNodes(uint32_t count);
  void Listen();
  void Settle();
  void Wait(int64_t ms);
  void RunFor(int64_t ms);
  void Elect(uint32_t id);
  void Say(const Words& words);
  void State();

  World& world();
  void Print(const std::string& line) { output_.push_back(line); }

  std::map<std::string, Command> commands_;
  std::map<std::string, uint32_t> options_;
  std::unique_ptr<World> world_;
  std::vector<std::string> output_;
  bool quiet_ = false;
  bool milestones_ = false;
};

// "key=value" of `words`, or `otherwise`.
uint64_t Field(const std::vector<std::string>& words, const std::string& key, uint64_t otherwise);
// Message body from the words of `say`; throws when the type is unknown.
Body ParseBody(const std::vector<std::string>& words);

}  // namespace mom::quorum
