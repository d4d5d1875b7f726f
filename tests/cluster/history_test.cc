// Goal: a history is read as it was written, and what is none is refused. Method: round trips, and lines that
// differ from a good one in one point.
#include "tests/cluster/history.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cluster/history_text.h"

namespace mom::cluster {
namespace {

TEST(History, EveryFieldIsReadAsItWasWritten) {
  const auto events = Parse(
      "10 invoke p 1 1 publish q user=u session=s key=k1 items=0:0:0:a:aa,0:0:0:b:bb\n"
      "12 ok p 1 1 publish q offset=10 epoch=1 applied=11 replayed=1 items=100:0:0:a:aa\n"
      "13 invoke c 1 2 receive q number=8 auto=1 lease_ms=1000\n"
      "14 info c 1 2 receive q code=uncertain\n"
      "15 invoke d 1 3 count q min=4 linearizable=1\n"
      "16 fail e 1 3 ack q failed=1:2:0:0:0\n"
      "17 ok s 0 1 sample - digest=d boot=2 epoch=1 offset=2 applied=3\n");
  ASSERT_EQ(events.size(), 7u);
  EXPECT_EQ(events[0].items.size(), 2u);
  EXPECT_EQ(events[6].queue, "");
  std::string text;
  for (const Event& event : events) text += ToLine(event) + "\n";
  EXPECT_EQ(Parse(text), events);
}

// Room is made from what the first thousand events say of the rest.
TEST(History, LongFilesAreReadToTheEnd) {
  constexpr size_t kCount = 2500;
  std::string text = "# a comment\n\n";
  for (size_t i = 0; i < kCount; ++i) text += "1 invoke c " + std::to_string(i) + " 1 count q\n";
  const std::vector<Event> events = Parse(text);
  ASSERT_EQ(events.size(), kCount);
  for (size_t i = 0; i < kCount; ++i) EXPECT_EQ(events[i].op, i);
}

TEST(History, RefusesWhatIsNone) {
  const std::vector<std::string> wrong = {"x ok p 1 1 publish q",
                                          "1 no p 1 1 publish q",
                                          "1 ok p x 1 publish q",
                                          "1 ok p 1 1 shout q",
                                          "1 ok p 1 1 publish",
                                          "1 ok p 1 1 publish q items=1:2",
                                          "1 ok p 1 1 publish q items=",
                                          "1 ok p 1 1 publish q what=1",
                                          "1 ok p 1 1 publish q offset=a",
                                          "1 ok p 1 1 publish q auto=2",
                                          "1 ok p 1 1 publish q items=1:2:3:4:5:6"};
  for (const std::string& line : wrong) {
    Event event;
    std::string why;
    EXPECT_FALSE(ParseLine(line, &event, &why)) << line;
    EXPECT_FALSE(why.empty());
  }
}

}  // namespace
}  // namespace mom::cluster
