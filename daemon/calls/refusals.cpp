#include "daemon/calls/refusals.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

namespace govctl::calls {

using domain::Cause;

namespace {

struct Row {
  Cause cause;
  int status;
  std::string_view type;
  std::string_view code;
  bool retry;           // waiting mends it
  bool explain_itself;  // its command is `next`, which mends it; else `govctl explain`
};
constexpr std::array table{
    Row{Cause::bad_request, 400, "invalid_request_error", "invalid_request", false, false},
    Row{Cause::unknown_provider, 400, "invalid_request_error", "unknown_provider", false, true},
    Row{Cause::no_price, 400, "invalid_request_error", "no_price", false, true},
    Row{Cause::no_credential, 400, "invalid_request_error", "no_credential", false, true},
    Row{Cause::inactive, 403, "permission_error", "inactive", false, false},
    Row{Cause::frozen, 403, "permission_error", "frozen", false, false},
    Row{Cause::model_denied, 403, "policy_denied", "policy_denied", false, false},
    Row{Cause::provider_denied, 403, "policy_denied", "policy_denied", false, false},
    Row{Cause::input_tokens, 403, "policy_denied", "policy_denied", false, false},
    Row{Cause::output_tokens, 403, "policy_denied", "policy_denied", false, false},
    Row{Cause::costly_feature, 403, "policy_denied", "policy_denied", false, false},
    Row{Cause::rpm, 429, "requests", "rate_limit_exceeded", true, false},
    Row{Cause::tpm, 429, "tokens", "rate_limit_exceeded", true, false},
    Row{Cause::parallel, 429, "requests", "rate_limit_exceeded", true, false},
    Row{Cause::credits, 402, "insufficient_quota", "insufficient_credits", false, false},
    Row{Cause::budget, 402, "insufficient_quota", "budget_exceeded", false, false},
    Row{Cause::key_limit, 402, "insufficient_quota", "budget_exceeded", false, false},
    Row{Cause::unavailable, 503, "server_error", "unavailable", true, true},  // nothing was recorded to explain
};
constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].cause) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by Cause");

nlohmann::ordered_json error_json(const Fault& fault) {
  nlohmann::ordered_json error{
      {"message", fault.message}, {"type", fault.type}, {"param", nullptr}, {"code", nullptr}};
  if (!fault.param.empty()) error["param"] = fault.param;
  if (!fault.code.empty()) error["code"] = fault.code;
  return nlohmann::ordered_json{{"error", std::move(error)}};
}

}  // namespace

std::string chat_error_json(const Fault& fault) {
  return error_json(fault).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

http::Response chat_fault(const Fault& fault, const RequestId& request_id) {
  http::Response response;
  response.status = fault.status;
  response.headers.push_back({"Content-Type", "application/json"});
  response.headers.push_back({"x-request-id", request_id.text()});
  if (!fault.retry) response.headers.push_back({"x-should-retry", "false"});
  response.body = chat_error_json(fault);
  return response;
}

http::Response chat_refusal(const domain::Refusal& refusal, const RequestId& request_id) {
  const Row& row = table[static_cast<std::size_t>(refusal.cause)];
  const std::string command =
      row.explain_itself && !refusal.next.empty() ? refusal.next : "govctl explain " + request_id.text();
  Fault fault;
  fault.status = row.status;
  fault.type = row.type;
  fault.code = row.code;
  fault.message = fmt::format("{}; run: {}", refusal.message, command);
  fault.param = refusal.parameter;
  fault.retry = row.retry;
  http::Response response = chat_fault(fault, request_id);
  if (refusal.retry_after_s) {
    response.headers.push_back({"retry-after", fmt::format("{}", *refusal.retry_after_s)});
    const char* const what = refusal.cause == Cause::tpm ? "tokens" : "requests";
    if (refusal.limit && refusal.cause != Cause::parallel) {
      response.headers.push_back(
          {fmt::format("x-ratelimit-limit-{}", what), fmt::format("{}", *refusal.limit)});
      response.headers.push_back({fmt::format("x-ratelimit-remaining-{}", what), "0"});
      response.headers.push_back(
          {fmt::format("x-ratelimit-reset-{}", what), fmt::format("{}s", *refusal.retry_after_s)});
    }
  }
  return response;
}

}  // namespace govctl::calls
