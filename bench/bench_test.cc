// Goal: the load generator's own judgement can be trusted. Method: every kind of damage that it looks for is
// made by hand, and its percentiles are compared with sorted values.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <random>
#include <string>
#include <vector>

#include "bench/checker.h"
#include "bench/group_commit.h"
#include "bench/histogram.h"
#include "bench/http_message.h"
#include "bench/message_scan.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/recorder.h"
#include "bench/workload.h"

namespace mom::bench {
namespace {

std::string Make(const PayloadFormat& format, uint64_t number) {
  std::string payload(format.bytes(), ' ');
  format.Write(number, payload.data());
  return payload;
}

TEST(Histogram, PercentilesAreWithinOnePercent) {
  std::mt19937_64 random(7);
  Histogram histogram;
  std::vector<uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(random() >> (random() % 60));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.Percentile(1.0), values.back());
  for (const double fraction : {0.001, 0.5, 0.9, 0.99, 0.999}) {
    const uint64_t exact = values[static_cast<size_t>(fraction * 100'000) - 1];
    EXPECT_GE(histogram.Percentile(fraction), exact);
    EXPECT_LE(histogram.Percentile(fraction), exact + exact / 100 + 1);
  }
}

TEST(Histogram, EdgesAndClear) {
  Histogram histogram;
  EXPECT_EQ(histogram.Percentile(0.5), 0u);
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, UINT64_MAX})
    histogram.Record(value);
  EXPECT_EQ(histogram.Percentile(0.25), 0u);
  EXPECT_EQ(histogram.Percentile(0.5), 127u);
  EXPECT_EQ(histogram.Percentile(0.75), 128u);
  EXPECT_EQ(histogram.Percentile(1), UINT64_MAX);
  histogram.Clear();
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
}

// A bound that holds however slow the machine is.
TEST(GroupCommit, StartsNoMoreSyncsThanItsRate) {
  GroupCommitOptions options;
  options.directory = testing::TempDir();
  options.records_per_sync = 1;
  options.seconds = 0.2;
  options.rate = 50;
  const auto paced = RunGroupCommit(options);
  ASSERT_TRUE(paced.ok()) << paced.status().ToString();
  EXPECT_GE(paced->records, 1u);
  EXPECT_LE(static_cast<double>(paced->records), paced->seconds * 50 + 1);
  EXPECT_EQ(paced->sync_ns.count(), paced->records);
}

TEST(Payload, SaysWhatItIs) {
  for (const size_t bytes : {kPayloadBytesMin, size_t{41}, size_t{256}, size_t{5000}}) {
    const PayloadFormat format(0xfeedbeef, bytes);
    for (const uint64_t number : {uint64_t{0}, uint64_t{9'999'999}, UINT64_MAX}) {
      uint64_t found = 1;
      EXPECT_EQ(format.Read(Make(format, number), &found), PayloadVerdict::kOk);
      EXPECT_EQ(found, number);
    }
  }
}

TEST(Payload, EveryChangedByteIsSeen) {
  const PayloadFormat format(1, 64);
  const std::string good = Make(format, 42);
  uint64_t number = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'x' ? 'y' : 'x';
    EXPECT_EQ(format.Read(bad, &number), PayloadVerdict::kCorrupted) << i;
  }
  EXPECT_EQ(format.Read(good.substr(1), &number), PayloadVerdict::kCorrupted);
  EXPECT_EQ(format.Read("", &number), PayloadVerdict::kCorrupted);
  EXPECT_EQ(PayloadFormat(2, 64).Read(good, &number), PayloadVerdict::kForeign);
}

class CheckerTest : public testing::Test {
 protected:
  // Numbers 0 to 9, acknowledged; 10 refused; 11 without an answer.
  CheckerTest() {
    checker_.Acknowledged(checker_.Issue(10), 10);
    checker_.Refused(checker_.Issue(1), 1);
    checker_.Issue(1);
  }
  void ReceiveAll() {
    for (uint64_t i = 0; i < 10; ++i) checker_.Received(Make(format_, i));
  }

