// Goal: with TLS only who shows a certificate of the same CA is served, and a node is only believed at a host
// that its certificate names.
// Method: certificates made on the spot by the program openssl.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <vector>

#include "replication/transport/grpc_log.h"
#include "replication/transport/openssl_certificate.h"
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
        ASSERT_TRUE(
            MakeLeaf(ca, std::string(ca) + "." + host, "node-1", std::string("IP:") + host + ",DNS:node-2"));
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

// Goal: who holds the certificate of one node cannot speak for another, nor who holds one that names no node,
// in calls, notices and streams; the refusal says from where, and names each node once.
TEST_F(TlsTest, ACertificateSpeaksOnlyForTheNodesThatItNames) {
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
       {Case{"node-2", "", true}, Case{"node-3", "DNS:node-3", false}, Case{"x", "DNS:node-2.mom", true},
        Case{"x", "DNS:node-22.mom", false}, Case{"node-3", "DNS:node-2", true}, Case{"node-0", "", false},
        Case{"node", "", false}, Case{"node-two", "DNS:node-3x.mom", false}}) {
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
    const std::string why = answer.Await().status().message();
    EXPECT_NE(why.find("somebody at 127.0.0.1 speaks for node 2 with a certificate"), std::string::npos)
        << why;
    EXPECT_EQ(why.find("3, 3"), std::string::npos) << why;
    ASSERT_TRUE(client.recorder.Await([&] { return !client.recorder.closed.empty(); }));
    EXPECT_EQ(server.recorder.Look([&] { return server.recorder.arrived.size(); }), before);
  }
}

// Goal: a renewed certificate is used without a restart, at both ends. Method: the client's first one speaks
// for another node; the files are replaced under the running node.
TEST_F(TlsTest, RenewedFilesAreReadWhileTheNodeRuns) {
  TestNode server(1, Options("ours", "ours.127.0.0.1"));
  server.recorder.on_status = [](const quorum::Identity&, auto reply) {
    NodeStatus status;
    status.role = "follower";
    reply(status);
  };
  ASSERT_TRUE(MakeLeaf("ours", "renewed", "node-3", "IP:127.0.0.1"));
  TransportOptions options = Options("ours", "renewed");
  options.certificate_refresh_s = 1;
  TestNode client(2, options);
  Connect({&server, &client});
  const auto ask = [&] {
    Promised<Result<NodeStatus>> answer;
    client.transport->FetchStatus(server.id, 30'000, [&](Result<NodeStatus> one) { answer.Set(one); });
    return answer.Await().ok();
  };
  EXPECT_FALSE(ask());
  ASSERT_TRUE(MakeLeaf("ours", "renewed", "node-2", "IP:127.0.0.1"));
  bool is_believed = false;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!is_believed && std::chrono::steady_clock::now() < give_up) {
    // Open connections stay as they are; another address makes a new one.
    client.transport->SetAddresses({});
    Connect({&server, &client});
    is_believed = ask();
  }
  EXPECT_TRUE(is_believed);
}

// Goal: what gRPC says of a connection that cannot be made is in this program's log, and does not fill it.
TEST_F(TlsTest, GrpcsOwnErrorsGoToTheLogAndDoNotFillIt) {
  std::mutex mutex;
  std::vector<std::string> lines;
  SetGrpcLog([&](LogLevel, const std::string& text) {
    std::lock_guard lock(mutex);
    lines.push_back(text);
  });
  {
    TestNode server(1, Options("ours", "ours.127.0.0.1"));
    for (int i = 0; i < 20; ++i) {
      TestNode client(2, Options("theirs", "theirs.127.0.0.1"));
      Connect({&server, &client});
      client.transport->OpenStream(Request(2, 1, 5, true));
      ASSERT_TRUE(client.recorder.Await([&] { return !client.recorder.closed.empty(); }));
    }
  }
  SetGrpcLog({});
  const auto handshakes = std::count_if(lines.begin(), lines.end(),
                                        [](const auto& line) { return line.find("SSL") != line.npos; });
  EXPECT_GE(handshakes, 1);
  EXPECT_LE(lines.size(), 8u);  // A line a place; there were 20 attempts, each refused at two ends.
}

// Goal: a node finds out by itself, before it talks to anybody, why the others would refuse its certificate.
TEST_F(TlsTest, ANodeChecksItsOwnCertificateAsTheOthersWill) {
  ASSERT_TRUE(MakeLeaf("ours", "good", "node-1", "IP:127.0.0.1,DNS:mom-0.mom-nodes,DNS:*.wide.example"));
  ASSERT_TRUE(MakeLeaf("ours", "anon", "somebody", "IP:127.0.0.1"));
  ASSERT_TRUE(MakeLeaf("ours", "other", "node-2", "IP:127.0.0.1,DNS:node-2"));
  ASSERT_TRUE(MakeLeaf("theirs", "foreign", "node-1", "IP:127.0.0.1"));
  std::ofstream(folder_ + "/empty.pem") << "no certificate\n";
  const auto files = [&](const std::string& leaf) { return Options("ours", leaf).tls; };
  TlsFiles swapped = files("good");
  swapped.key = files("other").key;
  TlsFiles empty = files("good");
  empty.certificate = folder_ + "/empty.pem";
  TlsFiles lone;
  lone.ca = files("good").ca;
  const Timestamp now{std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count()};
  constexpr int64_t kDayMs = 24LL * 3600 * 1000;
  struct Case {
    TlsFiles files;
    const char* host;
    int64_t days_later;
    const char* why;  // Null: it is good.
  };
  for (const Case& c :
       {Case{files("good"), "127.0.0.1", 0, nullptr}, Case{files("good"), "mom-0.mom-nodes", 0, nullptr},
        Case{files("good"), "one.wide.example", 0, nullptr}, Case{files("good"), "", 0, nullptr},
        Case{files("good"), "192.0.2.1", 0, "does not name the host '192.0.2.1'"},
        Case{files("good"), "127.0.0.1", 3, "it expired at "},
        Case{files("good"), "127.0.0.1", -3, "it is valid only from "},
        Case{files("anon"), "127.0.0.1", 0, "it names no node; this one needs node-1"},
        Case{files("other"), "127.0.0.1", 0, "it is the certificate of node 2"},
        Case{files("foreign"), "127.0.0.1", 0, "has not signed it"},
        Case{files("none"), "127.0.0.1", 0, "none.pem: the file cannot be read"},
        Case{swapped, "127.0.0.1", 0, "other.key: it is not the key of the certificate"},
        Case{empty, "127.0.0.1", 0, "empty.pem: there is no certificate in it"},
        Case{lone, "127.0.0.1", 0, "--grpc-certificate is missing"}}) {
    const auto checked =
        CheckNodeCertificate(c.files, NodeId{1}, c.host, Timestamp{now.ms + c.days_later * kDayMs});
    EXPECT_EQ(checked.ok(), c.why == nullptr) << c.files.certificate << " " << checked.status();
    if (c.why == nullptr) {
      EXPECT_GT(checked->until.ms, now.ms + kDayMs);
      continue;
    }
    EXPECT_EQ(checked.status().code(), Status::kInvalidArgument);
    EXPECT_NE(checked.status().message().find(c.why), std::string::npos) << checked.status();
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
