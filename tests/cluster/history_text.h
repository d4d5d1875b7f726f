// Histories for tests, from their text.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/cluster/history.h"

namespace mom::cluster {

// The test fails when `text` is no history.
inline std::vector<Event> Parse(const std::string& text) {
  std::istringstream in(text);
  std::vector<Event> events;
  std::string why;
  EXPECT_TRUE(ReadHistory(in, &events, &why)) << why;
  return events;
}

}  // namespace mom::cluster
