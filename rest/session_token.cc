#include "rest/session_token.h"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace mom::rest {
namespace {

constexpr std::string_view kPrefix = "mom_";
constexpr size_t kSecretBytes = 32;
constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr size_t kTextBytes = 43;  // Of kSecretBytes in base64url.

bool IsBase64Url(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool IsScheme(std::string_view text) {
  constexpr std::string_view kBearer = "bearer ";
  return text.size() == kBearer.size() &&
         std::equal(text.begin(), text.end(), kBearer.begin(),
                    [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); });
}

}  // namespace

std::string MakeToken() {
  std::array<unsigned char, kSecretBytes> secret;
  randombytes_buf(secret.data(), secret.size());
  std::array<char, kTextBytes + 1> text;
  sodium_bin2base64(text.data(), text.size(), secret.data(), secret.size(), kVariant);
  sodium_memzero(secret.data(), secret.size());
  return std::string(kPrefix).append(text.data());
}

std::string HashToken(std::string_view token) {
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()),
                     reinterpret_cast<const unsigned char*>(token.data()), token.size());
  return hash;
}

std::optional<std::string> HashOfAuthorization(std::string_view header) {
  constexpr size_t kSchemeBytes = 7;
  if (!IsScheme(header.substr(0, kSchemeBytes))) return std::nullopt;
  const std::string_view token = header.substr(kSchemeBytes);
  if (token.size() != kPrefix.size() + kTextBytes || !token.starts_with(kPrefix)) return std::nullopt;
  if (!std::all_of(token.begin() + kPrefix.size(), token.end(), IsBase64Url)) return std::nullopt;
  return HashToken(token);
}

}  // namespace mom::rest
