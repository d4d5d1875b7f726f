// Problem details of RFC 9457: the body of every refusal.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "rest/http_port.h"

namespace mom::rest {

struct RawJson {
  std::string_view text;  // A complete value.
};

// A further member of a problem, beside the standard ones.
using ProblemField = std::pair<std::string_view, std::variant<int64_t, std::string_view, bool, RawJson>>;

// {"type":"urn:mom:problem:CODE","title":...,"status":...,"code":CODE,"detail":...,...} as
// application/problem+json. `code` is a stable kebab-case word; `detail` names the thing it is about and what
// to do. Text that is not UTF-8 is made so. 429 and 503 get `Retry-After: 1`; change it in the result.
HttpResponse Problem(int status, std::string_view code, std::string_view detail,
                     std::initializer_list<ProblemField> fields = {});

// Appends `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace mom::rest
