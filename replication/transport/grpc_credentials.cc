#include "replication/transport/grpc_credentials.h"

#include <grpc/grpc_security_constants.h>

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "replication/transport/openssl_certificate.h"

namespace mom::replication {
namespace {

bool IsLoopback(const std::string& listen) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  const bool is_number = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "[::1]" || (is_number && host.starts_with("127."));
}

// The files are read again while the node runs, so that a renewed certificate needs no restart; connections
// that are open stay as they are.
Result<GrpcCredentials> MakeTls(const TransportOptions& options) {
  const TlsFiles& files = options.tls;
  for (const std::string* path : {&files.ca, &files.certificate, &files.key}) {
    if (!std::ifstream(*path, std::ios::binary)) {
      return Status(Status::kInvalidArgument, "TLS between nodes: cannot read the file \"" + *path + "\"");
    }
  }
  using grpc::experimental::FileWatcherCertificateProvider;
  const auto provider = std::make_shared<FileWatcherCertificateProvider>(
      files.key, files.certificate, files.ca, options.certificate_refresh_s);
  grpc::experimental::TlsServerCredentialsOptions server(provider);
  server.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  grpc::experimental::TlsChannelCredentialsOptions client;
  client.set_certificate_provider(provider);
  client.set_certificate_verifier(std::make_shared<grpc::experimental::HostNameCertificateVerifier>());
  for (grpc::experimental::TlsCredentialsOptions* end :
       {static_cast<grpc::experimental::TlsCredentialsOptions*>(&server),
        static_cast<grpc::experimental::TlsCredentialsOptions*>(&client)}) {
    end->watch_root_certs();
    end->watch_identity_key_cert_pairs();
  }
  return GrpcCredentials{grpc::experimental::TlsServerCredentials(server),
                         grpc::experimental::TlsCredentials(client)};
}

// "127.0.0.1" of "ipv4:127.0.0.1:40122", which gRPC may also write with %5B and %5D.
std::string HostOf(const std::string& peer) {
  const size_t begin = peer.find(':') + 1;
  return peer.substr(begin, peer.rfind(':') - begin);
}

}  // namespace

Result<GrpcCredentials> MakeCredentials(const TransportOptions& options) {
  if (!options.tls.empty()) return MakeTls(options);
  if (!IsLoopback(options.listen) && !options.allow_plaintext) {
    return Status(Status::kInvalidArgument, "nodes would talk in plaintext at " + options.listen +
                                                ", beyond this machine: give the files for TLS, or allow "
                                                "plaintext explicitly");
  }
  return GrpcCredentials{grpc::InsecureServerCredentials(), grpc::InsecureChannelCredentials()};
}

Status MaySpeakFor(const grpc::ServerContext& peer, uint32_t node) {
  const auto identity = peer.auth_context();
  if (identity == nullptr || !identity->IsPeerAuthenticated()) return Status();
  std::set<uint32_t> others;
  for (const char* property : {GRPC_X509_CN_PROPERTY_NAME, GRPC_X509_SAN_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : identity->FindPropertyValues(property)) {
      const auto named = NodeNamedBy(std::string_view(name.data(), name.size()));
      if (!named) continue;
      if (*named == node) return Status();
      others.insert(*named);
    }
  }
  std::string text;
  for (const uint32_t other : others) text += (text.empty() ? " of node " : ", ") + std::to_string(other);
  return Status(Status::kWrongOwner, "somebody at " + HostOf(peer.peer()) + " speaks for node " +
                                         std::to_string(node) + " with a certificate" +
                                         (others.empty() ? " that names no node" : text));
}

}  // namespace mom::replication
