#include "replication/transport/grpc_credentials.h"

#include <grpc/grpc_security_constants.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace mom::replication {
namespace {

Result<std::string> ReadText(const std::string& path, const char* what) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) {
    return Status(Status::kInvalidArgument,
                  std::string("TLS between nodes: cannot read the ") + what + " file \"" + path + "\"");
  }
  return text;
}

// The 3 of "node-3" and "node-3.mom.example"; nothing of all else.
std::optional<uint32_t> NodeNamed(std::string_view name) {
  constexpr std::string_view kPrefix = "node-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name = name.substr(0, name.find('.'));
  uint32_t node = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), node);
  if (error != std::errc() || stop != name.data() + name.size()) return std::nullopt;
  return node;
}

bool IsLoopback(const std::string& listen) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  const bool is_number = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "[::1]" || (is_number && host.starts_with("127."));
}

Result<GrpcCredentials> MakeTls(const TlsFiles& files) {
  const auto ca = ReadText(files.ca, "CA");
  if (!ca.ok()) return ca.status();
  const auto certificate = ReadText(files.certificate, "certificate");
  if (!certificate.ok()) return certificate.status();
  const auto key = ReadText(files.key, "key");
  if (!key.ok()) return key.status();

  grpc::SslServerCredentialsOptions server(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  server.pem_root_certs = ca.value();
  server.pem_key_cert_pairs.push_back({key.value(), certificate.value()});
  grpc::SslCredentialsOptions client;
  client.pem_root_certs = ca.value();
  client.pem_private_key = key.value();
  client.pem_cert_chain = certificate.value();
  return GrpcCredentials{grpc::SslServerCredentials(server), grpc::SslCredentials(client)};
}

}  // namespace

Result<GrpcCredentials> MakeCredentials(const TransportOptions& options) {
  if (!options.tls.empty()) return MakeTls(options.tls);
  if (!IsLoopback(options.listen) && !options.allow_plaintext) {
    return Status(Status::kInvalidArgument, "nodes would talk in plaintext at " + options.listen +
                                                ", beyond this machine: give the files for TLS, or allow "
                                                "plaintext explicitly");
  }
  return GrpcCredentials{grpc::InsecureServerCredentials(), grpc::InsecureChannelCredentials()};
}

Status MaySpeakFor(const grpc::ServerContext& peer, uint32_t node) {
  const auto identity = peer.auth_context();
  if (identity == nullptr) return Status();
  std::string others;
  for (const char* property : {GRPC_X509_CN_PROPERTY_NAME, GRPC_X509_SAN_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : identity->FindPropertyValues(property)) {
      const auto named = NodeNamed(std::string_view(name.data(), name.size()));
      if (!named) continue;
      if (*named == node) return Status();
      others += (others.empty() ? "" : ", ") + std::to_string(*named);
    }
  }
  if (others.empty()) return Status();
  return Status(Status::kWrongOwner,
                "speaks for node " + std::to_string(node) + " with a certificate of node " + others);
}

}  // namespace mom::replication
