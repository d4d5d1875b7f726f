// Goal: who lies on a stream of commands does no harm, and nobody takes for undone what may have been done.
// Method: a transport against a bare gRPC server, and a bare client against a transport.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "tests/replication/grpc_forward_harness.h"

namespace mom::replication {
namespace {

// A leader answers each message with what `make` puts behind the header.
void ExpectUncertain(const std::function<void(uint64_t id, v1::ForwardDown*)>& make) {
  std::atomic<int> lines{0};
  TransportOptions options;
  options.log = [&](LogLevel, const std::string&) { ++lines; };
  FakeLeader leader([&](ServerStream* stream) {
    v1::ForwardUp up;
    while (stream->Read(&up)) {
      v1::ForwardDown down;
      wire::Encode(IdentityOf(1), NodeId{2}, down.mutable_header());
      make(up.commands(0).id(), &down);
      stream->Write(down);
    }
    return grpc::Status::OK;
  });
  TestNode client(2, options);
  client.transport->SetAddresses({{NodeId{1}, leader.listening()}});
  for (int i = 0; i < 3; ++i) {
    Promised<Outcome> outcome;
    client.transport->Forward(NodeId{1}, "x", 30'000, [&](Outcome one) { outcome.Set(std::move(one)); });
    EXPECT_EQ(outcome.Await().status.code(), Status::kUncertain);
  }
  client.transport->Stop();
  EXPECT_EQ(lines, 1);
}

TEST(ForwardLies, NonsenseFromALeaderIsUncertainAndOneLine) {
  const auto answer = [](uint64_t id, v1::ForwardDown* down) { down->add_outcomes()->set_id(id); };
  ExpectUncertain([](uint64_t, v1::ForwardDown*) {});  // No outcome.
  ExpectUncertain([&](uint64_t id, v1::ForwardDown* down) { answer(id + 1, down); });
  ExpectUncertain([&](uint64_t, v1::ForwardDown* down) { answer(0, down); });
  ExpectUncertain([&](uint64_t id, v1::ForwardDown* down) {
    answer(id, down);
    down->mutable_outcomes(0)->set_offset(~uint64_t{0});
  });
  ExpectUncertain([&](uint64_t id, v1::ForwardDown* down) {
    answer(id, down);
    down->mutable_header()->set_protocol(wire::kProtocol + 1);
  });
  ExpectUncertain([&](uint64_t id, v1::ForwardDown* down) {
    answer(id, down);
    down->mutable_header()->set_node(3);
  });
  ExpectUncertain([&](uint64_t id, v1::ForwardDown* down) {
    answer(id, down);
    down->mutable_header()->set_to(3);
  });
  ExpectUncertain([&](uint64_t id, v1::ForwardDown* down) {
    answer(id, down);
    down->mutable_header()->mutable_cluster()->set_low(1);
  });
}

class ForwardStranger : public testing::Test {
 protected:
  ForwardStranger() : node_(1, Logging(&lines_)) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(-1);
    stub_ = v1::Peer::NewStub(grpc::CreateCustomChannel(node_.transport->listening(),
                                                        grpc::InsecureChannelCredentials(), arguments));
    node_.recorder.on_forward = [this](const quorum::Identity&, const std::string&,
                                       const ForwardReply& reply) {
      ++taken_;
      reply(Outcome());
    };
  }
  static TransportOptions Logging(std::atomic<int>* lines) {
    TransportOptions options;
    options.log = [lines](LogLevel, const std::string&) { ++*lines; };
    return options;
  }
  static v1::ForwardUp Up(const std::vector<uint64_t>& ids, uint32_t from = 2) {
    v1::ForwardUp up;
    wire::Encode(IdentityOf(from), NodeId{1}, up.mutable_header());
    for (const uint64_t id : ids) up.add_commands()->set_id(id);
    return up;
  }
  // How the stream ends when these are sent, one after the other's answers.
  grpc::Status Send(const std::vector<v1::ForwardUp>& messages) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto stream = stub_->Forward(&context);
    for (size_t i = 0; i < messages.size(); ++i) {
      stream->Write(messages[i]);
      for (int got = 0; i + 1 < messages.size() && got < messages[i].commands_size();) {
        v1::ForwardDown down;
        if (!stream->Read(&down)) break;
        got += down.outcomes_size();
      }
    }
    v1::ForwardDown down;
    while (stream->Read(&down)) {
    }
    return stream->Finish();
  }
  void ExpectNotDone(const v1::ForwardUp& message,
                     grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT) {
    const grpc::Status status = Send({message});
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(status.error_details(), "mom: not done");
  }

