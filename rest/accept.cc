#include "rest/accept.h"

#include <optional>

#include "rest/http_text.h"

namespace mom::rest {
namespace {

// "0", "0.5", "1.000" in thousandths (RFC 9110 12.4.2); nothing for other text.
std::optional<int> ReadWeight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int thousandths = (text[0] - '0') * 1000;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int step = 100;
  for (size_t i = 2; i < text.size(); ++i, step /= 10) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    thousandths += (text[i] - '0') * step;
  }
  if (thousandths > 1000) return std::nullopt;
  return thousandths;
}

// The weight that the parameters of a range give it.
std::optional<int> WeightOf(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = TakeElement(&parameters, ';');
    if (parameter.size() >= 2 && LowerAscii(parameter[0]) == 'q' && parameter[1] == '=')
      return ReadWeight(parameter.substr(2));
  }
  return 1000;
}

struct Weights {
  int octets = 0;
  std::optional<int> json;
  std::optional<int> any_application;
  std::optional<int> any;
  bool octets_first = false;  // Before JSON was named.

  void Take(std::string_view range) {
    const std::string_view type = TakeElement(&range, ';');
    const std::optional<int> weight = WeightOf(range);
    if (!weight) return;
    if (EqualsIgnoringCase(type, "application/octet-stream")) {
      octets = *weight;
      octets_first = !json;
    } else if (EqualsIgnoringCase(type, "application/json")) {
      json = *weight;
    } else if (EqualsIgnoringCase(type, "application/*")) {
      any_application = *weight;
    } else if (type == "*/*") {
      any = *weight;
    }
  }
};

}  // namespace

bool WantsOctets(const HttpRequest& request) {
  Weights weights;
  for (const auto& [name, value] : request.headers) {
    if (name != "accept") continue;
    for (std::string_view list = value; !list.empty();) weights.Take(TakeElement(&list));
  }
  // The most specific range counts.
  const int json = weights.json ? *weights.json : weights.any_application.value_or(weights.any.value_or(0));
  if (weights.octets == 0 || weights.octets < json) return false;
  return weights.octets > json || !weights.json || weights.octets_first;
}

}  // namespace mom::rest
