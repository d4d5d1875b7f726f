// Messages as they come in: raw with options in headers, or as JSON objects.
#pragma once

#include <string>
#include <string_view>

#include "mom/v1/commands.pb.h"
#include "rest/api_call.h"

namespace mom::rest {

// What is wrong with a header of a raw message, as a problem of status 400.
struct HeaderFault {
  std::string_view code;
  std::string detail;
  bool empty() const { return detail.empty(); }
};

// The request body with its Content-Type, Content-Encoding and Mom-* headers; moves the body. Empty when all
// is well.
HeaderFault ReadRawMessage(HttpRequest* request, v1::NewMessage* message);
// The headers that ReadRawMessage reads, as lines in one order: two requests with the same ones and the same
// body are the same message.
std::string RawMessageHeaders(const HttpRequest& request);
// Notes errors in the body that `object` belongs to.
void ReadJsonMessage(JsonObject* object, v1::NewMessage* message);

// Its time to live is over before its delay, or with it.
bool DiesBeforeItsDelay(const v1::NewMessage& message);

// Both are false after having answered 413.
bool CheckBodies(Call& call, const v1::Publish& publish);
bool CheckEntrySize(Call& call, const v1::Command& command);

// 1 to 1000 "receipts" of a body.
void ReadReceipts(JsonObject* object, google::protobuf::RepeatedPtrField<v1::Receipt>* receipts);

}  // namespace mom::rest
