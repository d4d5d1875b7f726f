// Every option of momd as a flag, as an environment variable and as a key in the file.
#include "infra/momd_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <vector>

namespace mom::infra {
namespace {

// One option, a value that is not its default, how a file may write it without quotes (empty: it may not),
// and how to read it from a configuration.
struct OptionCase {
  std::string name;
  std::string value;
  std::string bare;
  std::function<std::string(const MomdConfig&)> read;
};

template <typename T>
std::function<std::string(const MomdConfig&)> Number(T MomdConfig::*field) {
  return [field](const MomdConfig& config) { return std::to_string(config.*field); };
}

std::function<std::string(const MomdConfig&)> Text(std::string MomdConfig::*field) {
  return [field](const MomdConfig& config) { return config.*field; };
}

std::string Plaintext(const MomdConfig& config) {
  return config.grpc_plaintext ? "true" : "false";
}

const std::vector<OptionCase>& Cases() {
  static const std::vector<OptionCase> cases = {
      {"node-id", "7", "7", Number(&MomdConfig::node_id)},
      {"data-dir", "/some/where", "", Text(&MomdConfig::data_dir)},
      {"rest-listen", "127.0.0.2:81", "", Text(&MomdConfig::rest_listen)},
      {"grpc-listen", "127.0.0.2:82", "", Text(&MomdConfig::grpc_listen)},
      {"peers", "1=a:1,2=b:2", "", Text(&MomdConfig::peers)},
      {"join", "a:1", "", Text(&MomdConfig::join)},
      {"grpc-ca", "/ca", "", Text(&MomdConfig::grpc_ca)},
      {"grpc-certificate", "/certificate", "", Text(&MomdConfig::grpc_certificate)},
      {"grpc-key", "/key", "", Text(&MomdConfig::grpc_key)},
      {"grpc-plaintext", "true", "true", Plaintext},
      {"fetch-timeout-ms", "3000", "3000", Number(&MomdConfig::fetch_timeout_ms)},
      {"admin-password-file", "/password", "", Text(&MomdConfig::admin_password_file)},
      {"registration", "closed", "", Text(&MomdConfig::registration)},
      {"trusted-proxies", "10.0.0.0/8,::1", "", Text(&MomdConfig::trusted_proxies)},
      {"log-level", "warn", "", Text(&MomdConfig::log_level)},
      {"rest-threads", "13", "13", Number(&MomdConfig::rest_threads)},
      {"waits-per-user-max", "14", "14", Number(&MomdConfig::waits_per_user_max)},
      {"log-retain-mib", "77", "77", Number(&MomdConfig::log_retain_mib)},
      {"disk-free-min-mib", "78", "78", Number(&MomdConfig::disk_free_min_mib)},
  };
  return cases;
}

std::string KeyOf(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string VariableOf(const std::string& name) {
  std::string variable = "MOM_" + KeyOf(name);
  for (char& c : variable) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

class Config : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "mom-config-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string File(const std::string& content) const {
    std::ofstream(dir_ + "/momd.toml") << content;
    return dir_ + "/momd.toml";
  }

  // What stands on standard error is in said_.
  ParsedArguments Parse(std::vector<std::string> arguments,
                        const std::map<std::string, std::string>& environment = {}) {
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    arguments.insert(arguments.begin(), "momd");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    testing::internal::CaptureStderr();
    ParsedArguments parsed = ParseArguments(static_cast<int>(argv.size()), argv.data());
    said_ = testing::internal::GetCapturedStderr();
    for (const auto& [name, value] : environment) unsetenv(name.c_str());
    return parsed;
  }

  void ExpectRefused(const ParsedArguments& parsed, const std::string& name, const std::string& value) {
    EXPECT_FALSE(parsed.config) << name << " " << value;
    EXPECT_EQ(parsed.exit_code, 2);
    EXPECT_NE(said_.find(name), std::string::npos) << said_;
    EXPECT_NE(said_.find(value), std::string::npos) << said_;
    EXPECT_EQ(std::count(said_.begin(), said_.end(), '\n'), 1) << said_;
  }

  std::string dir_;
  std::string said_;
};

TEST_F(Config, TheTableHasEveryOption) {
  std::vector<std::string> tested;
  for (const OptionCase& option : Cases()) tested.push_back(option.name);
  std::vector<std::string> there = OptionNames();
  std::sort(tested.begin(), tested.end());
  std::sort(there.begin(), there.end());
  EXPECT_EQ(tested, there);
}

TEST_F(Config, EveryOptionIsAFlagAVariableAndAKey) {
  for (const OptionCase& option : Cases()) {
    const std::string& name = option.name;
    ASSERT_NE(option.read(MomdConfig()), option.value) << name << ": the table must name another value";
    std::vector<std::pair<std::string, ParsedArguments>> all;
    all.emplace_back("flag", Parse({"--" + name, option.value}));
    all.emplace_back("variable", Parse({}, {{VariableOf(name), option.value}}));
    all.emplace_back("text in the file",
                     Parse({"--config", File(KeyOf(name) + " = \"" + option.value + "\"\n")}));
    if (!option.bare.empty())
      all.emplace_back("key in the file", Parse({"--config", File(KeyOf(name) + " = " + option.bare)}));
    all.emplace_back("file by variable",
                     Parse({}, {{"MOM_CONFIG", File(KeyOf(name) + " = '" + option.value + "'")}}));
    for (const auto& [how, parsed] : all) {
      ASSERT_TRUE(parsed.config) << name << " by " << how << ": " << said_;
      EXPECT_EQ(option.read(*parsed.config), option.value) << name << " by " << how;
      EXPECT_TRUE(parsed.warnings.empty()) << name << " by " << how;
    }
  }
}

TEST_F(Config, NegativeAndOtherwiseWrongNumbersAreRefusedByName) {
  for (const OptionCase& option : Cases()) {
    if (option.bare.empty() || option.bare == "true") continue;
    const std::string flag = "--" + option.name;
    for (const std::string value : {"-5", "-1", "18446744073709551615", "0x10", "1.5", "1e3", "ten"}) {
      ExpectRefused(Parse({flag, value}), option.name, value);
      ExpectRefused(Parse({flag + "=" + value}), option.name, value);
      ExpectRefused(Parse({}, {{VariableOf(option.name), value}}), option.name, value);
      ExpectRefused(Parse({"--config", File(KeyOf(option.name) + " = \"" + value + "\"")}), option.name,
                    value);
    }
    ExpectRefused(Parse({"--config", File(KeyOf(option.name) + " = -5")}), option.name, "-5");
  }
}

TEST_F(Config, BooleansOfTheFileAreTakenAndOnlyWhereTheyMakeSense) {
  const auto yes = Parse({"--config", File("grpc_plaintext = true\n")});
  ASSERT_TRUE(yes.config) << said_;
  EXPECT_TRUE(yes.config->grpc_plaintext);
  const auto no = Parse({"--config", File("grpc_plaintext = false\n")});
  ASSERT_TRUE(no.config) << said_;
  EXPECT_FALSE(no.config->grpc_plaintext);
  ExpectRefused(Parse({"--config", File("rest_threads = true\n")}), "rest-threads", "true");
}

TEST_F(Config, AnUnreadableFileIsOneClearLine) {
  const std::string missing = dir_ + "/missing.toml";
  ExpectRefused(Parse({"--config", missing}), missing, "No such file or directory");
  EXPECT_EQ(said_.find("line 0"), std::string::npos) << said_;
  ExpectRefused(Parse({"--config", dir_}), dir_, "Is a directory");
}

// Kubernetes makes variables like MOM_PORT for a service "mom": they must not stop a node.
TEST_F(Config, AnUnknownVariableIsNamedAndANearMissRefused) {
  const auto other = Parse({}, {{"MOM_PORT_8080_TCP_ADDR", "10.0.0.1"}});
  ASSERT_TRUE(other.config) << said_;
  ASSERT_EQ(other.warnings.size(), 1u);
  EXPECT_NE(other.warnings[0].find("MOM_PORT_8080_TCP_ADDR is unknown"), std::string::npos)
      << other.warnings[0];
  ExpectRefused(Parse({}, {{"MOM_GRPC_PLAINTXT", "true"}}), "MOM_GRPC_PLAINTXT",
                "nearest known one is MOM_GRPC_PLAINTEXT");
  ExpectRefused(Parse({}, {{"MOM_PEER", "1=a:1"}}), "MOM_PEER ", "MOM_PEERS");
}

}  // namespace
}  // namespace mom::infra
