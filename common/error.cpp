#include "common/error.h"

#include <array>

namespace govctl {
namespace {

constexpr std::array table{
    CodeFacts{Code::invalid, "invalid", 400, 64, "The input is not valid."},
    CodeFacts{Code::unauthenticated, "unauthenticated", 401, 4, "Nobody known is asking."},
    CodeFacts{Code::forbidden, "forbidden", 403, 4, "The permission is missing."},
    CodeFacts{Code::not_found, "not_found", 404, 6, "There is no such thing, or it is not yours to see."},
    CodeFacts{Code::method_not_allowed, "method_not_allowed", 405, 64,
              "The route exists, the method does not."},
    CodeFacts{Code::conflict, "conflict", 409, 7, "It exists already, or its state does not allow this."},
    CodeFacts{Code::stale, "stale", 412, 7, "It was changed by somebody else in the meantime."},
    CodeFacts{Code::idempotency_mismatch, "idempotency_mismatch", 422, 7,
              "The idempotency key was used before with other content."},
    CodeFacts{Code::unprocessable, "unprocessable", 422, 64,
              "The request is well formed, but names what is not there."},
    CodeFacts{Code::too_large, "too_large", 413, 64, "The body is larger than the limit."},
    CodeFacts{Code::header_too_large, "header_too_large", 431, 64, "The headers are larger than the limit."},
    CodeFacts{Code::insufficient_credits, "insufficient_credits", 402, 5,
              "The balance does not cover the call."},
    CodeFacts{Code::budget_exceeded, "budget_exceeded", 402, 5, "A budget does not cover the call."},
    CodeFacts{Code::policy_denied, "policy_denied", 403, 5, "A policy forbids the call."},
    CodeFacts{Code::rate_limited, "rate_limited", 429, 75, "A rate limit is reached; try again later."},
    CodeFacts{Code::no_price, "no_price", 400, 5, "The model has no price; an unknown price is never free."},
    CodeFacts{Code::no_credential, "no_credential", 400, 5, "No credential is stored for the provider."},
    CodeFacts{Code::unavailable, "unavailable", 503, 75, "The daemon cannot do this now; try again."},
    CodeFacts{Code::upstream_failed, "upstream_failed", 502, 1, "The provider could not be reached."},
    CodeFacts{Code::timeout, "timeout", 504, 8, "It took too long."},
    CodeFacts{Code::corrupt, "corrupt", 503, 1, "A database file is damaged or was changed from outside."},
    CodeFacts{Code::internal, "internal", 500, 1, "A fault inside the daemon."},
    CodeFacts{Code::unreachable, "unreachable", 503, 69, "No daemon answers."},
    CodeFacts{Code::no_permission, "no_permission", 403, 4, "The socket does not admit this user."},
    CodeFacts{Code::version_differs, "version_differs", 503, 69,
              "The daemon speaks another major version of the API."},
    CodeFacts{Code::cancelled, "cancelled", 409, 1, "A question was answered with no; nothing was changed."},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].code) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by Code");

}  // namespace

const CodeFacts& facts(Code code) { return table[static_cast<std::size_t>(code)]; }

Code code_of(std::string_view word) {
  for (const auto& row : table) {
    if (row.word == word) return row.code;
  }
  return Code::internal;
}

}  // namespace govctl
