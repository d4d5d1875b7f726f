#include "infra/momd_config.h"

// toml++ 3.3 asserts that a key begins well before it looks, so "[=" would stop a debug build. Without its
// assertions it looks, and says what is wrong.
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

namespace mom::infra {
namespace {

// An option's value as the file has it, in the form a flag would have. Nothing is converted: toml++ 3.3 asks
// whether a fraction is a whole number by a cast that is undefined for one beyond 64 bits.
Result<std::string> ToText(const toml::node& node, std::string_view key) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  return Status(Status::kInvalidArgument,
                "key '" + std::string(key) + "' must be a string or a whole number");
}

// Fills options that neither a flag nor the environment has set.
Status ApplyFile(const std::string& path, const std::map<std::string, CLI::Option*>& options) {
  toml::parse_result parsed;
  try {
    parsed = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << error.source().begin;
    return Status(Status::kInvalidArgument,
                  path + ": " + std::string(error.description()) + " at " + where.str());
  }
  for (const auto& [key, node] : parsed) {
    auto option = options.find(std::string(key.str()));
    if (option == options.end()) {
      return Status(Status::kInvalidArgument, path + ": unknown key '" + std::string(key.str()) +
                                                  "'; keys are the flags' names with _ for -");
    }
    if (option->second->count() > 0) continue;
    auto text = ToText(node, key.str());
    if (!text.ok()) return text.status().Annotate(path);
    option->second->add_result(*text);
    option->second->run_callback();
  }
  return Status();
}

std::string EnvironmentName(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "MOM_" + name;
}

}  // namespace

uint32_t DefaultRestThreads() {
  return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u);
}

ParsedArguments ParseArguments(int argc, char** argv) {
  MomdConfig config;
  std::string file;
  CLI::App app{
      "momd: one node of MOM, a broker driven over HTTP.\n"
      "With no arguments it is a whole one-node broker in ./mom-data, REST on 127.0.0.1:8080.\n"
      "Flags beat environment variables (MOM_NODE_ID, ...) beat the configuration file (node_id = 1, ...).\n"
      "The first start creates the user 'admin'; its password comes from MOM_ADMIN_PASSWORD or\n"
      "--admin-password-file, else it is generated and written to DIR/admin-password."};
  app.set_version_flag("--version", "momd 0.1.0");
  std::map<std::string, CLI::Option*> options;
  auto add = [&](const std::string& name, auto& value, const std::string& help) {
    CLI::Option* option = app.add_option("--" + name, value, help)->envname(EnvironmentName(name));
    option->capture_default_str()->take_last();
    std::string key = name;
    for (char& c : key) c = c == '-' ? '_' : c;
    options[key] = option;
    return option;
  };
  add("node-id", config.node_id, "This node's number")->check(CLI::Range(1u, 4294967295u));
  add("data-dir", config.data_dir, "Folder of everything durable; made when missing");
  add("rest-listen", config.rest_listen, "HOST:PORT of the REST server; port 0 picks a free one");
  add("grpc-listen", config.grpc_listen, "HOST:PORT for the other nodes (not used by a node alone)");
  add("peers", config.peers,
      "ID=HOST:PORT,... of all nodes that found the cluster, the same on each; none, and no --join: a node "
      "alone, or a member that is started again");
  add("grpc-ca", config.grpc_ca, "Certificate authority of the nodes (PEM); with the next two: mutual TLS");
  add("grpc-certificate", config.grpc_certificate, "This node's certificate (PEM)");
  add("grpc-key", config.grpc_key, "Its private key (PEM)");
  add("grpc-plaintext", config.grpc_plaintext,
      "true: no TLS between nodes beyond loopback; for trusted networks");
  add("fetch-timeout-ms", config.fetch_timeout_ms,
      "A silent leader is replaced after so long; the same on all nodes")
      ->check(CLI::Range(100u, 60'000u));
  add("join", config.join,
      "HOST:PORT,... of nodes of a cluster to join, their --grpc-listen; with an empty --data-dir");
  add("admin-password-file", config.admin_password_file, "File with the first admin's password, mode 0600");
  add("registration", config.registration, "Who may register users: open (anyone) or closed (admin)")
      ->check(CLI::IsMember({"open", "closed"}));
  add("log-level", config.log_level, "trace, debug, info, warn, error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  add("rest-threads", config.rest_threads,
      "Threads of the REST server; unless given, half of the processors, 1 to 8")
      ->check(CLI::Range(1u, 64u));
  add("log-retain-mib", config.log_retain_mib, "Log kept for rebuilding and audit, in MiB")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 30));
  add("disk-free-min-mib", config.disk_free_min_mib,
      "Publishing is refused below this much free disk, in MiB");
  app.add_option("--config", file, "Configuration file (TOML)")->envname("MOM_CONFIG");
  try {
    app.parse(argc, argv);
    if (!file.empty()) {
      if (Status status = ApplyFile(file, options); !status.ok()) {
        std::cerr << "momd: " << status.message() << "\n";
        return {std::nullopt, 2};
      }
    }
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;  // --help, --version.
    if (asked) {
      app.exit(error);
      return {std::nullopt, 0};
    }
    std::cerr << "momd: " << error.what() << " (see momd --help)\n";
    return {std::nullopt, 2};
  }
  return {config, 0};
}

Result<HostPort> ParseHostPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  const char* end = text.data() + text.size();
  if (colon != std::string::npos && colon > 0) {
    auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error == std::errc() && stop == end && port <= 65535) {
      return HostPort{text.substr(0, colon), static_cast<uint16_t>(port)};
    }
  }
  return Status(Status::kInvalidArgument, "'" + text + "' is not HOST:PORT");
}

}  // namespace mom::infra
