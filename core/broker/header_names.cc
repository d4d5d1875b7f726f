#include "core/broker/header_names.h"

#include <algorithm>
#include <vector>

namespace mom::broker {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool IsReservedHeader(std::string_view name) {
  constexpr std::string_view kReserved = "mom-";
  return name.size() >= kReserved.size() &&
         std::equal(kReserved.begin(), kReserved.end(), name.begin(),
                    [](char reserved, char c) { return reserved == Lower(c); });
}

std::string RepeatedHeader(const google::protobuf::RepeatedPtrField<v1::Header>& headers) {
  if (headers.size() < 2) return "";
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(headers.size()));
  for (const v1::Header& header : headers) {
    std::string& name = names.emplace_back(header.name());
    std::transform(name.begin(), name.end(), name.begin(), Lower);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  return twice == names.end() ? "" : *twice;
}

}  // namespace mom::broker
