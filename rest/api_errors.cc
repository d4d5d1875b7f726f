#include "rest/api_errors.h"

#include <algorithm>
#include <array>

#include "rest/json_writer.h"
#include "rest/problem.h"
#include "rest/queue_json.h"

namespace mom::rest {
namespace {

constexpr std::array kShapes = {
    ErrorShape{v1::ERROR_MALFORMED, 400, "malformed"},
    ErrorShape{v1::ERROR_SESSION_INVALID, 401, "session-invalid"},
    ErrorShape{v1::ERROR_CREDENTIALS_CHANGED, 409, "credentials-changed"},
    ErrorShape{v1::ERROR_NOT_ALLOWED, 403, "not-allowed"},
    ErrorShape{v1::ERROR_NOT_OWNER, 403, "not-owner"},
    ErrorShape{v1::ERROR_USER_NOT_FOUND, 404, "user-not-found"},
    ErrorShape{v1::ERROR_QUEUE_NOT_FOUND, 404, "queue-not-found"},
    ErrorShape{v1::ERROR_TOPIC_NOT_FOUND, 404, "topic-not-found"},
    ErrorShape{v1::ERROR_SUBSCRIPTION_NOT_FOUND, 404, "subscription-not-found"},
    ErrorShape{v1::ERROR_MESSAGE_NOT_FOUND, 404, "message-not-found"},
    ErrorShape{v1::ERROR_USER_EXISTS, 409, "user-exists"},
    ErrorShape{v1::ERROR_QUEUE_EXISTS, 409, "queue-exists"},
    ErrorShape{v1::ERROR_TOPIC_EXISTS, 409, "topic-exists"},
    ErrorShape{v1::ERROR_SUBSCRIPTION_EXISTS, 409, "subscription-exists"},
    ErrorShape{v1::ERROR_QUEUE_NOT_EMPTY, 409, "queue-not-empty"},
    ErrorShape{v1::ERROR_USER_OWNS_MESSAGES, 409, "user-owns-messages"},
    ErrorShape{v1::ERROR_QUEUE_CLOSED, 409, "queue-closed"},
    ErrorShape{v1::ERROR_QUEUE_FULL, 429, "queue-full"},
    ErrorShape{v1::ERROR_MESSAGE_LEASED, 409, "message-leased"},
    ErrorShape{v1::ERROR_LEASE_LOST, 409, "lease-lost"},
    ErrorShape{v1::ERROR_QUOTA, 429, "quota"},
    ErrorShape{v1::ERROR_KEY_REUSED, 422, "idempotency-key-reused"},
    ErrorShape{v1::ERROR_TRANSACTION_FAILED, 409, "transaction-failed"},
    ErrorShape{v1::ERROR_DEAD_LETTER_INVALID, 422, "dead-letter-invalid"},
    ErrorShape{v1::ERROR_LAST_ADMIN, 409, "last-admin"},
    ErrorShape{v1::ERROR_RECEIPT_UNKNOWN, 409, "receipt-unknown"},
    ErrorShape{v1::ERROR_SESSION_NOT_FOUND, 404, "session-not-found"},
};
// A new code of the broker needs a line above.
static_assert(kShapes.size() == v1::ErrorCode_ARRAYSIZE - 1);

constexpr ErrorShape kUnknown{v1::ERROR_NONE, 500, "internal"};

int64_t Signed(uint64_t value) {
  return static_cast<int64_t>(value);
}

void AppendValue(const v1::SettingValue& value, JsonWriter* json) {
  switch (value.kind_case()) {
    case v1::SettingValue::kNumber:
      json->Integer(value.number());
      break;
    case v1::SettingValue::kFlag:
      json->Bool(value.flag());
      break;
    case v1::SettingValue::kText:
      if (value.text().empty()) {
        json->Null();
      } else {
        json->Text(value.text());
      }
      break;
    case v1::SettingValue::kUsers:
      AppendUserList(value.users(), json);
      break;
    case v1::SettingValue::KIND_NOT_SET:
      json->Null();
  }
}

std::string DifferencesOf(const v1::Reply& reply) {
  JsonWriter json;
  json.BeginArray();
  for (const v1::SettingDifference& difference : reply.differences()) {
    json.BeginObject().Member("setting", difference.setting());
    AppendValue(difference.is(), &json.Key("is"));
    AppendValue(difference.asked(), &json.Key("asked"));
    json.EndObject();
  }
  return json.EndArray().Take();
}

}  // namespace

const ErrorShape& ShapeOf(v1::ErrorCode error) {
  const auto found =
      std::find_if(kShapes.begin(), kShapes.end(), [error](const auto& s) { return s.error == error; });
  return found == kShapes.end() ? kUnknown : *found;
}

HttpResponse RefusalOf(const v1::Reply& reply) {
  const ErrorShape& shape = ShapeOf(reply.error());
  if (reply.error() == v1::ERROR_QUEUE_NOT_EMPTY) {
    const v1::QueueCounts& counts = reply.counts();
    return Problem(shape.status, shape.code, reply.detail(),
                   {{"ready", Signed(counts.ready())},
                    {"leased", Signed(counts.leased())},
                    {"delayed", Signed(counts.delayed())},
                    {"blocked", Signed(counts.blocked())},
                    {"dead", Signed(counts.dead())}});
  }
  if (reply.differences_size() > 0) {
    const std::string differences = DifferencesOf(reply);
    return Problem(shape.status, shape.code, reply.detail(),
                   {{"yours", true}, {"differences", RawJson{differences}}});
  }
  if (reply.error() == v1::ERROR_TRANSACTION_FAILED && reply.transaction().results_size() > 0) {
    return Problem(shape.status, shape.code, reply.detail(),
                   {{"operation", int64_t{reply.transaction().failed_index()}},
                    {"cause", CodeOf(reply.transaction().results(0).error())}});
  }
  return Problem(shape.status, shape.code, reply.detail());
}

HttpResponse FailureOf(const Status& status) {
  const std::string& why = status.message();
  HttpResponse response;
  switch (status.code()) {
    case Status::kNotLeader:
      return Problem(503, "no-leader", "no leader is known now; try again: " + why);
    case Status::kStopping:
      return Problem(503, "stopping", "this node is stopping; ask another one or try again");
    case Status::kOverloaded:
      return Problem(503, "overloaded", "too much is waiting to be written; try again later: " + why);
    case Status::kNoSpace:
      return Problem(507, "disk-nearly-full", "the disk is nearly full and publishing is refused: " + why);
    case Status::kInvalidArgument:
      return Problem(413, "entry-too-large",
                     "the request is too large for one entry of the log; split it: " + why);
    case Status::kUncertain:
      response = Problem(503, "outcome-unknown",
                         "whether this took effect is unknown; repeat it with the same Idempotency-Key");
      response.headers.emplace_back("Mom-Outcome", "unknown");
      return response;
    default:
      return Problem(503, "unavailable", "this node cannot write now; ask another one");
  }
}

}  // namespace mom::rest
