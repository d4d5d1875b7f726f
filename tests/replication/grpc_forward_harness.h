// A leader that does as a test says, and what counts outcomes of forwarded commands.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/wire.h"
#include "tests/replication/transport_harness.h"

namespace mom::replication {

using ForwardReply = std::function<void(Outcome)>;
using ServerStream = grpc::ServerReaderWriter<v1::ForwardDown, v1::ForwardUp>;

// A leader that does as the test says.
class FakeLeader final : public v1::Peer::Service {
 public:
  explicit FakeLeader(std::function<grpc::Status(ServerStream*)> serve) : serve_(std::move(serve)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(wire::kMessageBytesMax));
    builder.SetSyncServerOption(grpc::ServerBuilder::CQ_TIMEOUT_MSEC, 50);  // Else its end may take 10 s.
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    MOM_CHECK(server_ != nullptr);
  }
  ~FakeLeader() override { server_->Shutdown(std::chrono::system_clock::now()); }
  std::string listening() const { return "127.0.0.1:" + std::to_string(port_); }
  grpc::Status Forward(grpc::ServerContext*, ServerStream* stream) override { return serve_(stream); }

 private:
  const std::function<grpc::Status(ServerStream*)> serve_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// How many outcomes of each kind there were.
class Tally {
 public:
  std::function<void(Outcome)> Count() {
    return [this](const Outcome& outcome) {
      std::lock_guard lock(mutex_);
      ++counts_[outcome.status.code()];
      ++total_;
      changed_.notify_all();
    };
  }
  std::map<Status::Code, size_t> Await(size_t total) {
    std::unique_lock lock(mutex_);
    MOM_CHECK(changed_.wait_for(lock, kPatience, [&] { return total_ >= total; }));
    MOM_CHECK(total_ == total, total_, total);
    return counts_;
  }
  size_t total() {
    std::lock_guard lock(mutex_);
    return total_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Status::Code, size_t> counts_;
  size_t total_ = 0;
};

// The commands that a node was given, with their replies.
struct Kept {
  explicit Kept(TestNode* node) {
    node->recorder.on_forward = [this](const quorum::Identity&, std::string command, ForwardReply reply) {
      std::lock_guard lock(mutex);
      commands.emplace_back(std::move(command), std::move(reply));
      changed.notify_all();
    };
  }
  void Await(size_t count) {
    std::unique_lock lock(mutex);
    MOM_CHECK(changed.wait_for(lock, kPatience, [&] { return commands.size() >= count; }));
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::string, ForwardReply>> commands;
};

}  // namespace mom::replication
