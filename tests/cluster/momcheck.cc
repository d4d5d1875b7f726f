// momcheck: judges history files. The format stands in tests/cluster/history.h, the properties in checker.h.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "tests/cluster/checker.h"

int main(int argc, char** argv) {
  CLI::App app(
      "momcheck: judges recorded histories; exit code 0: good, 1: a property is broken, 2: unreadable");
  std::vector<std::string> files;
  mom::cluster::CheckOptions options;
  app.add_option("files", files, "History files")->required();
  app.add_option("--lease-slack-ms", options.lease_slack_ms, "How much clocks may differ")
      ->capture_default_str();
  app.add_option("--timer-slack-ms", options.timer_slack_ms, "How late what is due may be delivered")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  int result = 0;
  for (const std::string& file : files) {
    std::ifstream in(file);
    std::vector<mom::cluster::Event> events;
    std::string why = "cannot be opened";
    if (!in || !mom::cluster::ReadHistory(in, &events, &why)) {
      std::fprintf(stderr, "%s: %s\n", file.c_str(), why.c_str());
      return 2;
    }
    const auto verdict = mom::cluster::CheckHistory(events, options);
    std::printf("%s: %s\n%s", file.c_str(), verdict.good() ? "good" : "BROKEN", ToText(verdict).c_str());
    if (!verdict.good()) result = 1;
  }
  return result;
}
