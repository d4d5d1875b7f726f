#include "infra/momd_config.h"

// toml++ 3.3 asserts that a key begins well before it looks, so "[=" would stop a debug build. Without its
// assertions it looks, and says what is wrong.
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

namespace mom::infra {
namespace {

constexpr uint64_t kMibMax = uint64_t{1} << 30;  // In bytes it is still a number.

// An option's value as the file has it, in the form a flag would have. Nothing is converted: toml++ 3.3 asks
// whether a fraction is a whole number by a cast that is undefined for one beyond 64 bits.
Result<std::string> ToText(const toml::node& node, std::string_view key) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "true" : "false");
  return Status(Status::kInvalidArgument,
                "key '" + std::string(key) + "' must be a string, a whole number, true or false");
}

Result<std::string> ReadFile(const std::string& path) {
  std::string text;
  char block[4096];
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (file) {
    while (const size_t count = std::fread(block, 1, sizeof block, file.get())) text.append(block, count);
  }
  if (file && !std::ferror(file.get())) return text;
  return Status(Status::kInvalidArgument, "the configuration file " + path +
                                              " cannot be read: " + std::system_category().message(errno));
}

using Options = std::map<std::string, CLI::Option*>;  // By the key in a file.

// Fills options that neither a flag nor the environment has set.
Status ApplyFile(const std::string& path, const Options& options) {
  const auto content = ReadFile(path);
  if (!content.ok()) return content.status();
  toml::parse_result parsed;
  try {
    parsed = toml::parse(*content, path);
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

// CLI11 reads "-5" and "0x10" as numbers without a sign; here a number is digits.
CLI::Validator WholeNumber(uint64_t min, uint64_t max) {
  return CLI::Validator(
      [min, max](const std::string& text) -> std::string {
        uint64_t value = 0;
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc() && stop == end && value >= min && value <= max) return "";
        return "'" + text + "' is not a whole number from " + std::to_string(min) + " to " +
               std::to_string(max);
      },
      "NUMBER", "");
}

// Changes of one letter that make `a` of `b`.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

// Variables MOM_... that are none of `known`. One that is nearly a known one is a slip of the pen: refused.
// Others are somebody else's, as Kubernetes' for a service "mom": said.
Status CheckEnvironment(const std::set<std::string>& known, std::vector<std::string>* warnings) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string name(*entry, std::strcspn(*entry, "="));
    if (!name.starts_with("MOM_") || known.contains(name)) continue;
    const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
      return Distance(name, a) < Distance(name, b);
    });
    const std::string text =
        "the environment variable " + name + " is unknown; the nearest known one is " + *nearest;
    const size_t slips = nearest->size() < 12 ? 1 : 2;
    if (Distance(name, *nearest) <= slips) return Status(Status::kInvalidArgument, text);
    warnings->push_back(text);
  }
  return Status();
}

// CLI11 takes the "-5" of "--node-id -5" for another flag and says nothing of the first: joined to
// "--node-id=-5".
std::vector<std::string> JoinNegatives(int argc, char** argv) {
  std::vector<std::string> joined;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool is_negative =
        argument.size() > 1 && argument[0] == '-' && argument[1] >= '0' && argument[1] <= '9';
    const bool has_flag =
        !joined.empty() && joined.back().starts_with("--") && joined.back().find('=') == std::string::npos;
    if (is_negative && has_flag) {
      joined.back().append("=").append(argument);
    } else {
      joined.emplace_back(argument);
    }
  }
  std::reverse(joined.begin(), joined.end());  // As CLI11 wants them.
  return joined;
}

}  // namespace

uint32_t DefaultRestThreads() {
  return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u);
}

