#include "bench/workload.h"

#include <algorithm>
#include <utility>

#include "bench/http_message.h"

namespace mom::bench {
namespace {

constexpr char kJson[] = "application/json";
constexpr int kLeaseMs = 60'000;

void Take(RawRequest request, Slot* slot) {
  slot->request = std::move(request.bytes);
  slot->body_at = request.body_at;
}

// Tells the checker how a publishing request ended.
uint64_t SettlePublish(const Slot& slot, int status, Checker* checker) {
  if (status >= 200 && status < 300) {
    checker->Acknowledged(slot.first, slot.count);
    return slot.count;
  }
  // Without an answer, and after 5xx, the message may be there all the same.
  if (status >= 400 && status < 500) checker->Refused(slot.first, slot.count);
  return 0;
}

class Publish final : public Workload {
 public:
  Publish(Target target, Checker* checker, uint64_t messages_max)
      : target_(std::move(target)), checker_(checker), messages_max_(messages_max) {}

  bool Prepare(Slot* slot, bool ending) override {
    if (ending || (messages_max_ != 0 && sent_ >= messages_max_)) return false;
    if (slot->request.empty()) {
      const std::string body(checker_->format().bytes(), ' ');
      Take(MakeRequest("POST", "/v1/queues/" + target_.queue + "/messages", target_.host, target_.token,
                       "text/plain", body),
           slot);
    }
    ++sent_;
    slot->kind = Kind::kPublish;
    slot->count = 1;
    slot->first = checker_->Issue(1);
    checker_->format().Write(slot->first, slot->request.data() + slot->body_at);
    return true;
  }
  uint64_t Answered(Slot* slot, int status, std::string_view) override {
    return SettlePublish(*slot, status, checker_);
  }

 private:
  Target target_;
  Checker* checker_;
  uint64_t messages_max_;
  uint64_t sent_ = 0;
};

class Batch final : public Workload {
 public:
  Batch(Target target, Checker* checker, uint64_t batch, uint64_t messages_max)
      : target_(std::move(target)), checker_(checker), batch_(batch), messages_max_(messages_max) {}

  bool Prepare(Slot* slot, bool ending) override {
    if (ending || (messages_max_ != 0 && sent_ >= messages_max_)) return false;
    const uint64_t count = messages_max_ == 0 ? batch_ : std::min(batch_, messages_max_ - sent_);
    if (slot->request.empty() || slot->count != count) Build(count, slot);
    sent_ += count;
    slot->kind = Kind::kBatch;
    slot->first = checker_->Issue(count);
    char* at = slot->request.data() + slot->body_at + kBegin.size();
    for (uint64_t i = 0; i < count; ++i) {
      checker_->format().Write(slot->first + i, at + kBefore.size());
      at += Stride();
    }
    return true;
  }
  uint64_t Answered(Slot* slot, int status, std::string_view) override {
    return SettlePublish(*slot, status, checker_);
  }

 private:
  static constexpr std::string_view kBegin = R"({"messages":[)";
  static constexpr std::string_view kBefore = R"({"body":")";
  static constexpr std::string_view kAfter = R"("},)";

  size_t Stride() const { return kBefore.size() + checker_->format().bytes() + kAfter.size(); }

  void Build(uint64_t count, Slot* slot) const {
    std::string body(kBegin);
    for (uint64_t i = 0; i < count; ++i) {
      body.append(kBefore).append(checker_->format().bytes(), ' ').append(kAfter);
    }
    body.pop_back();  // The last comma.
    body.append("]}");
    Take(MakeRequest("POST", "/v1/queues/" + target_.queue + "/batch", target_.host, target_.token, kJson,
                     body),
         slot);
    slot->count = count;
  }

  Target target_;
  Checker* checker_;
  uint64_t batch_;
  uint64_t messages_max_;
  uint64_t sent_ = 0;
};

class ReceiveAck final : public Workload {
 public:
  ReceiveAck(Target target, Checker* checker, uint64_t max, int wait_ms)
      : target_(std::move(target)), checker_(checker), wait_ms_(wait_ms) {
    const std::string body = "{\"max\":" + std::to_string(max) + ",\"lease_ms\":" + std::to_string(kLeaseMs) +
                             ",\"wait_ms\":" + std::to_string(wait_ms) + "}";
    receive_ = MakeRequest("POST", Path("receive"), target_.host, target_.token, kJson, body).bytes;
  }

  bool Prepare(Slot* slot, bool ending) override {
    if (slot->receipts.empty()) {
      if (ending || (ended_ && wait_ms_ == 0)) return false;
      slot->kind = Kind::kReceive;
      slot->count = 0;
      slot->request = receive_;
      return true;
    }
    slot->kind = Kind::kAck;
    Take(MakeRequest("POST", Path("ack"), target_.host, target_.token, kJson,
                     "{\"receipts\":[" + slot->receipts + "]}"),
         slot);
    return true;
  }

