#include "bench/options.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <regex>

#include "bench/payload.h"

namespace mom::bench {
namespace {

constexpr char kAbout[] =
    "Loads a MOM node and checks every payload while measuring.\n"
    "\n"
    "  publish      one message a request\n"
    "  batch        --batch messages a request\n"
    "  receive-ack  fills a queue with --prefill messages, then measures receiving and acknowledging them\n"
    "  mixed        half of the connections publish, the others receive and acknowledge\n"
    "  read         GETs of the queue's state, nothing changed; --queue may be one that is in use\n"
    "  empty        ceiling: POST to --path of a server that does nothing\n"
    "  group-commit ceiling: records written and fdatasynced in --dir, no server at all\n"
    "\n"
    "Exit code 1 when a message is missing, doubled, damaged or invented, or nothing could be measured.";

bool SplitUrl(const std::string& url, Server* server) {
  static const std::regex kUrl(R"(http://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})/?)");
  std::smatch match;
  if (!std::regex_match(url, match, kUrl)) return false;
  server->host = match[1];
  if (server->host.front() == '[') server->host = server->host.substr(1, server->host.size() - 2);
  server->port = match[2];
  return true;
}

std::string FindMistake(Options* options) {
  for (const std::string& url : options->urls) {
    if (!SplitUrl(url, &options->servers.emplace_back())) return "--url takes http://HOST:PORT, not " + url;
  }
  if (options->user.empty() != options->password_file.empty())
    return "--user and --password-file belong together";
  const uint64_t step = options->workload == "batch" ? options->batch : 1;
  if (options->messages % step != 0) return "--messages must be a multiple of --batch";
  if (options->workload == "read" && options->messages > 0)
    return "read ends after --seconds, not --messages";
  const bool takes_out = options->workload == "receive-ack" || options->workload == "mixed";
  if (takes_out && options->verify == "count")
    return "--verify count counts what was published and is still there, but " + options->workload +
           " takes messages out; use drain or none";
  if (options->path.empty() || options->path.front() != '/') return "--path starts with /";
  return {};
}

}  // namespace

bool ParseOptions(int argc, char** argv, Options* options, int* exit_code) {
  CLI::App app(kAbout, "mom-bench");
  app.add_option("--url", options->urls,
                 "a node, or the NGINX before it; several: connections go to them in turn")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--workload", options->workload, "what to do")
      ->check(CLI::IsMember({"publish", "batch", "receive-ack", "mixed", "read", "empty", "group-commit"}))
      ->capture_default_str();
  app.add_option("--connections", options->connections, "kept-alive connections, one request each at a time")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--seconds", options->seconds, "length of the measurement")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str();
  app.add_option("--warmup", options->warmup_seconds, "seconds before the measurement, not counted")
      ->check(CLI::Range(0.0, 3'600.0))
      ->capture_default_str();
  app.add_option(
      "--rate", options->rate,
      "requests a second at fixed times; latency counts from those times. Of group-commit: syncs a second");
  app.add_option("--messages", options->messages, "stop after so many messages instead of --seconds");
  app.add_option("--size", options->size, "bytes of a payload")
      ->check(CLI::Range(uint64_t{kPayloadBytesMin}, uint64_t{1} << 20))
      ->capture_default_str();
  app.add_option("--batch", options->batch, "messages of a batch and at most of a receive")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1000}))
      ->capture_default_str();
  app.add_option("--prefill", options->prefill, "messages that receive-ack starts with")
      ->capture_default_str();
  app.add_option("--user", options->user, "an existing user; none: one is registered");
  app.add_option("--password-file", options->password_file, "its password");
  app.add_option("--queue", options->queue,
                 "an empty queue that the user may use, of read any; none: one is made");
  app.add_option("--queue-max-messages", options->queue_messages_max,
                 "max_messages of the queue that is made");
  app.add_option("--queue-max-bytes", options->queue_bytes_max, "max_bytes of the queue that is made");
  app.add_option("--verify", options->verify,
                 "afterwards: drain and check every payload, compare counts (of publish and batch), or none")
      ->check(CLI::IsMember({"drain", "count", "none"}))
      ->capture_default_str();
  app.add_option("--path", options->path, "path of the workload empty")->capture_default_str();
  app.add_option("--dir", options->directory, "folder of the workload group-commit")->capture_default_str();
  app.add_option("--records-per-sync", options->records_per_sync, "batch of the workload group-commit")
      ->check(CLI::Range(uint64_t{1}, uint64_t{65'536}))
      ->capture_default_str();
  app.add_option("--json", options->json_file, "also write the report there as JSON");
  app.add_option("--samples", options->samples_file,
                 "also write every request's start and latency there as CSV");
  app.add_option("--seed", options->seed, "of the payloads")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error) == 0 ? 0 : 2;
    return false;
  }
  if (const std::string mistake = FindMistake(options); !mistake.empty()) {
    std::cerr << "mom-bench: " << mistake << '\n';
    *exit_code = 2;
    return false;
  }
  return true;
}

}  // namespace mom::bench
