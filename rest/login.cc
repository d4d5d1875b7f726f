#include "rest/login.h"

#include <algorithm>

#include "core/broker/keys.h"
#include "rest/names.h"

namespace mom::rest {
namespace {

constexpr size_t kUtf8BytesMax = 4;

}  // namespace

std::string_view ReadName(JsonObject* object, std::string_view field) {
  const std::string_view name = object->GetString(field, 1, kNameCharsMax);
  if (!name.empty() && !IsName(name))
    object->Reject(field, "must be 1 to 128 of A-Z a-z 0-9 . _ -, beginning with a letter or digit");
  return name;
}

std::string_view ReadPassword(JsonObject* object, std::string_view field) {
  const std::string_view password = object->GetString(field, 0, kPasswordCharsMax * kUtf8BytesMax);
  if (!HasPasswordLength(password)) object->Reject(field, "must have 8 to 128 characters");
  return password;
}

std::string_view ReadAnyPassword(JsonObject* object, std::string_view field) {
  return object->GetString(field, 1, kPasswordCharsMax * kUtf8BytesMax);
}

Credentials ReadCredentials(const broker::ViewReader& view, const std::string& user) {
  const auto bytes = view.Get(broker::keys::User(user));
  v1::UserRecord record;
  if (!bytes || !record.ParseFromString(*bytes)) return {};
  return Credentials{record.password_hash(), record.password_revision()};
}

void BeginLogin(const CallPtr& call, const std::string& user, std::function<bool(int64_t)> start) {
  const auto refuse = [call](LoginGate::Refusal why, int64_t wait_ms) {
    if (why == LoginGate::Refusal::kBusy) return SendHashingBusy(*call);
    HttpResponse response =
        Problem(429, "locked-out", "too many wrong passwords from this address; wait before the next try");
    for (auto& [name, value] : response.headers)
      if (name == "Retry-After") value = std::to_string((wait_ms + 999) / 1000);
    call->Send(std::move(response));
  };
  call->services().logins.Enter(user, LockedAddress(call->Address()), SteadyNow(),
                                {std::move(start), refuse});
}

void EndLogin(Call& call, const std::string& user, bool matches) {
  call.services().logins.Leave(user, LockedAddress(call.Address()), SteadyNow(), matches);
}

void SendHashingBusy(Call& call) {
  call.SendProblem(429, "passwords-busy", "too many passwords are being checked; try again shortly");
}

}  // namespace mom::rest
