// Answers that are handed over together: all of them, once, in order, and never kept for long.
#include "rest/http_port.h"

#include <gtest/gtest.h>

#include <thread>

namespace mom::rest {
namespace {

// Notes the numbers of the requests that were answered; 0 stands between two calls.
class NotingSink final : public Responder::Sink {
 public:
  void Complete(uint64_t request_number, HttpResponse response) override {
    numbers.push_back(request_number);
    statuses.push_back(response.status);
    numbers.push_back(0);
  }
  void CompleteAll(std::vector<std::pair<uint64_t, HttpResponse>>* answers) override {
    for (auto& [number, response] : *answers) {
      numbers.push_back(number);
      statuses.push_back(response.status);
    }
    numbers.push_back(0);
    answers->clear();
  }

  std::vector<uint64_t> numbers;
  std::vector<int> statuses;
};

void Answer(const std::shared_ptr<NotingSink>& sink, uint64_t number) {
  Responder(sink, number).Send(HttpResponse{200, {}, {}});
}

TEST(AnswersTogether, EachSinkGetsItsAnswersOnceAndInOrder) {
  const auto one = std::make_shared<NotingSink>();
  const auto two = std::make_shared<NotingSink>();
  {
    const AnswersTogether together;
    Answer(one, 1);
    Answer(two, 2);
    Answer(one, 3);
    EXPECT_TRUE(one->numbers.empty());
    std::thread([&] { Answer(two, 9); }).join();  // Another thread's answers are not kept.
    EXPECT_EQ(two->numbers, (std::vector<uint64_t>{9, 0}));
  }
  EXPECT_EQ(one->numbers, (std::vector<uint64_t>{1, 3, 0}));
  EXPECT_EQ(two->numbers, (std::vector<uint64_t>{9, 0, 2, 0}));
  Answer(one, 4);
  EXPECT_EQ(one->numbers, (std::vector<uint64_t>{1, 3, 0, 4, 0}));
}

TEST(AnswersTogether, ManyDoNotWaitForTheLast) {
  const auto sink = std::make_shared<NotingSink>();
  const AnswersTogether together;
  for (uint64_t number = 1; number <= 100; ++number) Answer(sink, number);
  EXPECT_GE(sink->statuses.size(), 50u);
  EXPECT_LT(sink->statuses.size(), 100u);
}

TEST(AnswersTogether, ADroppedResponderAnswers503) {
  const auto sink = std::make_shared<NotingSink>();
  {
    const AnswersTogether together;
    const Responder dropped(sink, 7);
  }
  EXPECT_EQ(sink->statuses, (std::vector<int>{503}));
}

}  // namespace
}  // namespace mom::rest
