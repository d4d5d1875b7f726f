// The command line of mom-bench as one plain value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/server.h"

namespace mom::bench {

struct Options {
  std::vector<std::string> urls = {"http://127.0.0.1:8080"};
  std::vector<Server> servers;  // From urls, one for each.
  std::string workload = "publish";
  int connections = 64;
  double seconds = 10;
  double warmup_seconds = 1;
  uint64_t rate = 0;      // Requests a second at fixed times (open loop); 0: as fast as answers come.
  uint64_t messages = 0;  // Stop sending after so many; 0: when the time is over.
  uint64_t size = 256;    // Bytes of a payload.
  uint64_t batch = 100;   // Messages of a batch, and at most of one receive.
  uint64_t prefill = 200'000;
  std::string user;  // Empty: register one.
  std::string password_file;
  std::string queue;                // Empty: make one.
  uint64_t queue_messages_max = 0;  // Settings of the queue that is made; 0: the broker's default.
  uint64_t queue_bytes_max = 0;
  std::string verify = "drain";
  std::string path = "/";  // Of the workload empty.
  std::string directory = ".";
  uint64_t records_per_sync = 64;
  std::string json_file;
  std::string samples_file;
  uint64_t seed = 1;
};

// Returns false when the program shall end with `*exit_code`; messages are printed already.
bool ParseOptions(int argc, char** argv, Options* options, int* exit_code);

}  // namespace mom::bench
