#pragma once
// AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html),
// for requests without a query to any service but S3, whose rules for paths differ.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/providers/adapter.h"

namespace govctl::providers::sigv4 {

struct Credential {
  std::string_view access_key_id, secret_access_key;
  std::string_view session_token;  // empty for a long-term key; its header is the caller's to set and sign
};
// "ACCESS_KEY_ID:SECRET_ACCESS_KEY" or "ACCESS_KEY_ID:SECRET_ACCESS_KEY:SESSION_TOKEN"; views into `text`. The
// error says nothing of what stands there.
Result<Credential> parse_credential(std::string_view text);

struct Request {
  std::string_view method;
  std::string_view path;  // as it goes on the wire: percent-encoded once
  const std::vector<WireHeader>* headers =
      nullptr;  // all are signed; names in lower case, host and x-amz-date among them
  std::string_view body;
  std::string_view region, service;
  std::int64_t unix_seconds = 0;
};
// The Authorization header's value.
std::string authorization(const Request& request, const Credential& credential);

// 20150830T123600Z, for x-amz-date.
std::string amz_date(std::int64_t unix_seconds);
// RFC 3986: all but letters, digits and -._~ as %XX; a slash too, unless it is kept.
enum class Slash { encoded, kept };
std::string uri_encoded(std::string_view text, Slash slash);

}  // namespace govctl::providers::sigv4
