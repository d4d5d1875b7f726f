// Goal: a peer that speaks another version, lies or breaks the rules of a stream gets an error and does no
// harm. Method: a bare gRPC client against a transport.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/wire.h"
#include "tests/replication/transport_harness.h"

namespace mom::replication {
namespace {

using Stream = grpc::ClientReaderWriter<v1::FetchUp, v1::FetchDown>;

class StrangerTest : public testing::Test {
 protected:
  StrangerTest() : node_(1, Logging(&lines_)) {
    auto channel = grpc::CreateChannel(node_.transport->listening(), grpc::InsecureChannelCredentials());
    stub_ = v1::Peer::NewStub(channel);
  }

  static TransportOptions Logging(std::atomic<int>* lines) {
    TransportOptions options;
    options.log = [lines](LogLevel, const std::string&) { ++*lines; };
    return options;
  }
  static void SetDeadline(grpc::ClientContext* context) {
    context->set_deadline(std::chrono::system_clock::now() + kPatience);
  }
  static v1::FetchUp Up(const quorum::Message& message) {
    v1::FetchUp up;
    wire::Encode(message, &up);
    return up;
  }
  size_t ClosedCount() {
    return node_.recorder.Look([&] { return node_.recorder.closed.size(); });
  }
  void AwaitClosed(size_t count) {
    EXPECT_TRUE(node_.recorder.Await([&] { return node_.recorder.closed.size() >= count; }));
    EXPECT_EQ(ClosedCount(), count);
  }
  // How the stream ends when these are sent.
  grpc::StatusCode Fetch(const std::vector<v1::FetchUp>& messages) {
    grpc::ClientContext context;
    SetDeadline(&context);
    const auto stream = stub_->Fetch(&context);
    for (const v1::FetchUp& up : messages) stream->Write(up);
    v1::FetchDown down;
    while (stream->Read(&down)) {
    }
    return stream->Finish().error_code();
  }

  std::atomic<int> lines_{0};
  TestNode node_;
  std::unique_ptr<v1::Peer::Stub> stub_;
};

TEST_F(StrangerTest, AnotherVersionIsRefusedWithOneLine) {
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::Notice notice;
    wire::Encode({IdentityOf(2), NodeId{1}, quorum::BeginEpoch{Epoch{3}}}, &notice);
    notice.mutable_header()->set_protocol(wire::kProtocol + 1);
    v1::NoticeTaken taken;
    EXPECT_EQ(stub_->Notify(&context, notice, &taken).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  }
  EXPECT_EQ(lines_, 1);
  v1::FetchUp up = Up(Request(2, 1, 5, true));
  up.mutable_header()->set_protocol(0);
  EXPECT_EQ(Fetch({up}), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Fetch({up}), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(lines_, 2);
  EXPECT_TRUE(node_.recorder.Look([&] { return node_.recorder.arrived.empty(); }));
}

TEST_F(StrangerTest, AStreamThatDoesNotBeginWithOpenIsRefused) {
  EXPECT_EQ(Fetch({Up(Request(2, 1, 5, false))}), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ClosedCount(), 0u);
}

TEST_F(StrangerTest, AStreamThatChangesItsMindIsEnded) {
  const v1::FetchUp open = Up(Request(2, 1, 5, true));
  EXPECT_EQ(Fetch({open, Up(Request(2, 1, 6, false))}), grpc::StatusCode::INVALID_ARGUMENT);
  AwaitClosed(1);
  EXPECT_EQ(Fetch({open, Up(Request(3, 1, 5, false))}), grpc::StatusCode::INVALID_ARGUMENT);
  AwaitClosed(2);
  EXPECT_EQ(Fetch({open, open}), grpc::StatusCode::INVALID_ARGUMENT);
  AwaitClosed(3);
}

TEST_F(StrangerTest, AMessageThatIsTooLargeEndsTheStream) {
  v1::FetchUp large = Up(Request(2, 1, 5, false));
  large.GetReflection()->MutableUnknownFields(&large)->AddLengthDelimited(
      99, std::string(wire::kMessageBytesMax, 'x'));
  EXPECT_NE(Fetch({Up(Request(2, 1, 5, true)), large}), grpc::StatusCode::OK);
  ASSERT_TRUE(node_.recorder.Await([&] { return node_.recorder.closed.size() == 1; }));
}

TEST_F(StrangerTest, ACallWithoutADeadlineIsRefused) {
  v1::ReadBarrierRequest request;
  wire::Encode(IdentityOf(2), NodeId{1}, request.mutable_header());
  grpc::ClientContext context;
  v1::ReadBarrierReply reply;
  EXPECT_EQ(stub_->ReadBarrier(&context, request, &reply).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StrangerTest, AStreamThatSaysNothingDoesNotHoldTheNodeUp) {
  grpc::ClientContext context;
  const auto stream = stub_->Fetch(&context);
  node_.transport->Stop();
  v1::FetchDown down;
  EXPECT_FALSE(stream->Read(&down));
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_EQ(ClosedCount(), 0u);
}

}  // namespace
}  // namespace mom::replication
