// Goal: exit code 2 means that nothing was changed, so that a corrected start works.
// Method: for each thing that can be wrong, everything below a folder is listed before and after.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "tests/rest/blackbox/asio_http_client.h"
#include "tests/rest/blackbox/free_port.h"
#include "tests/rest/blackbox/momd_process.h"

namespace mom::blackbox {
namespace {

// Everything below `dir`: kind, size, time of the last change, and the content of all but the log's large
// files. Logs of the test itself are left out.
std::map<std::string, std::string> ListingOf(const std::string& dir) {
  constexpr uintmax_t kReadMax = 1 << 20;
  std::map<std::string, std::string> listing;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    if (entry.path().extension() == ".log" && entry.path().parent_path() == dir) continue;
    std::ostringstream content;
    if (entry.is_regular_file()) {
      content << entry.file_size() << ' ' << entry.last_write_time().time_since_epoch().count() << ' ';
      if (entry.file_size() <= kReadMax) content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    }
    listing[entry.path()] = entry.is_directory() ? "(folder)" : content.str();
  }
  return listing;
}

struct Wrong {
  std::string what;
  std::vector<std::string> arguments;
  std::map<std::string, std::optional<std::string>> environment;
  std::vector<std::string> words;  // That the one line on standard error has.
};

class RefuseTest : public testing::Test {
 protected:
  void SetUp() override {
    Write("short", "short", 0600);
    Write("written-by-others", "a long password", 0666);
    Write("latin", "a long p\xe4ssword", 0600);
    Write("empty", "\n", 0600);
    Write("a-file", "this is no folder", 0600);
    Write("key.pem", "this is no key", 0600);
  }

  std::string Write(const std::string& name, const std::string& content, mode_t mode) {
    std::ofstream(dir_ / name) << content;
    chmod((dir_ / name).c_str(), mode);
    return dir_ / name;
  }

  void ExpectRefused(const Wrong& wrong) {
    const auto before = ListingOf(dir_.path());
    std::filesystem::remove(data_ + ".log");
    MomdProcess momd;
    for (const auto& [name, value] : wrong.environment) momd.SetEnvironment(name, value);
    EXPECT_FALSE(momd.Start(data_, wrong.arguments)) << wrong.what;
    EXPECT_EQ(momd.exit_code(), 2) << wrong.what << ": " << momd.log();
    for (const std::string& word : wrong.words)
      EXPECT_NE(momd.log().find(word), std::string::npos) << wrong.what << ": " << word << ": " << momd.log();
    EXPECT_EQ(ListingOf(dir_.path()), before) << wrong.what << ": " << momd.log();
  }

  // All that is wrong in itself.
  std::vector<Wrong> AllWrong() {
    const std::string busy = "127.0.0.1:" + std::to_string(taken_.port());
    const std::string peers = "1=" + busy + ",2=127.0.0.1:1";
    const auto no_password = [&](const std::string& file) {
      return std::pair(
          std::vector<std::string>{"--admin-password-file", dir_ / file},
          std::map<std::string, std::optional<std::string>>{{"MOM_ADMIN_PASSWORD", std::nullopt}});
    };
    std::vector<Wrong> all;
    for (const auto& [file, word] :
         std::vector<std::pair<std::string, std::string>>{{"missing", "No such file"},
                                                          {"short", "has 5 characters"},
                                                          {"written-by-others", "chmod go-w"},
                                                          {"latin", "not UTF-8"},
                                                          {"empty", "empty"}}) {
      const auto [arguments, environment] = no_password(file);
      all.push_back({"password file " + file, arguments, environment, {dir_ / file, word}});
    }
    all.push_back(
        {"short password", {}, {{"MOM_ADMIN_PASSWORD", "short"}}, {"MOM_ADMIN_PASSWORD", "8 to 128"}});
    all.push_back({"malformed REST", {"--rest-listen", "nonsense"}, {}, {"--rest-listen", "HOST:PORT"}});
    all.push_back(
        {"no such REST address", {"--rest-listen", "192.0.2.1:0"}, {}, {"--rest-listen", "192.0.2.1"}});
    all.push_back({"busy REST", {"--rest-listen", busy}, {}, {"--rest-listen", "in use"}});
    all.push_back({"malformed proxies", {"--trusted-proxies", "nonsense"}, {}, {"--trusted-proxies"}});
    all.push_back({"malformed gRPC", {"--grpc-listen", "nonsense"}, {}, {"--grpc-listen", "HOST:PORT"}});
    all.push_back({"busy gRPC", {"--grpc-listen", busy, "--peers", peers}, {}, {"--grpc-listen", busy}});
    all.push_back(
        {"busy gRPC, joining", {"--grpc-listen", busy, "--join", "127.0.0.1:1"}, {}, {"--grpc-listen"}});
    all.push_back({"plaintext", {"--grpc-listen", "0.0.0.0:0", "--peers", peers}, {}, {"plaintext"}});
    all.push_back({"part of TLS", {"--grpc-ca", dir_ / "key.pem"}, {}, {"--grpc-certificate is missing"}});
    all.push_back(
        {"unreadable TLS",
         {"--grpc-ca", dir_ / "gone", "--grpc-certificate", dir_ / "gone", "--grpc-key", dir_ / "key.pem"},
         {},
         {dir_ / "gone"}});
    all.push_back({"peers without this node", {"--peers", "2=127.0.0.1:1"}, {}, {"does not name this node"}});
    all.push_back({"peers and join", {"--peers", peers, "--join", "127.0.0.1:1"}, {}, {"one of them"}});
    all.push_back({"negative size", {"--disk-free-min-mib", "-1"}, {}, {"--disk-free-min-mib", "-1"}});
    all.push_back(
        {"negative variable", {"--data-dir", data_}, {{"MOM_LOG_RETAIN_MIB", "-1"}}, {"log-retain-mib"}});
    all.push_back({"misspelt variable", {}, {{"MOM_GRPC_PLAINTXT", "true"}}, {"MOM_GRPC_PLAINTEXT"}});
    all.push_back(
        {"data folder is a file", {"--data-dir", dir_ / "a-file"}, {}, {"a-file cannot be the --data-dir"}});
    return all;
  }

