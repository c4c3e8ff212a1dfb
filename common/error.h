#pragma once
// The one error table. A Code is what happened; the table says its word on the wire, its HTTP status and
// govctl's exit code (50-cli.md). Between rooms errors are values: Result<T>.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace govctl {

enum class Code : std::uint8_t {
  invalid,
  unauthenticated,
  forbidden,
  not_found,
  method_not_allowed,
  conflict,
  stale,
  idempotency_mismatch,
  unprocessable,
  too_large,
  header_too_large,
  insufficient_credits,
  budget_exceeded,
  policy_denied,
  rate_limited,
  no_price,
  no_credential,
  unavailable,
  upstream_failed,
  timeout,
  corrupt,
  internal,
  unreachable,      // govctl only: no daemon answers on the socket
  no_permission,    // govctl only: the socket refuses this user
  version_differs,  // govctl only: the daemon speaks another API major
  cancelled,        // govctl only: a question was answered with no
};

struct CodeFacts {
  Code code;
  std::string_view word;      // "not_found": stable, scripts match on it
  int status;                 // HTTP
  int exit_code;              // govctl
  std::string_view sentence;  // what it means, for help pages
};
const CodeFacts& facts(Code code);
// The code whose word is `word`; internal when there is none.
Code code_of(std::string_view word);

struct Error {
  Code code = Code::internal;
  std::string message;  // one sentence: what and why; never a secret
  std::string next;     // a govctl command that helps, or empty
  std::string details;  // a JSON object as text, or empty
};

template <class T>
using Result = std::expected<T, Error>;

// return fail(Code::not_found, "no org named 'acme'", "govctl org list");
inline std::unexpected<Error> fail(Code code, std::string message, std::string next = {},
                                   std::string details = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(next), std::move(details)});
}

}  // namespace govctl
