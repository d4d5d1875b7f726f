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
        const std::string leaf = std::string(ca) + "." + host;
        std::ofstream(folder_ + "/san") << "subjectAltName=IP:" << host << "\n";
        ASSERT_TRUE(Run("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=node -keyout " +
                        leaf + ".key -out " + leaf + ".csr"));
        ASSERT_TRUE(Run("x509 -req -days 2 -in " + leaf + ".csr -CA " + ca + ".ca.pem -CAkey " + ca +
                        ".ca.key -CAcreateserial -extfile san -out " + leaf + ".pem"));
      }
    }
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  bool Run(const std::string& arguments) {
    return std::system(("cd '" + folder_ + "' && openssl " + arguments + " 2>/dev/null").c_str()) == 0;
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
