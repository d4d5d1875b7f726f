// Who may do what: asked by the node that takes a request and again, decisively, when the entry is applied.
#pragma once

#include <string_view>

#include "mom/v1/records.pb.h"

namespace mom::broker {

bool Contains(const v1::UserList& list, std::string_view user);

bool IsOwner(const v1::QueueRecord& queue, std::string_view user);
bool MaySend(const v1::QueueRecord& queue, std::string_view user);
bool MayReceive(const v1::QueueRecord& queue, std::string_view user);
// Knows that the queue exists. Others get the same answer as for a name that is free.
bool MaySee(const v1::QueueRecord& queue, std::string_view user, bool admin);
bool MayPublish(const v1::TopicRecord& topic, std::string_view user);

bool IsName(std::string_view name);  // 1 to 128 of A-Z a-z 0-9 . _ -, beginning with a letter or digit.

}  // namespace mom::broker
