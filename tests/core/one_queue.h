// A queue "q" of ann's with short leases and few attempts, from which anyone may receive; ann and bob.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "tests/core/broker_harness.h"

namespace mom::broker::test {

class OneQueue : public ::testing::Test {
 protected:
  OneQueue() {
    for (const char* name : {"ann", "bob"}) h.AddUser(name);
    v1::CreateQueue create = QueueNamed("q");
    create.mutable_settings()->set_lease_ms(1000);
    create.mutable_settings()->set_max_attempts(3);
    create.mutable_settings()->mutable_receivers()->set_anyone(true);
    EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  }
  uint64_t Send(const std::string& body, int64_t delay_ms = 0, int64_t ttl_ms = 0, uint32_t priority = 0) {
    v1::NewMessage message;
    message.set_body(body);
    message.set_delay_ms(delay_ms);
    message.set_ttl_ms(ttl_ms);
    message.set_priority(priority);
    return h.Send("ann", "q", message);
  }
  v1::Reply Receive(const std::string& user, uint32_t max = 1) { return h.As(user, Take("q", max)); }
  // Why the one receipt of a command failed.
  static v1::ErrorCode ErrorOf(const v1::Reply& reply) {
    EXPECT_EQ(reply.receipts().done(), 0u);
    EXPECT_EQ(reply.receipts().failed_size(), 1);
    return reply.receipts().failed_size() == 1 ? reply.receipts().failed(0).error() : v1::ERROR_NONE;
  }
  Harness h;
};

}  // namespace mom::broker::test