namespace {

// All options of `app`, which fill `*config` and `*file`.
Options AddOptions(CLI::App* app, MomdConfig* to, std::string* file) {
  MomdConfig& config = *to;
  Options options;
  auto add = [&](const std::string& name, auto& value, const std::string& help) {
    CLI::Option* option = app->add_option("--" + name, value, help)->envname(EnvironmentName(name));
    option->capture_default_str()->take_last();
    std::string key = name;
    for (char& c : key) c = c == '-' ? '_' : c;
    options[key] = option;
    return option;
  };
  add("node-id", config.node_id, "This node's number")->check(WholeNumber(1, UINT32_MAX));
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
      ->check(WholeNumber(100, 60'000));
  add("join", config.join,
      "HOST:PORT,... of nodes of a cluster to join, their --grpc-listen; with an empty --data-dir");
  add("admin-password-file", config.admin_password_file,
      "File with the first admin's password, which nobody else may write");
  add("registration", config.registration, "Who may register users: open (anyone) or closed (admin)")
      ->check(CLI::IsMember({"open", "closed"}));
  add("trusted-proxies", config.trusted_proxies,
      "ADDRESS or ADDRESS/BITS,... of proxies whose X-Forwarded-For says who the client is");
  add("log-level", config.log_level, "trace, debug, info, warn, error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  add("rest-threads", config.rest_threads,
      "Threads of the REST server; unless given, half of the processors, 1 to 8")
      ->check(WholeNumber(1, 64));
  add("waits-per-user-max", config.waits_per_user_max,
      "Receives of one user that may wait at this node (wait_ms); more get 429. All users together: what "
      "memory and file descriptors allow")
      ->check(WholeNumber(1, 1'000'000));
  add("log-retain-mib", config.log_retain_mib, "Log kept for rebuilding and audit, in MiB")
      ->check(WholeNumber(1, kMibMax));
  add("disk-free-min-mib", config.disk_free_min_mib,
      "Publishing is refused below this much free disk, in MiB, or more: see docs/operations.md")
      ->check(WholeNumber(0, kMibMax));
  app->add_option("--config", *file, "Configuration file (TOML)")->envname("MOM_CONFIG");
  return options;
}

}  // namespace

std::vector<std::string> OptionNames() {
  CLI::App app;
  MomdConfig config;
  std::string file;
  std::vector<std::string> names;
  for (const auto& [key, option] : AddOptions(&app, &config, &file)) names.push_back(option->get_lnames()[0]);
  return names;
}

ParsedArguments ParseArguments(int argc, char** argv) {
  MomdConfig config;
  std::string file;
  CLI::App app{
      "momd: one node of MOM, a broker driven over HTTP.\n"
      "With no arguments it is a whole one-node broker in ./mom-data, REST on 127.0.0.1:8080.\n"
      "Flags beat environment variables (MOM_NODE_ID, ...) beat the configuration file (node_id = 1, ...).\n"
      "The first start creates the user 'admin'; its password comes from MOM_ADMIN_PASSWORD or\n"
      "--admin-password-file, else it is generated and written to DIR/admin-password.",
      "momd"};
  app.set_version_flag("--version", "momd 0.1.0");
  const Options options = AddOptions(&app, &config, &file);
  const auto refuse = [](const std::string& why) {
    std::cerr << "momd: " << why << "\n";
    return ParsedArguments{std::nullopt, 2, {}};
  };
  std::set<std::string> known = {"MOM_CONFIG", "MOM_ADMIN_PASSWORD"};
  for (const auto& [key, option] : options) known.insert(option->get_envname());
  std::vector<std::string> warnings;
  try {
    app.parse(JoinNegatives(argc, argv));
    if (Status status = CheckEnvironment(known, &warnings); !status.ok()) return refuse(status.message());
    if (!file.empty()) {
      if (Status status = ApplyFile(file, options); !status.ok()) return refuse(status.message());
    }
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return refuse(std::string(error.what()) + " (see momd --help)");
    app.exit(error);  // --help, --version.
    return {std::nullopt, 0, {}};
  }
  return {config, 0, std::move(warnings)};
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
