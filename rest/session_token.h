// Tokens of sessions: 256 random bits that only the client keeps; the log and the view hold their SHA-256.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mom::rest {

// "mom_" and 43 characters of base64url.
std::string MakeToken();
// 32 bytes.
std::string HashToken(std::string_view token);
// The hash of the token in "Bearer TOKEN"; nothing when the header has another form.
std::optional<std::string> HashOfAuthorization(std::string_view header);

}  // namespace mom::rest
