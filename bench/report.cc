#include "bench/report.h"

#include <boost/json.hpp>
#include <cstdio>

namespace mom::bench {
namespace {

namespace json = boost::json;

struct Point {
  const char* name;
  double fraction;
};
constexpr Point kPoints[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

double Us(uint64_t ns) {
  return static_cast<double>(ns) / 1000;
}
double PerSecond(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

template <typename... Values>
std::string Format(const char* format, Values... values) {
  char line[400];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

std::string StatusName(int status) {
  return status == 0 ? "no-answer" : std::to_string(status);
}

std::string LatencyText(const Histogram& histogram) {
  std::string text;
  for (const Point& point : kPoints) text += Format("%12.0f", Us(histogram.Percentile(point.fraction)));
  return text + Format("%12.0f\n", Us(histogram.max()));
}

json::object LatencyJson(const Histogram& histogram) {
  json::object object;
  for (const Point& point : kPoints) object[point.name] = Us(histogram.Percentile(point.fraction));
  object["max"] = Us(histogram.max());
  return object;
}

std::string RecorderText(const Recorder& recorder) {
  std::string text = Format("%-9s%12s%12s%12s%12s%12s%12s%12s%12s\n", "", "requests/s", "messages/s",
                            "p50 us", "p90", "p99", "p99.9", "max", "");
  for (size_t i = 0; i < kKinds; ++i) {
    const auto& kind = recorder.kinds[i];
    if (kind.latency_ns.count() == 0) continue;
    text += Format("%-9s%12.0f%12.0f", std::string(KindName(static_cast<Kind>(i))).c_str(),
                   PerSecond(kind.latency_ns.count(), recorder.seconds),
                   PerSecond(kind.messages, recorder.seconds));
    text += LatencyText(kind.latency_ns);
  }
  text += "statuses ";
  for (const auto& [status, count] : recorder.statuses) {
    text.append(" ").append(StatusName(status)).append(" x ").append(std::to_string(count));
  }
  return text + Format("\nmeasured  %.2f s, the client used %.2f s of processor\n", recorder.seconds,
                       recorder.client_cpu_seconds);
}

std::string VerificationText(const Verification& verification) {
  const CheckResult& r = verification.result;
  std::string text =
      Format("check     %s: %llu acknowledged, %llu refused, %llu unknown", verification.how.c_str(),
             static_cast<unsigned long long>(r.acknowledged), static_cast<unsigned long long>(r.refused),
             static_cast<unsigned long long>(r.unknown));
  text += Format("; %llu received, %llu missing, %llu doubled, %llu damaged, %llu invented\n",
                 static_cast<unsigned long long>(r.received), static_cast<unsigned long long>(r.missing),
                 static_cast<unsigned long long>(r.duplicated), static_cast<unsigned long long>(r.corrupted),
                 static_cast<unsigned long long>(r.phantom));
  if (!verification.failure.empty()) text += "FAILED    " + verification.failure + "\n";
  return text;
}

json::object RecorderJson(const Recorder& recorder) {
  json::object kinds;
  for (size_t i = 0; i < kKinds; ++i) {
    const auto& kind = recorder.kinds[i];
    if (kind.latency_ns.count() == 0) continue;
    const auto name = KindName(static_cast<Kind>(i));
    kinds[json::string_view(name.data(), name.size())] = {
        {"requests", kind.latency_ns.count()},
        {"messages", kind.messages},
        {"requests_per_second", PerSecond(kind.latency_ns.count(), recorder.seconds)},
        {"messages_per_second", PerSecond(kind.messages, recorder.seconds)},
        {"latency_us", LatencyJson(kind.latency_ns)}};
  }
  json::object statuses;
  for (const auto& [status, count] : recorder.statuses) {
    statuses[StatusName(status)] = count;
  }
  return {{"kinds", std::move(kinds)},
          {"statuses", std::move(statuses)},
          {"seconds", recorder.seconds},
          {"client_cpu_seconds", recorder.client_cpu_seconds}};
}

json::object OptionsJson(const Options& options) {
  return {{"urls", json::value_from(options.urls)},
          {"connections", options.connections},
          {"seconds", options.seconds},
          {"rate", options.rate},
          {"messages", options.messages},
          {"size", options.size},
          {"seed", options.seed},
          {"batch", options.batch},
          {"records_per_sync", options.records_per_sync}};
}

}  // namespace

std::string ToText(const Report& report) {
  std::string text = "workload  " + report.options->workload + "\n";
  if (report.recorder != nullptr && !report.recorder->statuses.empty())
    text += RecorderText(*report.recorder);
  if (report.group_commit != nullptr) {
    const auto& result = *report.group_commit;
    text += Format("%12.0f records/s in batches of %llu; fdatasync in us:\n",
                   PerSecond(result.records, result.seconds),
                   static_cast<unsigned long long>(report.options->records_per_sync));
    text +=
        Format("%12s%12s%12s%12s%12s\n", "p50", "p90", "p99", "p99.9", "max") + LatencyText(result.sync_ns);
  }
  if (report.verification) text += VerificationText(*report.verification);
  if (!report.failure.empty()) text += "FAILED    " + report.failure + "\n";
  return text;
}

std::string ToJson(const Report& report) {
  json::object object{{"workload", report.options->workload}, {"ok", report.ok()}};
  object["options"] = OptionsJson(*report.options);
  if (report.recorder != nullptr) object["measured"] = RecorderJson(*report.recorder);
  if (report.group_commit != nullptr) {
    const auto& result = *report.group_commit;
    object["group_commit"] = {{"records_per_second", PerSecond(result.records, result.seconds)},
                              {"syncs", result.sync_ns.count()},
                              {"fdatasync_us", LatencyJson(result.sync_ns)}};
  }
  if (report.verification) {
    const CheckResult& r = report.verification->result;
    object["check"] = {{"how", report.verification->how},
                       {"failure", report.verification->failure},
                       {"acknowledged", r.acknowledged},
                       {"refused", r.refused},
                       {"unknown", r.unknown},
                       {"received", r.received},
                       {"missing", r.missing},
                       {"duplicated", r.duplicated},
                       {"corrupted", r.corrupted},
                       {"phantom", r.phantom}};
  }
  if (!report.failure.empty()) object["failure"] = report.failure;
  return json::serialize(object) + "\n";
}

}  // namespace mom::bench