  PayloadFormat format_{5, 64};
  Checker checker_{format_};
};

TEST_F(CheckerTest, AllIsWell) {
  ReceiveAll();
  CheckResult result = checker_.Finish(true);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.acknowledged, 10u);
  EXPECT_EQ(result.refused, 1u);
  EXPECT_EQ(result.unknown, 1u);
  EXPECT_EQ(result.received, 10u);
  checker_.Received(Make(format_, 11));  // Without an answer it may be there.
  EXPECT_TRUE(checker_.Finish(true).ok());
}

TEST_F(CheckerTest, FindsMissing) {
  for (uint64_t i = 1; i < 10; ++i) checker_.Received(Make(format_, i));
  EXPECT_TRUE(checker_.Finish(false).ok());
  EXPECT_EQ(checker_.Finish(true).missing, 1u);
  EXPECT_FALSE(checker_.Finish(true).ok());
}

TEST_F(CheckerTest, FindsDoubled) {
  ReceiveAll();
  checker_.Received(Make(format_, 3));
  checker_.Received(Make(format_, 3));
  EXPECT_EQ(checker_.Finish(true).duplicated, 2u);
  EXPECT_FALSE(checker_.Finish(true).ok());
}

TEST_F(CheckerTest, FindsDamaged) {
  ReceiveAll();
  checker_.Received("not one of ours");
  EXPECT_EQ(checker_.Finish(true).corrupted, 1u);
  EXPECT_FALSE(checker_.Finish(true).ok());
}

