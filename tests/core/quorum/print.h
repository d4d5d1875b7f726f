// Effects, messages and states as the lines of a scenario.
#pragma once

#include <string>
#include <vector>

#include "tests/core/quorum/world.h"

namespace mom::quorum {

// "pre-vote epoch=1 log=5@1": end 5, last entry of epoch 1.
std::string Text(const Body& body);
std::string Text(const Packet& packet);
// One line an effect, in the order of execution.
std::vector<std::string> Lines(const Node& node, const Effects& effects);
// "2: follower of 1, epoch 1, log 0..5 durable 5 hw 4".
std::string StateLine(const Node& node);

}  // namespace mom::quorum