  std::atomic<int> lines_{0}, taken_{0};
  TestNode node_;
  std::unique_ptr<v1::Peer::Stub> stub_;
};

// Not a lie: outcomes gather while a message is written, and each is told once.
TEST_F(ForwardStranger, EveryOutcomeIsToldOnce) {
  constexpr size_t kCommands = 50;
  Kept kept(&node_);
  std::vector<uint64_t> ids;
  for (uint64_t id = 1; id <= kCommands; ++id) ids.push_back(id);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = stub_->Forward(&context);
  ASSERT_TRUE(stream->Write(Up(ids)));
  kept.Await(kCommands);
  for (auto& [command, reply] : kept.commands) reply(Outcome());
  std::vector<uint64_t> told;
  v1::ForwardDown down;
  while (told.size() < kCommands && stream->Read(&down)) {
    for (const v1::ForwardedOutcome& outcome : down.outcomes()) told.push_back(outcome.id());
  }
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, ids);
  context.TryCancel();
  (void)stream->Finish();
}

TEST_F(ForwardStranger, NonsenseIsNotDoneAndOneLine) {
  v1::ForwardUp beyond = Up({1});
  beyond.set_applied_end(UINT64_MAX);
  ExpectNotDone(beyond);
  ExpectNotDone(Up({}));
  ExpectNotDone(Up({0}));
  ExpectNotDone(Up({1, 1}));
  ExpectNotDone(Up({2, 1}));
  v1::ForwardUp large = Up({1, 2});
  large.mutable_commands(1)->set_command(std::string(kEntryPayloadBytesMax + 1, 'x'));
  ExpectNotDone(large);
  std::vector<uint64_t> many(wire::kForwardedMax + 1);
  for (size_t i = 0; i < many.size(); ++i) many[i] = i + 1;
  ExpectNotDone(Up(many));
  v1::ForwardUp other = Up({1});
  other.mutable_header()->mutable_cluster()->set_high(9);
  ExpectNotDone(other);
  other = Up({1});
  other.mutable_header()->set_to(2);
  ExpectNotDone(other);
  other = Up({1});
  other.mutable_header()->set_protocol(wire::kProtocol + 1);
  ExpectNotDone(other, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(taken_, 0);
  EXPECT_EQ(lines_, 1);
}

// What came before the nonsense may have been done: nobody may read "not done" of it.
TEST_F(ForwardStranger, NonsenseBehindACommandDoesNotUndoIt) {
  for (const v1::ForwardUp& second : {Up({}), Up({5}), Up({4}), Up({6}, 3)}) {
    taken_ = 0;
    const grpc::Status status = Send({Up({4, 5}), second});
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_details(), "");
    EXPECT_EQ(taken_, 2);
  }
}

TEST_F(ForwardStranger, TooManyStreamsAreRefused) {
  TransportOptions options;
  options.streams_max = 2;
  TestNode narrow(1, options);
  narrow.recorder.on_forward = [](const quorum::Identity&, const std::string&, const ForwardReply& reply) {
    reply(Outcome());
  };
  const auto stub = v1::Peer::NewStub(
      grpc::CreateChannel(narrow.transport->listening(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext contexts[3];
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<v1::ForwardUp, v1::ForwardDown>>> streams;
  for (int i = 0; i < 3; ++i) {
    streams.push_back(stub->Forward(&contexts[i]));
    streams[static_cast<size_t>(i)]->Write(Up({1}));
    v1::ForwardDown down;
    EXPECT_EQ(streams[static_cast<size_t>(i)]->Read(&down), i < 2);
  }
  EXPECT_EQ(streams[2]->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (int i = 0; i < 2; ++i) {
    contexts[i].TryCancel();
    EXPECT_EQ(streams[static_cast<size_t>(i)]->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
}

}  // namespace
}  // namespace mom::replication
