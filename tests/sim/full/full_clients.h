// FullClients: publish, receive and read, each one thing at a time, and repeat what is uncertain with the
// same key. One queue is for what happens at a time: delays, leases, giving
// back with a delay, times to live.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mom/v1/commands.pb.h"
#include "tests/sim/full/full_world.h"

namespace mom::sim {

// Not thread-safe.
class FullClients {
 public:
  explicit FullClients(FullWorld* world);

  void Start();
  // No new work is begun; what is under way ends.
  void Finish() { finishing_ = true; }
  bool idle() const;
  // One more publish, by a client of its own.
  void PublishOne();

 private:
  enum class Kind { kSetUp, kPublish, kReceive, kTimed };
  struct Client {
    bool busy = false;
    uint64_t attempt = 0;  // Answers to earlier ones are void.
    Kind kind = Kind::kSetUp;
    std::string queue;
    v1::Command command;
    size_t set_up = 0;              // Next of the commands that make the world.
    std::vector<v1::Receipt> held;  // Leases of the queue for timed things, perhaps over.
  };

  void Begin(size_t client);
  bool MakeSetUp(Client* client);
  uint64_t PasswordRevision() const;
  bool IsConnected() const;
  void MakeWork(Client* client);
  void MakeTimed(Client* client);
  void Try(size_t client);
  void OnOutcome(size_t client, uint64_t attempt, const std::string& payload,
                 const replication::Outcome& outcome);
  void Done(size_t client);
  static void Hold(const v1::Reply& reply, Client* client);
  void Again(size_t client);
  void ReadSomewhere();
  FullNode* Choose();

  FullWorld* const world_;
  std::vector<Client> clients_;
  uint64_t next_key_ = 0;
  bool ready_ = false;
  bool finishing_ = false;
};

}  // namespace mom::sim
