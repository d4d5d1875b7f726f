#include "replication/transport/grpc_call.h"

namespace mom::replication {

void CallRegister::CancelAll() {
  std::vector<std::shared_ptr<GrpcCall>> alive;
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
    for (const auto& [pointer, call] : alive_) {
      if (auto still = call.lock()) alive.push_back(std::move(still));
    }
  }
  for (const auto& call : alive) call->Cancel();
}

void CallRegister::AwaitNone() {
  std::unique_lock lock(mutex_);
  none_.wait(lock, [&] { return alive_.empty(); });
}

bool CallRegister::Add(const std::shared_ptr<CallRegister>& self, const std::shared_ptr<GrpcCall>& call) {
  std::lock_guard lock(mutex_);
  if (is_stopping_) return false;
  call->calls_ = self;
  alive_.emplace(call.get(), call);
  return true;
}

void CallRegister::Remove(const GrpcCall* call) {
  std::lock_guard lock(mutex_);
  alive_.erase(call);
  if (alive_.empty()) none_.notify_all();
}

GrpcCall::~GrpcCall() {
  if (calls_ != nullptr) calls_->Remove(this);
}

}  // namespace mom::replication
