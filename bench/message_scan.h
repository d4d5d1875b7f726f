// Finds the bodies and receipts in the answer of a receive, without building a JSON tree when that is
// avoidable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mom::bench {

struct ReceivedMessages {
  std::vector<std::string_view> bodies;
  std::vector<std::string_view> receipts;
  std::vector<std::string> storage;  // Keeps what the views point to when the answer had to be unescaped.
};

// Views point into `json` or into `out->storage`. False when `json` is not such an answer. A message without
// a text body gets an empty one.
bool ScanMessages(std::string_view json, ReceivedMessages* out);

}  // namespace mom::bench
