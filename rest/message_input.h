// Messages as they come in: raw with options in headers, or as JSON objects.
#pragma once

#include <string>
#include <string_view>

#include "mom/v1/commands.pb.h"
#include "rest/api_call.h"

namespace mom::rest {

// The request body with its Content-Type and Mom-* headers; moves the body. Empty when all is well, else what
// is wrong with which header.
std::string ReadRawMessage(HttpRequest* request, v1::NewMessage* message);
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
