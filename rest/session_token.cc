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

// Hashes of tokens that came lately: a client sends its token with every request. A token is known by a
// 128-bit keyed hash, so that none is kept and none can be guessed at by the time that finding one takes.
class KnownHashes {
 public:
  KnownHashes() { randombytes_buf(key_.data(), key_.size()); }

  const std::string& HashOf(std::string_view token) {
    Mark mark;
    crypto_shorthash_siphashx24(mark.data(), reinterpret_cast<const unsigned char*>(token.data()),
                                token.size(), key_.data());
    Known& known = known_[mark[0] % kKnown];
    if (known.mark != mark || known.hash.empty()) known = {mark, HashToken(token)};
    return known.hash;
  }

 private:
  static constexpr size_t kKnown = 256;
  using Mark = std::array<unsigned char, crypto_shorthash_siphashx24_BYTES>;
  struct Known {
    Mark mark{};
    std::string hash;  // Empty: no token.
  };

  std::array<unsigned char, crypto_shorthash_siphashx24_KEYBYTES> key_;
  std::array<Known, kKnown> known_;
};

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
  static thread_local KnownHashes known;
  return known.HashOf(token);
}

}  // namespace mom::rest
