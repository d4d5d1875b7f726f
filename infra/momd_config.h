// Config of momd: flags beat environment variables beat the configuration file beats defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace mom::infra {

// Half of the processors, 1 to 8: the other half is for log, view and protocol.
uint32_t DefaultRestThreads();

struct MomdConfig {
  uint32_t node_id = 1;
  std::string data_dir = "./mom-data";
  std::string rest_listen = "127.0.0.1:8080";
  std::string grpc_listen = "127.0.0.1:9080";
  std::string peers;
  std::string join;
  std::string grpc_ca;
  std::string grpc_certificate;
  std::string grpc_key;
  bool grpc_plaintext = false;  // Beyond loopback, too.
  uint32_t fetch_timeout_ms = 2000;
  std::string admin_password_file;
  std::string registration = "open";  // Or "closed".
  std::string trusted_proxies = "127.0.0.1,::1";
  std::string log_level = "info";
  uint32_t rest_threads = DefaultRestThreads();
  uint32_t waits_per_user_max = 4096;
  uint64_t log_retain_mib = 4096;
  uint64_t disk_free_min_mib = 256;
};

// Either a configuration to run with, or the exit code of a run that is over (--help, --version, bad input);
// what there is to say has been printed.
struct ParsedArguments {
  std::optional<MomdConfig> config;
  int exit_code = 0;
  std::vector<std::string> warnings;  // For the log, with `config`.
};
ParsedArguments ParseArguments(int argc, char** argv);

// Of all options that can be given as a flag (--node-id), a variable (MOM_NODE_ID) and a key in the file
// (node_id): "node-id".
std::vector<std::string> OptionNames();

struct HostPort {
  std::string host;
  uint16_t port = 0;
};
// "127.0.0.1:8080"; port 0 to 65535.
Result<HostPort> ParseHostPort(const std::string& text);

}  // namespace mom::infra
