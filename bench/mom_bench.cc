// mom-bench: the load generator. See --help.

#include <fstream>
#include <iostream>

#include "bench/group_commit.h"
#include "bench/measurement.h"
#include "bench/options.h"
#include "bench/report.h"

namespace {

using namespace mom::bench;

bool Write(const std::string& file, const std::string& text) {
  if (file.empty()) return true;
  std::ofstream out(file);
  out << text << std::flush;
  if (!out) std::cerr << "mom-bench: cannot write " << file << '\n';
  return out.good();
}

int Publish(const Report& report) {
  std::cout << ToText(report) << std::flush;
  bool written = Write(report.options->json_file, ToJson(report));
  if (report.recorder != nullptr)
    written &= Write(report.options->samples_file, ToCsv(report.recorder->samples));
  return report.ok() && written ? 0 : 1;
}

int MeasureGroupCommit(const Options& options) {
  const auto result = RunGroupCommit(
      {options.directory, options.size, options.records_per_sync, options.seconds, options.rate});
  Report report;
  report.options = &options;
  if (result.ok()) {
    report.group_commit = &result.value();
  } else {
    report.failure = result.status().message();
  }
  return Publish(report);
}

int MeasureNode(const Options& options) {
  const Measurement measurement = Measure(options);
  Report report;
  report.options = &options;
  report.recorder = &measurement.recorder;
  report.verification = measurement.verification;
  report.failure = measurement.failure;
  return Publish(report);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  int exit_code = 0;
  if (!ParseOptions(argc, argv, &options, &exit_code)) return exit_code;
  return options.workload == "group-commit" ? MeasureGroupCommit(options) : MeasureNode(options);
}
