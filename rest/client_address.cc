#include "rest/client_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/base/check.h"

namespace mom::rest {
namespace {

using Bytes = std::array<uint8_t, 16>;

constexpr Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // Of an IPv4 address, before it.
constexpr int kMappedBits = 96;
constexpr int kClientBits = 64;

bool IsMapped(const Bytes& bytes) {
  return std::equal(kMapped.begin(), kMapped.begin() + kMappedBits / 8, bytes.begin());
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view WithoutPort(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, text.find(']') - 1);
  const bool has_one_colon = std::count(text.begin(), text.end(), ':') == 1;
  return has_one_colon ? text.substr(0, text.find(':')) : text;
}

std::optional<Bytes> ParseAddress(std::string_view text) {
  const std::string plain(text.substr(0, text.find('%')));
  Bytes bytes{};
  if (inet_pton(AF_INET6, plain.c_str(), bytes.data()) == 1) return bytes;
  bytes = kMapped;
  if (inet_pton(AF_INET, plain.c_str(), bytes.data() + kMappedBits / 8) == 1) return bytes;
  return std::nullopt;
}

std::string Format(const Bytes& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool is_mapped = IsMapped(bytes);
  const void* from = bytes.data() + (is_mapped ? kMappedBits / 8 : 0);
  MOM_CHECK(inet_ntop(is_mapped ? AF_INET : AF_INET6, from, text.data(), text.size()) != nullptr);
  return text.data();
}

// The first `bits` bits are equal.
bool Matches(const Bytes& a, const Bytes& b, int bits) {
  const int whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), static_cast<size_t>(whole)) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto at = static_cast<size_t>(whole);
  return ((a[at] ^ b[at]) >> (8 - bits % 8)) == 0;
}

}  // namespace

std::string NormalAddress(std::string_view text) {
  const auto bytes = ParseAddress(WithoutPort(Trim(text)));
  return bytes ? Format(*bytes) : std::string();
}

std::string LockedAddress(std::string_view address) {
  auto bytes = ParseAddress(address);
  if (!bytes || IsMapped(*bytes)) return std::string(address);
  std::fill(bytes->begin() + kClientBits / 8, bytes->end(), uint8_t{0});
  return Format(*bytes).append("/64");
}

Result<AddressSet> AddressSet::Parse(std::string_view list) {
  AddressSet set;
  while (!list.empty()) {
    const std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    const std::string_view text = Trim(part);
    const std::string_view address = text.substr(0, text.find('/'));
    const auto bytes = ParseAddress(address);
    const bool is_v4 = bytes && address.find(':') == std::string_view::npos;
    const int bits_max = is_v4 ? 128 - kMappedBits : 128;
    int bits = bits_max;
    const std::string_view length = text.substr(std::min(text.size(), address.size() + 1));
    const auto [end, fault] = std::from_chars(length.data(), length.data() + length.size(), bits);
    const bool is_length = fault == std::errc() && end == length.data() + length.size();
    if (!bytes || (address.size() < text.size() && !is_length) || bits < 0 || bits > bits_max) {
      return Status(Status::kInvalidArgument,
                    std::string("'").append(text) + "' is no address or network, as in 10.0.0.0/8 or ::1");
    }
    set.networks_.push_back({*bytes, bits + (is_v4 ? kMappedBits : 0)});
  }
  return set;
}

AddressSet AddressSet::Loopback() {
  return Parse("127.0.0.1,::1").value();
}

bool AddressSet::Contains(std::string_view address) const {
  const auto bytes = ParseAddress(address);
  return bytes && std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
           return Matches(*bytes, network.bytes, network.bits);
         });
}

std::string ClientAddress(const std::string& peer, std::string_view forwarded, const AddressSet& trusted) {
  std::string client = NormalAddress(peer);
  if (client.empty()) return peer.substr(0, INET6_ADDRSTRLEN);
  while (!forwarded.empty() && trusted.Contains(client)) {
    const size_t comma = forwarded.rfind(',');
    const size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
    const std::string before = NormalAddress(forwarded.substr(begin));
    if (before.empty()) break;  // "unknown", or nonsense: then it is the proxy itself.
    client = before;
    forwarded = forwarded.substr(0, begin == 0 ? 0 : comma);
  }
  return client;
}

}  // namespace mom::rest
