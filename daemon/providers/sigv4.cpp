#include "daemon/providers/sigv4.h"

#include <cryptopp/hmac.h>
#include <cryptopp/sha.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <span>

#include "daemon/domain/chain.h"

namespace govctl::providers::sigv4 {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

domain::Hash hmac(std::span<const std::uint8_t> key, std::string_view message) {
  domain::Hash digest;
  CryptoPP::HMAC<CryptoPP::SHA256> mac(key.data(), key.size());
  mac.CalculateDigest(digest.data(), bytes_of(message), message.size());
  return digest;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

struct Canonical {
  std::string request;
  std::string signed_headers;
};

Canonical canonical(const Request& request) {
  std::vector<const WireHeader*> headers;
  for (const WireHeader& header : *request.headers) headers.push_back(&header);
  std::ranges::sort(headers, {}, &WireHeader::name);
  Canonical made;
  std::string lines;
  for (const WireHeader* header : headers) {
    lines += fmt::format("{}:{}\n", header->name, trimmed(header->value));
    made.signed_headers += (made.signed_headers.empty() ? "" : ";") + header->name;
  }
  // The wire's path is encoded once more; the empty line is the query.
  made.request = fmt::format("{}\n{}\n\n{}\n{}\n{}", request.method, uri_encoded(request.path, Slash::kept),
                             lines, made.signed_headers, hex(domain::sha256(request.body)));
  return made;
}

}  // namespace

Result<Credential> parse_credential(std::string_view text) {
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos) {
    return fail(Code::invalid,
                "an AWS credential is written ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN for a "
                "temporary one");
  }
  Credential credential;
  credential.access_key_id = text.substr(0, first);
  const std::string_view rest = text.substr(first + 1);
  const std::size_t second = rest.find(':');
  credential.secret_access_key = rest.substr(0, second);
  if (second != std::string_view::npos) credential.session_token = rest.substr(second + 1);
  const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  const bool token_missing = second != std::string_view::npos && credential.session_token.empty();
  if (credential.access_key_id.empty() || credential.secret_access_key.empty() || token_missing || !printable) {
    return fail(Code::invalid, "the AWS credential has an empty part or a character that cannot stand in one");
  }
  return credential;
}

std::string authorization(const Request& request, const Credential& credential) {
  const std::string instant = amz_date(request.unix_seconds);
  const std::string_view day = std::string_view(instant).substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, request.region, request.service);
  const Canonical made = canonical(request);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", algorithm, instant, scope, hex(domain::sha256(made.request)));
  const std::string secret = fmt::format("AWS4{}", credential.secret_access_key);
  domain::Hash key = hmac(std::span(bytes_of(secret), secret.size()), day);
  for (const std::string_view part : {request.region, request.service, std::string_view("aws4_request")}) {
    key = hmac(key, part);
  }
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm, credential.access_key_id,
                     scope, made.signed_headers, hex(hmac(key, to_sign)));
}

std::string amz_date(std::int64_t unix_seconds) {
  const std::chrono::sys_seconds instant{std::chrono::seconds(unix_seconds)};
  return fmt::format("{:%Y%m%dT%H%M%SZ}", instant);
}

std::string uri_encoded(std::string_view text, Slash slash) {
  std::string encoded;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool plain =
        letter || c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && slash == Slash::kept);
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace govctl::providers::sigv4
