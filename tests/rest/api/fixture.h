// A node without log and network: commands are applied at once to a view in memory; requests go straight to
// the handler.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/broker/broker.h"
#include "replication/replica/replica.h"
#include "rest/api.h"

namespace mom::rest {

// Thread-safe, except that tests set its knobs while nothing runs.
class FakeReplica final : public replication::Replica {
 public:
  void Propose(v1::Command command, std::function<void(replication::Outcome)> done) override;
  std::unique_ptr<replication::ViewSnapshot> Snapshot() const override;
  const replication::LatestView& Latest() const override { return latest_; }
  Offset applied_end() const override;
  std::string_view Role() const override {
    return shape.role.empty() ? std::string_view("leader") : std::string_view(shape.role);
  }
  void WaitApplied(Offset offset, int64_t timeout_ms, std::function<void(bool)> done) override;
  void ReadBarrier(int64_t, std::function<void(Result<Offset>)> done) override { done(applied_end()); }
  void Administer(replication::AdminRequest request, std::function<void(Status)> done) override {
    administered.push_back(std::move(request));
    done(admin_answer);
  }
  replication::ReplicaInfo Info() const override;
  Timestamp Now() const override;
  void SetWokenListener(WokenListener listener) override { listener_ = std::move(listener); }
  void SetUpheavalListener(std::function<void()> listener) override { upheaval_ = std::move(listener); }

  // Lets time pass: a clock entry at the new time.
  void Advance(int64_t ms);
  uint64_t entries() const { return applied_end().value; }
  int snapshots() const { return snapshots_; }  // Taken so far.
  // Says that everything may be otherwise, for instance shape.diverged.
  void TellUpheaval() const { upheaval_(); }
  // Another state takes the place of this one, as a snapshot from another node does; nobody is told of its
  // parts.
  void Install(const FakeReplica& other);

  Status failure;                  // Answer of every Propose while not ok.
  replication::ReplicaInfo shape;  // What Info() shows besides the ends.
  Status admin_answer;             // Of every Administer.
  std::vector<replication::AdminRequest> administered;
  // Called after every read of the view, outside of the lock; may propose. For what happens between reading
  // and answering.
  std::function<void()> on_read;

 private:
  broker::Applied Apply(EntryKind kind, std::string payload);
  void Tell(const broker::Applied& applied) const;
  void WasRead() const;

  // Forgets a note with the next entry, whatever that writes.
  class LockedReader final : public replication::LatestView {
   public:
    explicit LockedReader(const FakeReplica* replica) : replica_(replica) {}
    std::optional<std::string> Get(std::string_view key) const override { return Look(key).value; }
    Record Look(std::string_view key) const override;
    void Keep(std::string_view key, uint64_t stamp, Note note) const override;
    std::unique_ptr<broker::ViewIterator> NewIterator() const override {
      MOM_CHECK(false, "Latest() is for single records");
      return nullptr;
    }

   private:
    const FakeReplica* replica_;
    mutable std::map<std::pair<std::string, uint64_t>, int64_t>
        notes_;  // By key and stamp; guarded by its mutex.
  };

  mutable std::mutex mutex_;
  mutable std::atomic<int> snapshots_{0};
  broker::MemoryView view_;
  const LockedReader latest_{this};
  Offset end_;
  int64_t now_ms_ = 1'700'000'000'000;
  std::vector<std::pair<uint64_t, std::function<void(bool)>>> offset_waiters_;
  WokenListener listener_;
  std::function<void()> upheaval_;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  int status = 0;
  std::string body;
  std::map<std::string, std::string> headers;
  // Value of the first member of that name anywhere in the body: text without quotes, numbers as written.
  std::string Field(const std::string& name) const;
  // Values of all of them.
  std::vector<std::string> Fields(const std::string& name) const;
  std::string Code() const { return Field("code"); }
};

// One request under way.
class PendingAnswer final : public Responder::Sink {
 public:
  void Complete(uint64_t request_number, HttpResponse response) override;
  Answer Wait();  // Fails the test after 30 s.
  bool IsDone() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  Answer answer_;
};

class ApiTest : public ::testing::Test {
 protected:
  ApiTest();
  ~ApiTest() override;

  static ApiOptions CheapOptions();  // Passwords cost next to nothing.
  void Restart(ApiOptions options);

  std::shared_ptr<PendingAnswer> Start(const std::string& token, const std::string& method,
                                       const std::string& target, std::string body = "",
                                       Headers headers = {});
  Answer Ask(const std::string& token, const std::string& method, const std::string& target,
             std::string body = "", Headers headers = {});
  // Registers and connects; the token.
  std::string MakeUser(const std::string& name);
  std::string Connect(const std::string& name);
  std::string MakeAdmin();  // REQUIRES: there is no user yet.
  // A queue of `token`'s user, with further members such as "\"receivers\":\"*\"".
  void MakeQueue(const std::string& token, const std::string& name, const std::string& members = "");

  FakeReplica replica_;
  std::unique_ptr<Api> api_;
  std::shared_ptr<std::atomic<bool>> hung_up_;  // Of the requests started from now on.
  std::string peer_ = "127.0.0.1";              // Likewise: from where.
};

}  // namespace mom::rest