  TempDir dir_;
  FreePort taken_, grpc_;
  const std::string data_ = dir_ / "data";
};

TEST_F(RefuseTest, ANewNodeLeavesNothingBehindAndStartsOnceItIsCorrected) {
  taken_.Listen();
  for (const Wrong& wrong : AllWrong()) ExpectRefused(wrong);
  EXPECT_FALSE(std::filesystem::exists(data_));
  MomdProcess momd;
  EXPECT_TRUE(momd.Start(data_)) << momd.log();
  EXPECT_EQ(momd.Terminate(), 0);
}

// An empty folder, as an operator or a volume makes it, stays empty.
TEST_F(RefuseTest, AnEmptyFolderStaysEmpty) {
  taken_.Listen();
  std::filesystem::create_directory(data_);
  for (const Wrong& wrong : AllWrong()) ExpectRefused(wrong);
  EXPECT_TRUE(std::filesystem::is_empty(data_));
}

// A node that has its users needs the password no more: its file may be gone.
TEST_F(RefuseTest, AnOldFolderStaysAsItWasAndNeedsNoPassword) {
  taken_.Listen();
  MomdProcess momd;
  ASSERT_TRUE(momd.Start(data_)) << momd.log();
  ASSERT_EQ(momd.Terminate(), 0);
  for (Wrong wrong : AllWrong()) {
    if (wrong.what.find("password") != std::string::npos) continue;
    const auto& flags = wrong.arguments;
    const auto talks_to_others = [](const std::string& flag) {
      return flag == "--peers" || flag == "--join";
    };
    // Wrong in two ways: as is, and for the folder of a node alone.
    if (std::any_of(flags.begin(), flags.end(), talks_to_others)) wrong.words.clear();
    ExpectRefused(wrong);
  }
  ExpectRefused({"another node", {"--node-id", "2"}, {}, {"belongs to node 1"}});
  ExpectRefused({"a node alone with peers", {"--peers", "1=127.0.0.1:1"}, {}, {"is a cluster alone"}});
  momd.SetEnvironment("MOM_ADMIN_PASSWORD", std::nullopt);
  ASSERT_TRUE(momd.Start(data_, {"--admin-password-file", dir_ / "gone"})) << momd.log();
  EXPECT_EQ(momd.Terminate(), 0);
}

// What only the other nodes know is refused after the folder was made: it goes again.
TEST_F(RefuseTest, ANodeThatTheOthersRefuseLeavesNothingBehind) {
  const std::string grpc = "127.0.0.1:" + std::to_string(grpc_.port());
  MomdProcess founder;
  TempDir elsewhere;
  ASSERT_TRUE(founder.Start(elsewhere / "founder", {"--peers", "1=" + grpc, "--grpc-listen", grpc}))
      << founder.log();
  const std::vector<std::string> same_number = {"--grpc-listen", "127.0.0.1:0", "--join", grpc};
  ExpectRefused({"a voter's number", same_number, {}, {"is a voter of that cluster, on another disk"}});
  EXPECT_FALSE(std::filesystem::exists(data_));
  std::filesystem::create_directory(data_);
  ExpectRefused({"the same in an empty folder", same_number, {}, {"is a voter of that cluster"}});
  MomdProcess momd;
  EXPECT_TRUE(momd.Start(data_)) << momd.log();  // Alone, as the folder belongs to nobody.
}

TEST_F(RefuseTest, ALockedFolderSaysWhoHoldsIt) {
  MomdProcess first;
  ASSERT_TRUE(first.Start(data_)) << first.log();
  ExpectRefused({"locked", {}, {}, {"another momd uses " + data_, "process " + std::to_string(first.pid())}});
  HttpClient client(first.port());
  EXPECT_EQ(client.Send("GET", "/readyz")->status, 200);
}

// The password of a container's secret, mode 0444, with a line end.
TEST_F(RefuseTest, APasswordFromAFileWorksWithoutItsLineEnd) {
  Write("secret", "\xef\xbb\xbfp\xc3\xa4ssw\xc3\xb6rd\r\n", 0444);
  MomdProcess momd;
  momd.SetEnvironment("MOM_ADMIN_PASSWORD", std::nullopt);
  ASSERT_TRUE(momd.Start(data_, {"--admin-password-file", dir_ / "secret"})) << momd.log();
  EXPECT_NE(momd.log().find("others may read the administrator's password"), std::string::npos) << momd.log();
  HttpClient client(momd.port());
  const auto session =
      client.Send("POST", "/v1/sessions", "{\"name\":\"admin\",\"password\":\"p\xc3\xa4ssw\xc3\xb6rd\"}");
  ASSERT_TRUE(session);
  EXPECT_EQ(session->status, 201) << session->body;
}

}  // namespace
}  // namespace mom::blackbox
