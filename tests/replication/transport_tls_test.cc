// Goal: with TLS only who shows a certificate of the same CA is served, and a node is only believed at a host
// that its certificate names.
// Method: certificates made on the spot by the program openssl.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/replication/transport_harness.h"

namespace mom::replication {
namespace {

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(std::system("openssl version >/dev/null 2>&1"), 0)
        << "the program openssl is missing; infra/install-packages.sh test installs it";
    std::string name = (std::filesystem::temp_directory_path() / "mom-tls-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    for (const char* ca : {"ours", "theirs"}) {
      ASSERT_TRUE(
          Run(std::string("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=") +
              ca + " -keyout " + ca + ".ca.key -out " + ca + ".ca.pem"));
      for (const char* host : {"127.0.0.1", "192.0.2.1"}) {
        ASSERT_TRUE(MakeLeaf(ca, std::string(ca) + "." + host, "node", std::string("IP:") + host));
      }
    }
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  bool Run(const std::string& arguments) {
    return std::system(("cd '" + folder_ + "' && openssl " + arguments + " 2>/dev/null").c_str()) == 0;
  }
  // A certificate `leaf`.pem, signed by `ca`.
  bool MakeLeaf(const std::string& ca, const std::string& leaf, const std::string& subject,
                const std::string& san) {
    std::ofstream(folder_ + "/san") << "subjectAltName=" << san << "\n";
    return Run("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + subject + " -keyout " +
               leaf + ".key -out " + leaf + ".csr") &&
           Run("x509 -req -days 2 -in " + leaf + ".csr -CA " + ca + ".ca.pem -CAkey " + ca +
               ".ca.key -CAcreateserial -extfile san -out " + leaf + ".pem");
  }
  TransportOptions Options(const std::string& ca, const std::string& leaf) {
    TransportOptions options;
    options.tls = {folder_ + "/" + ca + ".ca.pem", folder_ + "/" + leaf + ".pem",
                   folder_ + "/" + leaf + ".key"};
    return options;
  }
  std::string folder_;
};

TEST_F(TlsTest, NodesOfOneCaReachEachOther) {
  TestNode server(1, Options("ours", "ours.127.0.0.1"));
  TestNode client(2, Options("ours", "ours.127.0.0.1"));
  Connect({&server, &client});
  client.transport->OpenStream(Request(2, 1, 5, true));
  ASSERT_TRUE(server.recorder.Await([&] { return !server.recorder.arrived.empty(); }));
  server.transport->SendFrame(Reply(1, 2, 5, FrameAt(0)), {EntryAt(0, std::string(1u << 20, 'x'))});
  ASSERT_TRUE(client.recorder.Await([&] { return !client.recorder.arrived.empty(); }));
}

// Neither end may speak plaintext, be of another CA, or stand at a host that it is not named for.
TEST_F(TlsTest, OthersDoNotReachEachOther) {
  struct Case {
    TransportOptions server, client;
  };
  const TransportOptions good = Options("ours", "ours.127.0.0.1");
  for (const Case& c : {Case{good, Options("theirs", "theirs.127.0.0.1")}, Case{good, TransportOptions()},
                        Case{TransportOptions(), good}, Case{good, Options("ours", "theirs.127.0.0.1")},
                        Case{Options("ours", "ours.192.0.2.1"), good}}) {
    TestNode server(1, c.server);
    TestNode client(2, c.client);
    Connect({&server, &client});
    client.transport->OpenStream(Request(2, 1, 5, true));
    ASSERT_TRUE(client.recorder.Await([&] { return !client.recorder.closed.empty(); }));
    EXPECT_TRUE(server.recorder.Look([&] { return server.recorder.arrived.empty(); }));
  }
}

// Goal: who holds the certificate of one node cannot speak for another, in calls, notices and streams.
TEST_F(TlsTest, ACertificateThatNamesANodeSpeaksOnlyForIt) {
  TestNode server(1, Options("ours", "ours.127.0.0.1"));
  server.recorder.on_status = [](const quorum::Identity&, auto reply) {
    NodeStatus status;
    status.role = "follower";
    reply(status);
  };
  struct Case {
    const char *subject, *san;
    bool is_believed;
  };
  for (const Case& c :
       {Case{"node-2", "", true}, Case{"node-3", "", false}, Case{"x", "DNS:node-2.mom", true},
        Case{"x", "DNS:node-22.mom", false}, Case{"node-3", "DNS:node-2", true},
        Case{"node-two", "DNS:node-3x.mom", true}, Case{"node-0", "", false}}) {
    ASSERT_TRUE(
        MakeLeaf("ours", "named", c.subject, std::string("IP:127.0.0.1") + (*c.san ? "," : "") + c.san));
    TestNode client(2, Options("ours", "named"));
    Connect({&server, &client});
    const size_t before = server.recorder.Look([&] { return server.recorder.arrived.size(); });
    Promised<Result<NodeStatus>> answer;
    client.transport->FetchStatus(server.id, 30'000, [&](Result<NodeStatus> one) { answer.Set(one); });
    EXPECT_EQ(answer.Await().ok(), c.is_believed) << c.subject << " " << c.san;
    client.transport->OpenStream(Request(2, 1, 5, true));
    if (c.is_believed) {
      EXPECT_TRUE(server.recorder.Await([&] { return server.recorder.arrived.size() > before; }));
      continue;
    }
    EXPECT_EQ(answer.Await().status().code(), Status::kNotFound);  // Certainly not done.
    EXPECT_NE(answer.Await().status().message().find("certificate of node"), std::string::npos);
    ASSERT_TRUE(client.recorder.Await([&] { return !client.recorder.closed.empty(); }));
    EXPECT_EQ(server.recorder.Look([&] { return server.recorder.arrived.size(); }), before);
  }
}

TEST_F(TlsTest, MissingFilesAreNamed) {
  TransportOptions options = Options("ours", "ours.127.0.0.1");
  options.tls.key = folder_ + "/none";
  Recorder recorder;
  const Status status = MakeGrpcTransport(options)->Start(&recorder);
  EXPECT_EQ(status.code(), Status::kInvalidArgument);
  EXPECT_NE(status.message().find("/none"), std::string::npos) << status;
}

}  // namespace
}  // namespace mom::replication
