// Addresses of clients: which peers are believed when they name others, and what counts as one client.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace mom::rest {

// The usual text of an IP address without port and zone: "10.0.0.1" (also for ::ffff:10.0.0.1),
// "2001:db8::1". Takes "10.0.0.1:80" and "[2001:db8::1]:80", too. Empty: it is no address.
std::string NormalAddress(std::string_view text);

// Under which name wrong passwords from `address` are counted: an IPv6 client has a whole /64 to come from.
std::string LockedAddress(std::string_view address);

// Addresses and networks. Immutable after Parse; thread-safe.
class AddressSet {
 public:
  // "10.0.0.0/8,::1"; empty: none. An error names what is no address.
  static Result<AddressSet> Parse(std::string_view list);
  static AddressSet Loopback();  // 127.0.0.1 and ::1.

  bool Contains(std::string_view address) const;

 private:
  struct Network {
    std::array<uint8_t, 16> bytes{};  // IPv4 as ::ffff:a.b.c.d.
    int bits = 128;
  };
  std::vector<Network> networks_;
};

// Who asks: `peer`, or whom it names if it is one of `trusted`. `forwarded` is X-Forwarded-For, all of it:
// each proxy adds at the end, so that what stands before the last address that is not trusted is a client's
// claim.
std::string ClientAddress(const std::string& peer, std::string_view forwarded, const AddressSet& trusted);

}  // namespace mom::rest
