// One function a command: reads and changes the view through its context, or refuses and leaves it to the
// caller to throw the changes away. All are pure functions of (view, command, context).
#pragma once

#include "core/broker/context.h"

namespace mom::broker {

struct QueueHandle;

// users.cc
v1::Reply Run(Context* context, const v1::CreateUser& command);
v1::Reply Run(Context* context, const v1::ChangePassword& command);
v1::Reply Run(Context* context, const v1::DeleteUser& command);
v1::Reply Run(Context* context, const v1::UpdateUser& command);
// sessions.cc
v1::Reply Run(Context* context, const v1::CreateSession& command);
v1::Reply Run(Context* context, const v1::DeleteSession& command);
v1::Reply Run(Context* context, const v1::DeleteSessions& command);
void EndSession(Context* context, std::string_view token_hash, const v1::SessionRecord& session);
// Ends all sessions of `user` but `keep`, a token hash, which may be empty. Returns how many.
uint64_t EndSessions(Context* context, const std::string& user, std::string_view keep);
// queues.cc
// The queue if the caller may know of it, or created it; else the refusal.
v1::Reply FindVisible(const Context& context, const std::string& name, QueueHandle* found);
v1::Reply FindOwned(const Context& context, const std::string& name, QueueHandle* found);
v1::Reply Run(Context* context, const v1::CreateQueue& command);
v1::Reply Run(Context* context, const v1::UpdateQueue& command);
v1::Reply Run(Context* context, const v1::DeleteQueue& command);
// `owner` is charged. REQUIRES: the name is free and the settings are complete.
void AddQueue(Context* context, const std::string& name, const std::string& owner,
              const v1::QueueSettings& settings);
// REQUIRES: no message is in it. Drops grants, subscriptions and dead-letter references to it too.
void RemoveQueue(Context* context, const std::string& name);
// Takes `user` out of every list of the queue.
void DropGrants(Context* context, const std::string& queue, const std::string& user);
v1::QueueSettings DefaultSettings();
// Sorts a list of users and drops repeats; refuses a list that is too long or names nobody.
v1::Reply Normalise(const Context& context, v1::UserList* list);
// contents.cc
v1::Reply Run(Context* context, const v1::PurgeQueue& command);
v1::Reply Run(Context* context, const v1::DeleteMessage& command);
v1::Reply Run(Context* context, const v1::Redrive& command);
// publish.cc
v1::Reply Run(Context* context, const v1::Publish& command);
// receive.cc
v1::Reply Run(Context* context, const v1::Receive& command);
// receipts.cc
// Which receipts an operation takes.
enum class Receipts {
  kHeldOrBefore,  // An ack also what came back and nobody has taken since; a repeat is no error.
  kHeld,          // Only those whose lease holds the message now.
};
v1::Reply Run(Context* context, const v1::Ack& command, Receipts which = Receipts::kHeldOrBefore);
v1::Reply Run(Context* context, const v1::Nack& command, Receipts which = Receipts::kHeldOrBefore);
v1::Reply Run(Context* context, const v1::Extend& command);
// Gives everything that `user` holds back, without counting the attempt.
void ReturnLeasesOf(Context* context, const std::string& user);
// topics.cc
v1::Reply Run(Context* context, const v1::CreateTopic& command);
v1::Reply Run(Context* context, const v1::DeleteTopic& command);
v1::Reply Run(Context* context, const v1::Subscribe& command);
v1::Reply Run(Context* context, const v1::Unsubscribe& command);
void RemoveTopic(Context* context, const std::string& name);
void DropTopicGrants(Context* context, const std::string& topic, const std::string& user);
void RemoveSubscription(Context* context, uint64_t id);
// transaction.cc
v1::Reply Run(Context* context, const v1::Transaction& command);
// clock.cc: does what is due by now, oldest first, a bounded amount.
void RunTimers(Context* context);
// Where to look for the next timer: no timer lies below.
std::string FirstTimer(const ViewReader& view);

}  // namespace mom::broker
