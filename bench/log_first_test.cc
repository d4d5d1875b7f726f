// Goal: the ceiling does what it is a ceiling for: whoever was answered is in the log, in order.
#include "bench/log_first.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <string>
#include <vector>

#include "tests/wal/scratch_dir.h"
#include "wal/posix_env.h"

namespace mom::bench {
namespace {

class CountingSink final : public rest::Responder::Sink {
 public:
  void Complete(uint64_t, rest::HttpResponse response) override {
    const std::lock_guard lock(mutex_);
    response.status == 200 ? ++good_ : ++bad_;
    changed_.notify_all();
  }
  void Await(size_t answers) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return good_ + bad_ >= answers; });
    EXPECT_EQ(good_, answers);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t good_ = 0;
  size_t bad_ = 0;
};

TEST(LogFirst, WhatIsAnsweredIsInTheLog) {
  constexpr size_t kRequests = 100;
  const wal::ScratchDir dir("log_first");
  {
    const auto sink = std::make_shared<CountingSink>();
    auto log = LogFirst::Open(dir.path());
    ASSERT_TRUE(log.ok()) << log.status();
    for (size_t i = 0; i < kRequests; ++i) {
      rest::HttpRequest request;
      request.body = std::to_string(i);
      (*log)->Handle(std::move(request), rest::Responder(sink, i + 1));
    }
    sink->Await(kRequests);
  }
  auto log = wal::Wal::Open(wal::PosixEnv(), dir.path(), wal::WalOptions(), nullptr);
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_EQ((*log)->log_end(), Offset{kRequests});
  const auto entries = (*log)->Read(Offset{0}, 1u << 20);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), kRequests);
  for (size_t i = 0; i < kRequests; ++i) EXPECT_EQ((*entries)[i].bytes(), std::to_string(i));
}

TEST(LogFirst, ALogInUseIsRefused) {
  const wal::ScratchDir dir("log_first_twice");
  const auto first = LogFirst::Open(dir.path());
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(LogFirst::Open(dir.path()).status().code(), Status::kBusy);
}

}  // namespace
}  // namespace mom::bench
