// What users and sessions share: fields with names and passwords, stored credentials, lock-out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/broker/view.h"
#include "rest/api_call.h"

namespace mom::rest {

// A required name (empty after noting an error).
std::string_view ReadName(JsonObject* object, std::string_view field);
// A required new password: 8 to 128 characters.
std::string_view ReadPassword(JsonObject* object, std::string_view field);
// A required password that is compared only; anything that could be hashed.
std::string_view ReadAnyPassword(JsonObject* object, std::string_view field);

struct Credentials {
  std::string hash;  // Empty: there is no such user.
  uint64_t revision = 0;
};
Credentials ReadCredentials(const broker::ViewReader& view, const std::string& user);

// Has the password of `user` checked once it is this caller's turn, or answers 429. `start` begins it, not
// before `delay_ms` have passed, and calls EndLogin when it is known what came of it; false: it could not
// begin, and has answered.
void BeginLogin(const CallPtr& call, const std::string& user, std::function<bool(int64_t delay_ms)> start);
void EndLogin(Call& call, const std::string& user, bool matches);
// Answers 429: too many passwords wait to be hashed.
void SendHashingBusy(Call& call);

}  // namespace mom::rest
