// Fuzz target: the Authorization header.
// Goal: accepted is exactly "Bearer mom_" (the scheme in any case) and 43 characters of base64url, and the
// hash is the token's alone.
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/check.h"
#include "rest/session_token.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::rest {
namespace {

using fuzz::FuzzInput;

bool IsGood(const std::string& header) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (header.size() != 54) return false;
  std::string scheme = header.substr(0, 6);
  for (char& c : scheme) c = static_cast<char>(c | 0x20);  // Of letters only: lower case.
  for (char c : header.substr(0, 6)) {
    if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')) return false;
  }
  return scheme == "bearer" && header.substr(6, 5) == " mom_" &&
         header.find_first_not_of(kAlphabet, 11) == std::string::npos;
}

void Check(const std::string& header) {
  const std::optional<std::string> hash = HashOfAuthorization(header);
  MOM_CHECK(hash.has_value() == IsGood(header), header);
  if (hash) MOM_CHECK(*hash == HashToken(header.substr(7)) && hash->size() == 32);
}

// First byte: whether the rest is the header, or changes to a good one: position and value.
void FuzzOne(FuzzInput input) {
  if (input.Byte() % 2 == 0) return Check(std::string(input.TakeRest()));
  std::string header = "Bearer mom_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
  MOM_CHECK(IsGood(header));
  while (!input.empty()) {
    const size_t position = input.Byte() % header.size();
    header[position] = static_cast<char>(input.Byte());
    Check(header);
  }
}

}  // namespace
}  // namespace mom::rest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::rest::FuzzOne({data, size});
  return 0;
}
