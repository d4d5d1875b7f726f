#include "replication/transport/openssl_certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <charconv>
#include <ctime>
#include <memory>
#include <vector>

namespace mom::replication {
namespace {

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using File = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

Status Wrong(const std::string& path, const std::string& what) {
  ERR_clear_error();
  return Status(Status::kInvalidArgument, "TLS between nodes: " + path + ": " + what);
}

// Of a PEM file, the node's own first. At least one.
Result<std::vector<Certificate>> ReadCertificates(const std::string& path) {
  const File file(BIO_new_file(path.c_str(), "r"));
  if (!file) return Wrong(path, "the file cannot be read");
  std::vector<Certificate> all;
  while (X509* one = PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr)) all.emplace_back(one);
  ERR_clear_error();
  if (all.empty()) return Wrong(path, "there is no certificate in it (PEM is wanted)");
  return all;
}

// Nobody is there to type in a pass phrase.
int NoPassPhrase(char*, int, int, void*) {
  return 0;
}

Result<Key> ReadKey(const std::string& path) {
  const File file(BIO_new_file(path.c_str(), "r"));
  if (!file) return Wrong(path, "the file cannot be read");
  Key key(PEM_read_bio_PrivateKey(file.get(), nullptr, NoPassPhrase, nullptr));
  if (!key) return Wrong(path, "there is no private key in it (PEM without a pass phrase is wanted)");
  return key;
}

Result<Timestamp> TimeOf(const ASN1_TIME* time, const std::string& path) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(time, &broken) != 1) return Wrong(path, "its dates cannot be read");
  return Timestamp{int64_t{timegm(&broken)} * 1000};
}

std::string DayOf(Timestamp time) {
  const std::time_t seconds = time.ms / 1000;
  std::tm broken{};
  gmtime_r(&seconds, &broken);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &broken);
  return text;
}

std::string TextOf(const ASN1_STRING* string) {
  const unsigned char* bytes = ASN1_STRING_get0_data(string);
  return std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(ASN1_STRING_length(string)));
}

// Common name and alternative DNS names.
std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> names;
  X509_NAME* const subject = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    names.push_back(TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  }
  auto* const alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) names.push_back(TextOf(name->d.dNSName));
  }
  GENERAL_NAMES_free(alternatives);
  return names;
}

Status CheckNamesNode(X509* certificate, NodeId node, const std::string& path) {
  std::string others;
  for (const std::string& name : NamesOf(certificate)) {
    const auto named = NodeNamedBy(name);
    if (named == node.value) return Status();
    if (named) others += (others.empty() ? "" : ", ") + std::to_string(*named);
  }
  const std::string wanted = "node-" + std::to_string(node.value);
  return Wrong(path, (others.empty() ? "it names no node" : "it is the certificate of node " + others) +
                         "; this one needs " + wanted + " or " + wanted +
                         ".ANYTHING as its common name or as an alternative name (DNS)");
}

Status CheckNamesHost(X509* certificate, std::string host, const std::string& path) {
  if (host.empty()) return Status();
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  if (X509_check_ip_asc(certificate, host.c_str(), 0) == 1) return Status();
  if (X509_check_host(certificate, host.c_str(), host.size(), 0, nullptr) == 1) return Status();
  return Wrong(path,
               "it does not name the host '" + host +
                   "', by which the other nodes reach this one (--peers); add it as an alternative name "
                   "(DNS or IP)");
}

Status CheckDates(X509* certificate, Timestamp now, const std::string& path, Timestamp* until) {
  const auto from = TimeOf(X509_get0_notBefore(certificate), path);
  if (!from.ok()) return from.status();
  const auto to = TimeOf(X509_get0_notAfter(certificate), path);
  if (!to.ok()) return to.status();
  *until = *to;
  if (now >= *to) {
    return Wrong(path, "it expired at " + DayOf(*to) + "; the other nodes refuse it. Renew it");
  }
  if (now < *from) {
    return Wrong(path, "it is valid only from " + DayOf(*from) + " on; it is " + DayOf(now) +
                           " by this machine's clock");
  }
  return Status();
}

// That one of the authority's certificates leads to the node's own.
Status CheckSigned(const std::vector<Certificate>& chain, const std::vector<Certificate>& authority,
                   const TlsFiles& files) {
  const Store store(X509_STORE_new());
  for (const Certificate& one : authority) X509_STORE_add_cert(store.get(), one.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_NO_CHECK_TIME);
  STACK_OF(X509)* const between = sk_X509_new_null();
  for (const Certificate& one : chain) sk_X509_push(between, one.get());
  const StoreContext context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), between);
  const bool is_signed = X509_verify_cert(context.get()) == 1;
  const std::string why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  sk_X509_free(between);
  if (is_signed) return Status();
  return Wrong(files.certificate, "the authority in " + files.ca + " has not signed it (" + why + ")");
}

std::string FingerprintOf(X509* certificate) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int count = 0;
  X509_digest(certificate, EVP_sha256(), bytes, &count);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::optional<uint32_t> NodeNamedBy(std::string_view name) {
  constexpr std::string_view kPrefix = "node-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name = name.substr(0, name.find('.'));
  uint32_t node = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), node);
  if (error != std::errc() || stop != name.data() + name.size()) return std::nullopt;
  return node;
}

Result<NodeCertificate> CheckNodeCertificate(const TlsFiles& files, NodeId node, const std::string& host,
                                             Timestamp now) {
  for (const auto& [path, flag] :
       {std::pair(&files.ca, "--grpc-ca"), std::pair(&files.certificate, "--grpc-certificate"),
        std::pair(&files.key, "--grpc-key")}) {
    if (path->empty()) {
      return Status(
          Status::kInvalidArgument,
          std::string("TLS between nodes needs all of --grpc-ca, --grpc-certificate and --grpc-key; ") +
              flag + " is missing");
    }
  }
  const auto authority = ReadCertificates(files.ca);
  if (!authority.ok()) return authority.status();
  const auto chain = ReadCertificates(files.certificate);
  if (!chain.ok()) return chain.status();
  const auto key = ReadKey(files.key);
  if (!key.ok()) return key.status();
  X509* const own = chain->front().get();
  if (X509_check_private_key(own, key->get()) != 1) {
    return Wrong(files.key, "it is not the key of the certificate " + files.certificate);
  }
  NodeCertificate certificate;
  MOM_RETURN_IF_ERROR(CheckDates(own, now, files.certificate, &certificate.until));
  MOM_RETURN_IF_ERROR(CheckSigned(*chain, *authority, files));
  MOM_RETURN_IF_ERROR(CheckNamesNode(own, node, files.certificate));
  MOM_RETURN_IF_ERROR(CheckNamesHost(own, host, files.certificate));
  certificate.fingerprint = FingerprintOf(own);
  return certificate;
}

}  // namespace mom::replication
