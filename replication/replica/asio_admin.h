// AsioAdmin: what administrators ask of the cluster, carried out where this node leads, passed on to the
// leader where it does not. One hop and no more.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "replication/replica/asio_runtime.h"
#include "replication/replica/replica.h"
#include "replication/replica/replica_driver.h"
#include "replication/transport/transport.h"

namespace mom::replication {

struct AdminHooks {
  std::function<NodeId()> leader;  // 0: unknown.
  // Runs it where the driver is used.
  std::function<void(std::function<void()> task)> on_driver_thread;
};

// Administer and OnAdminister are thread-safe; the rest belongs to the driver's thread.
class AsioAdmin {
 public:
  // All must outlive it.
  AsioAdmin(const quorum::Identity& self, AsioRuntime* runtime, Transport* transport, ReplicaDriver* driver,
            AdminHooks hooks);

  // `done` once, on any thread; what it is told: see Replica::Administer.
  void Administer(AdminRequest request, std::function<void(Status)> done);
  // Asked by another node.
  void OnAdminister(const quorum::Identity& from, AdminRequest request, std::function<void(Status)> reply);
  // Answers who waits; nothing is tried any more.
  void Stop();

 private:
  using Done = std::function<void(Status)>;
  // A node on its way to be a voter.
  struct Joining {
    quorum::ReplicaKey key;
    std::string address;
    Instant deadline;
    Done done;
  };

  void Run(AdminRequest request, Done done);
  void Add(AdminRequest request, Done done);
  Status Judge(const AdminRequest& request, const Result<Greeting>& greeting) const;
  void OnGreeted(const AdminRequest& request, const Result<Greeting>& greeting, Done done);
  void Promote(Joining joining);
  void OnJudged(Joining joining, quorum::Refusal refusal);
  void Try(AdminRequest request, Instant deadline, Done done);
  void Later(std::function<void()> again, Done done);
  void Remove(const AdminRequest& request, Done done);
  void Transfer(const AdminRequest& request, Done done);
  std::string Lag(const quorum::ReplicaKey& key) const;

  const quorum::Identity self_;
  AsioRuntime* const runtime_;
  Transport* const transport_;
  ReplicaDriver* const driver_;
  const AdminHooks hooks_;
  AsioTimer timer_;
  bool stopped_ = false;
  // What is tried again soon, and who is answered if it never is.
  struct Waiting {
    std::function<void()> again;
    Done done;
  };
  std::vector<Waiting> waiting_;
};

}  // namespace mom::replication
