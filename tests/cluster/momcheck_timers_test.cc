// Goal: C15 finds what stays due, and says nothing of what may have another reason. Method: one message with
// a delay, a lease or both, beside writes that show who leads when.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cluster/momcheck_cases.h"

namespace mom::cluster {
namespace {

// Writes to another queue, all answered in one epoch: a leader is there from the first to the last.
std::string Beats(uint64_t from, uint64_t to, int epoch = 1) {
  std::string text;
  for (uint64_t ms = from; ms <= to; ms += 200) {
    const std::string n = std::to_string(ms);
    const std::string item = ":0:0:" + std::to_string(1'000'000 + ms) + ":aa";
    text += Line(ms, "invoke beat " + n + " 1 publish beats key=b" + n + " items=0" + item);
    text += Line(ms + 1, "ok beat " + n + " 1 publish beats offset=" + n + " epoch=" + std::to_string(epoch) +
                             " items=" + std::to_string(9'000'000 + ms) + item);
  }
  return text;
}

// A receive that gets `items`, which may be none.
std::string Receive(uint64_t begin, uint64_t end, const std::string& items, const std::string& mode) {
  const std::string n = std::to_string(begin);
  return Line(begin, "invoke r" + n + " 1 1 receive q number=9 " + mode) +
         Line(end, "ok r" + n + " 1 1 receive q " + mode + " offset=" + std::to_string(end) + "" + items);
}

const std::string kDelayed =
    Line(10, "invoke p 1 1 publish q key=k1 delay_ms=1000 items=0:0:0:a:aa") +
    Line(12, "ok p 1 1 publish q delay_ms=1000 offset=10 epoch=1 applied=11 items=9000010:0:0:a:aa");
const std::string kOther = Line(20, "invoke p 2 1 publish q key=k2 items=0:0:0:b:bb") +
                           Line(22, "ok p 2 1 publish q offset=20 epoch=1 applied=21 items=9000020:0:0:b:bb");
const std::string kLeased = Receive(1'020, 1'030, " items=9000010:300:1:a:aa", "lease_ms=1000");
const std::string kTakenIt = " items=9000010:0:1:a:aa";

std::vector<Case> GoodTimers() {
  return {
      {"in time",
       Beats(1, 9'001) + kDelayed + Receive(500, 505, "", "auto=1") +
           Receive(1'020, 1'030, kTakenIt, "auto=1"),
       {}},
      {"late, but not much", Beats(1, 9'001) + kDelayed + Receive(5'500, 5'505, "", "auto=1"), {}},
      {"nobody asked", Beats(1, 19'001) + kDelayed + Receive(18'000, 18'005, kTakenIt, "auto=1"), {}},
      {"nobody led",
       Beats(1, 801) + Beats(7'001, 9'001, 2) + kDelayed + Receive(8'000, 8'005, "", "auto=1"),
       {}},
      {"leaders that did not last",
       Beats(1, 1'001, 1) + Beats(1'601, 3'001, 2) + Beats(3'601, 5'001, 3) + Beats(5'601, 7'001, 4) +
           kDelayed + Receive(6'900, 6'905, "", "auto=1"),
       {}},
      {"somebody else may have it",
       Beats(1, 9'001) + kDelayed + Line(1'100, "invoke x 1 1 receive q number=1 lease_ms=1000") +
           Receive(8'000, 8'005, "", "auto=1"),
       {}},
      {"it may be acknowledged",
       Beats(1, 9'001) + kDelayed + kLeased + Line(1'100, "invoke x 1 1 ack q items=9000010:300:1:a:aa") +
           Receive(8'000, 8'005, "", "auto=1"),
       {}},
      {"there was enough else",
       Beats(1, 9'001) + kDelayed + kOther + Line(8'000, "invoke c 1 1 receive q number=1 auto=1") +
           Line(8'005, "ok c 1 1 receive q auto=1 offset=8005 epoch=1 items=9000020:0:1:b:bb"),
       {}},
      {"a view from before",
       Beats(1, 9'001) + kDelayed + Line(8'000, "invoke c 1 2 receive q number=9 auto=1") +
           Line(8'005, "ok c 1 2 receive q auto=1 applied=700"),
       {}},
      {"a lease made longer",
       Beats(1, 9'001) + kDelayed + kLeased +
           Line(1'100, "invoke x 1 1 extend q lease_ms=9000 items=9000010:300:1:a:aa") +
           Line(1'105, "ok x 1 1 extend q lease_ms=9000 offset=1105 epoch=1 items=9000010:300:1:a:aa") +
           Receive(8'000, 8'005, "", "auto=1"),
       {}},
  };
}

std::vector<Case> BadTimers() {
  return {
      {"passed over", Beats(1, 9'001) + kDelayed + Receive(8'000, 8'005, "", "auto=1"), {"C15"}},
      {"passed over, delivered later",
       Beats(1, 9'001) + kDelayed + Receive(8'000, 8'005, "", "auto=1") +
           Receive(8'200, 8'205, kTakenIt, "auto=1"),
       {"C15"}},
      {"passed over by a view that is new",
       Beats(1, 9'001) + kDelayed + Line(8'000, "invoke c 1 2 receive q number=9 auto=1") +
           Line(8'005, "ok c 1 2 receive q auto=1 applied=7990"),
       {"C15"}},
      {"waited for too long", Beats(1, 9'001) + kDelayed + Receive(900, 7'005, kTakenIt, "auto=1"), {"C15"}},
      {"a lease that does not end",
       Beats(1, 9'001) + kDelayed + kLeased + Receive(8'000, 8'005, "", "auto=1"),
       {"C15"}},
      {"given back for ever",
       Beats(1, 9'001) + kDelayed + kLeased +
           Line(1'100, "invoke x 1 1 nack q delay_ms=500 items=9000010:300:1:a:aa") +
           Line(1'105, "ok x 1 1 nack q delay_ms=500 offset=1105 epoch=1 items=9000010:300:1:a:aa") +
           Receive(8'000, 8'005, "", "auto=1"),
       {"C15"}},
      {"passed over by the last of several leaders",
       Beats(1, 3'001, 1) + Beats(4'001, 7'001, 2) + Beats(8'001, 12'001, 3) + kDelayed +
           Receive(11'900, 11'905, "", "auto=1"),
       {"C15"}},
  };
}

TEST(MomcheckTimers, SaysNothingOfWhatIsInTimeOrMayHaveAnotherReason) {
  Expect(GoodTimers());
}

TEST(MomcheckTimers, FindsWhatStaysDue) {
  Expect(BadTimers());
}

}  // namespace
}  // namespace mom::cluster
