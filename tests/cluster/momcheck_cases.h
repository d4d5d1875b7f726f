// Histories for tests of the checker: lines by milliseconds, and what a checker is expected to find in them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/cluster/checker.h"
#include "tests/cluster/history_text.h"

namespace mom::cluster {

// Times are milliseconds here, and nanoseconds in the history.
inline std::string Line(uint64_t ms, const std::string& rest) {
  return std::to_string(ms * 1'000'000) + " " + rest + "\n";
}

struct Case {
  const char* name;
  std::string history;
  std::set<std::string> broken;  // Properties.
};

// The test fails when a history breaks other properties than its case says. Leases have no slack.
inline void Expect(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CheckOptions options;
    options.lease_slack_ms = 0;
    const Verdict verdict = CheckHistory(Parse(one.history), options);
    std::set<std::string> broken;
    for (const auto& [property, count] : verdict.found) broken.insert(property);
    EXPECT_EQ(broken, one.broken) << one.name << "\n" << ToText(verdict);
  }
}

}  // namespace mom::cluster