  uint64_t Answered(Slot* slot, int status, std::string_view body) override {
    const bool answered = status >= 200 && status < 300;
    if (slot->kind == Kind::kAck) {
      // An ack may be repeated; only an answer in 2xx or 4xx ends it.
      if (answered || (status >= 400 && status < 500)) slot->receipts.clear();
      return answered ? slot->count : 0;
    }
    if (!answered) return 0;
    if (!ScanMessages(body, &slot->scanned)) {
      checker_->Received("an answer that is not a list of messages");
      return 0;
    }
    slot->count = slot->scanned.bodies.size();
    ended_ = slot->count == 0;
    for (uint64_t i = 0; i < slot->count; ++i) {
      checker_->Received(slot->scanned.bodies[i]);
      if (i > 0) slot->receipts.push_back(',');
      slot->receipts.append("\"").append(slot->scanned.receipts[i]).append("\"");
    }
    return slot->count;
  }

 private:
  std::string Path(const char* verb) const { return "/v1/queues/" + target_.queue + "/" + verb; }

  Target target_;
  Checker* checker_;
  int wait_ms_;
  std::string receive_;
  bool ended_ = false;
};

class Read final : public Workload {
 public:
  explicit Read(const Target& target)
      : request_(MakeRequest("GET", "/v1/queues/" + target.queue, target.host, target.token, "", "").bytes),
        name_("\"name\":\"" + target.queue + "\"") {}

  bool Prepare(Slot* slot, bool ending) override {
    if (ending) return false;
    if (slot->request.empty()) slot->request = request_;
    slot->kind = Kind::kRead;
    return true;
  }
  uint64_t Answered(Slot*, int status, std::string_view body) override {
    if (IsExpected(status) && body.find(name_) == std::string_view::npos) ++foreign_;
    return 0;
  }
  std::string Failure() const override {
    if (foreign_ == 0) return {};
    return std::to_string(foreign_) + " answers were not about the queue that was asked for";
  }

 private:
  std::string request_;
  std::string name_;
  uint64_t foreign_ = 0;
};

class Mixed final : public Workload {
 public:
  Mixed(const Target& target, Checker* checker, uint64_t max)
      : publish_(target, checker, 0), receive_(target, checker, max, kWaitMs) {}

  bool Prepare(Slot* slot, bool ending) override { return Of(*slot).Prepare(slot, ending); }
  uint64_t Answered(Slot* slot, int status, std::string_view body) override {
    return Of(*slot).Answered(slot, status, body);
  }

 private:
  static constexpr int kWaitMs = 100;

  Workload& Of(const Slot& slot) {
    if (slot.id % 2 == 0) return publish_;
    return receive_;
  }

  Publish publish_;
  ReceiveAck receive_;
};

class Empty final : public Workload {
 public:
  Empty(const Target& target, const std::string& path, uint64_t size)
      : request_(MakeRequest("POST", path, target.host, target.token, "text/plain", std::string(size, 'x'))
                     .bytes) {}

  bool Prepare(Slot* slot, bool ending) override {
    if (ending) return false;
    if (slot->request.empty()) slot->request = request_;
    slot->kind = Kind::kEmpty;
    return true;
  }
  uint64_t Answered(Slot*, int, std::string_view) override { return 0; }
  bool IsExpected(int status) const override { return status == 404 || Workload::IsExpected(status); }

 private:
  std::string request_;
};

}  // namespace

std::unique_ptr<Workload> MakePublish(const Target& target, Checker* checker, uint64_t messages_max) {
  return std::make_unique<Publish>(target, checker, messages_max);
}
std::unique_ptr<Workload> MakeBatch(const Target& target, Checker* checker, uint64_t batch,
                                    uint64_t messages_max) {
  return std::make_unique<Batch>(target, checker, batch, messages_max);
}
std::unique_ptr<Workload> MakeReceiveAck(const Target& target, Checker* checker, uint64_t max, int wait_ms) {
  return std::make_unique<ReceiveAck>(target, checker, max, wait_ms);
}
std::unique_ptr<Workload> MakeMixed(const Target& target, Checker* checker, uint64_t max) {
  return std::make_unique<Mixed>(target, checker, max);
}
std::unique_ptr<Workload> MakeRead(const Target& target) {
  return std::make_unique<Read>(target);
}
std::unique_ptr<Workload> MakeEmpty(const Target& target, const std::string& path, uint64_t size) {
  return std::make_unique<Empty>(target, path, size);
}

}  // namespace mom::bench
