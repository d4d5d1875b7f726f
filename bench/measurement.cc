#include "bench/measurement.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include "bench/api_client.h"
#include "bench/driver.h"
#include "bench/workload.h"

namespace mom::bench {
namespace {

constexpr int kHelperConnections = 4;  // Of filling and draining.
constexpr uint64_t kHelperBatch = 1000;
constexpr uint64_t kHelperBatchBytesMax = 3 << 20;  // Below the broker's 4 MiB for a batch.
constexpr double kHelperSecondsMax = 1800;
constexpr auto kDrainPatience =
    std::chrono::seconds(90);  // Longer than a lease that was lost with its answer.

std::string RandomWord() {
  std::random_device device;
  std::string word;
  for (int i = 0; i < 24; ++i) word.push_back("abcdefghijklmnopqrstuvwxyz234567"[device() % 32]);
  return word;
}

Result<std::string> ReadPassword(const std::string& file) {
  std::ifstream in(file);
  std::string password;
  if (!std::getline(in, password) || password.empty()) {
    return Status(Status::kInvalidArgument, "no password in the first line of " + file);
  }
  return password;
}

// One run: its session, queue and checker.
class Runner {
 public:
  explicit Runner(const Options& options)
      : options_(options),
        api_(options.servers.front()),
        checker_(PayloadFormat(static_cast<uint32_t>(std::random_device()()), options.size)) {
    target_.host = options.servers.front().Name();
  }

  Measurement Run() {
    Measurement measurement;
    Status status = options_.workload == "empty" ? Status() : SetUp();
    measurement.recorder.keeps_samples = !options_.samples_file.empty();
    if (status.ok()) status = RunWorkload(&measurement.recorder);
    if (!status.ok()) {
      measurement.failure = status.message();
      return measurement;
    }
    if (expected_answers_ == 0) measurement.failure = "no request was answered as expected";
    if (carries_messages()) measurement.verification = Verify();
    return measurement;
  }

 private:
  Status SetUp() {
    std::string user = options_.user;
    std::string password;
    if (user.empty()) {
      user = "bench-" + RandomWord().substr(0, 10);
      password = RandomWord();
      MOM_RETURN_IF_ERROR(api_.Register(user, password));
    } else {
      auto read = ReadPassword(options_.password_file);
      if (!read.ok()) return read.status();
      password = read.value();
    }
    MOM_RETURN_IF_ERROR(api_.Connect(user, password));
    target_.token = api_.token();
    target_.queue = options_.queue;
    if (target_.queue.empty()) {
      target_.queue = "bench-" + RandomWord().substr(0, 10);
      MOM_RETURN_IF_ERROR(
          api_.MakeQueue(target_.queue, options_.queue_messages_max, options_.queue_bytes_max));
    }
    const auto counts = api_.Counts(target_.queue);
    if (!counts.ok()) return counts.status();
    if (counts->held() > 0 && carries_messages()) {
      return Status(Status::kInvalidArgument, "queue " + target_.queue + " is not empty; give an empty one");
    }
    if (options_.workload == "receive-ack") return Prefill();
    return {};
  }

  Status Prefill() {
    Recorder ignored;
    const uint64_t batch = std::clamp<uint64_t>(kHelperBatchBytesMax / options_.size, 1, kHelperBatch);
    const auto workload = MakeBatch(target_, &checker_, batch, options_.prefill);
    Driver driver(options_.servers, kHelperConnections);
    MOM_RETURN_IF_ERROR(driver.Run(workload.get(), {0, kHelperSecondsMax, 0}, &ignored));
    const CheckResult filled = checker_.Finish(false);
    if (filled.acknowledged == options_.prefill) return {};
    return Status(Status::kIoError, "only " + std::to_string(filled.acknowledged) + " of " +
                                        std::to_string(options_.prefill) + " messages could be filled in");
  }

  std::unique_ptr<Workload> Make() {
    if (options_.workload == "publish") return MakePublish(target_, &checker_, options_.messages);
    if (options_.workload == "batch") return MakeBatch(target_, &checker_, options_.batch, options_.messages);
    if (options_.workload == "receive-ack") return MakeReceiveAck(target_, &checker_, options_.batch, 0);
    if (options_.workload == "read") return MakeRead(target_);
    if (options_.workload == "mixed") return MakeMixed(target_, &checker_, options_.batch);
    return MakeEmpty(target_, options_.path, options_.size);
  }

  Status RunWorkload(Recorder* recorder) {
    const auto workload = Make();
    RunLimits limits{options_.warmup_seconds, options_.seconds, options_.rate};
    if (options_.messages > 0) limits.seconds = 0;
    // What ends by itself is measured from its first request.
    if (options_.messages > 0 || options_.workload == "receive-ack") limits.warmup_seconds = 0;
    Driver driver(options_.servers, options_.connections);
    Status status = driver.Run(workload.get(), limits, recorder);
    if (status.ok() && !workload->Failure().empty())
      status = Status(Status::kCorruption, workload->Failure());
    for (const auto& [code, count] : recorder->statuses) {
      if (workload->IsExpected(code)) expected_answers_ += count;
    }
    return status;
  }

  Verification Verify() {
    Verification verification{options_.verify, {}, {}};
    if (options_.verify == "drain") {
      const Status drained = Drain();
      verification.result = checker_.Finish(drained.ok());
      verification.failure = drained.message();
    } else {
      verification.result = checker_.Finish(false);
      if (options_.verify == "count") verification.failure = CompareCounts(verification.result);
    }
    if (verification.failure.empty() && !verification.result.ok()) {
      verification.failure = "messages are missing, doubled, damaged or invented";
    }
    return verification;
  }

  // Receives and acknowledges until the queue's own counts say that it is empty.
  Status Drain() {
    const auto deadline = std::chrono::steady_clock::now() + kDrainPatience;
    while (true) {
      Recorder ignored;
      const auto workload = MakeReceiveAck(target_, &checker_, kHelperBatch, 0);
      Driver driver(options_.servers, kHelperConnections);
      MOM_RETURN_IF_ERROR(driver.Run(workload.get(), {0, kHelperSecondsMax, 0}, &ignored));
      const auto counts = api_.Counts(target_.queue);
      if (!counts.ok()) return counts.status();
      if (counts->held() == 0) return {};
      if (std::chrono::steady_clock::now() > deadline) {
        return Status(Status::kIoError, "the queue still holds " + std::to_string(counts->held()) +
                                            " messages and gives out none");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }

  std::string CompareCounts(const CheckResult& result) {
    const auto counts = api_.Counts(target_.queue);
    if (!counts.ok()) return counts.status().message();
    if (counts->held() >= result.acknowledged && counts->held() <= result.acknowledged + result.unknown)
      return {};
    return "the queue holds " + std::to_string(counts->held()) + " messages, acknowledged were " +
           std::to_string(result.acknowledged) + " and unknown " + std::to_string(result.unknown);
  }

  bool carries_messages() const { return options_.workload != "empty" && options_.workload != "read"; }

  const Options& options_;
  ApiClient api_;
  Checker checker_;
  Target target_;
  uint64_t expected_answers_ = 0;
};

}  // namespace

Measurement Measure(const Options& options) {
  return Runner(options).Run();
}

}  // namespace mom::bench