TEST_F(CheckerTest, FindsInvented) {
  ReceiveAll();
  checker_.Received(Make(format_, 10));                      // Refused.
  checker_.Received(Make(format_, 12));                      // Never sent.
  checker_.Received(Make(PayloadFormat(format_), 999'999));  // Never sent.
  checker_.Received(Make(PayloadFormat(6, 64), 1));          // Of another run.
  EXPECT_EQ(checker_.Finish(true).phantom, 4u);
  EXPECT_FALSE(checker_.Finish(true).ok());
}

TEST(MessageScan, PlainAndEscapedAnswersGiveTheSame) {
  ReceivedMessages fast;
  ASSERT_TRUE(ScanMessages(
      R"({"messages":[{"id":"1","body":"a","receipt":"r1"},{"body":"b","receipt":"r2"}]})", &fast));
  EXPECT_EQ(fast.bodies, (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(fast.receipts, (std::vector<std::string_view>{"r1", "r2"}));
  EXPECT_TRUE(fast.storage.empty());
  ReceivedMessages slow;
  ASSERT_TRUE(
      ScanMessages(R"({ "messages": [{"body": "a\"b", "receipt": "r1"}, {"receipt":"r2"}] })", &slow));
  EXPECT_EQ(slow.bodies, (std::vector<std::string_view>{"a\"b", ""}));
  EXPECT_EQ(slow.receipts, (std::vector<std::string_view>{"r1", "r2"}));
}

TEST(MessageScan, EmptyAndForeignAnswers) {
  ReceivedMessages scanned;
  EXPECT_TRUE(ScanMessages(R"({"messages":[]})", &scanned));
  EXPECT_TRUE(scanned.bodies.empty());
  EXPECT_FALSE(ScanMessages("", &scanned));
  EXPECT_FALSE(ScanMessages(R"({"ids":[]})", &scanned));
  EXPECT_FALSE(ScanMessages(R"({"messages":[{"body":"a)", &scanned));
}

// Goal: an answer is understood however the network cuts it. Method: cut it at every byte.
TEST(AnswerParser, AnyCut) {
  const std::string answer =
      "HTTP/1.1 201 Created\r\nContent-Length: 11\r\nMom-Node: 1\r\n\r\n{\"id\":\"12\"}";
  for (size_t cut = 1; cut < answer.size(); ++cut) {
    std::string body;
    AnswerParser parser(&body);
    boost::beast::error_code error;
    size_t taken = parser.put(boost::asio::buffer(answer.data(), cut), error);
    ASSERT_TRUE(!error || error == boost::beast::http::error::need_more) << cut;
    ASSERT_FALSE(parser.is_done());
    while (taken < answer.size() && !parser.is_done()) {
      error = {};
      taken += parser.put(boost::asio::buffer(answer.data() + taken, answer.size() - taken), error);
      ASSERT_FALSE(error) << cut;
    }
    EXPECT_EQ(parser.status(), 201);
    EXPECT_EQ(body, "{\"id\":\"12\"}");
    EXPECT_TRUE(parser.keep_alive());
  }
}

TEST(MakeRequest, BodyCanBePatchedInPlace) {
  RawRequest request = MakeRequest("POST", "/p", "h:1", "tok", "text/plain", "abc");
  EXPECT_EQ(request.bytes,
            "POST /p HTTP/1.1\r\nHost: h:1\r\nConnection: keep-alive\r\nAuthorization: Bearer tok\r\n"
            "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(request.bytes.substr(request.body_at), "abc");
}

TEST(Recorder, SamplesAsCsv) {
  EXPECT_EQ(ToCsv({{-1'000, 1'500, 201, Kind::kPublish}, {2'000'000'000, 20'000, 0, Kind::kRead}}),
            "intended_s,latency_us,kind,status\n-0.000001,1.5,publish,201\n2.000000,20.0,read,0\n");
}

TEST(Read, AsksForTheQueueAndNoticesAnotherOne) {
  const auto read = MakeRead({"h:1", "tok", "orders"});
  Slot slot;
  ASSERT_TRUE(read->Prepare(&slot, false));
  EXPECT_EQ(slot.request.substr(0, slot.request.find("\r\n")), "GET /v1/queues/orders HTTP/1.1");
  EXPECT_EQ(slot.kind, Kind::kRead);
  read->Answered(&slot, 200, R"({"name":"orders","ready":3})");
  read->Answered(&slot, 404, R"({"code":"queue-not-found"})");  // Counted as a status, not as a wrong answer.
  EXPECT_EQ(read->Failure(), "");
  read->Answered(&slot, 200, R"({"name":"order","ready":3})");
  EXPECT_EQ(read->Failure(), "1 answers were not about the queue that was asked for");
  EXPECT_FALSE(read->Prepare(&slot, true));
}

// What ParseOptions makes of a command line; -1 when it goes on.
int ParsedExit(std::vector<std::string> arguments, Options* options) {
  arguments.insert(arguments.begin(), "mom-bench");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  int exit_code = 0;
  return ParseOptions(static_cast<int>(pointers.size()), pointers.data(), options, &exit_code) ? -1
                                                                                               : exit_code;
}

TEST(Options, SeveralServers) {
  Options options;
  ASSERT_EQ(ParsedExit({"--url", "http://a:1,http://[::1]:2/", "--url", "http://b.c:3"}, &options), -1);
  ASSERT_EQ(options.servers.size(), 3u);
  EXPECT_EQ(options.servers[0].host + " " + options.servers[0].port, "a 1");
  EXPECT_EQ(options.servers[1].host + " " + options.servers[1].port, "::1 2");
  EXPECT_EQ(options.servers[2].host + " " + options.servers[2].port, "b.c 3");
  Options usual;
  ASSERT_EQ(ParsedExit({}, &usual), -1);
  ASSERT_EQ(usual.servers.size(), 1u);
  EXPECT_EQ(usual.servers[0].port, "8080");
}

TEST(Options, MistakesEndWithExitCode2) {
  const std::vector<std::vector<std::string>> mistakes = {
      {"--url", "http://a:1,ftp://b:2"},
      {"--url", "http://a"},
      {"--workload", "read", "--messages", "5"},
      {"--user", "somebody"},
      {"--workload", "receive-ack", "--verify", "count"},
      {"--workload", "mixed", "--verify", "count"},
  };
  for (const auto& mistake : mistakes) {
    Options options;
    EXPECT_EQ(ParsedExit(mistake, &options), 2) << mistake.back();
  }
}

}  // namespace
}  // namespace mom::bench
