#include "daemon/calls/refusals.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "daemon/calls/attribution.h"

using namespace govctl;
using namespace govctl::calls;
using domain::Cause;

namespace {

std::string header(const http::Response& response, std::string_view name) {
  for (const auto& one : response.headers) {
    if (one.name == name) return one.value;
  }
  return "-";
}

// An exchange that has headers and nothing else.
class HeadersOnly final : public http::Exchange {
 public:
  explicit HeadersOnly(http::Headers headers) : headers_(std::move(headers)) {}
  [[nodiscard]] std::string_view method() const override { return "POST"; }
  [[nodiscard]] std::string_view target() const override { return "/"; }
  [[nodiscard]] std::string_view path() const override { return "/"; }
  [[nodiscard]] std::string_view query() const override { return ""; }
  [[nodiscard]] std::string_view header(std::string_view name) const override {
    for (const auto& one : headers_) {
      if (one.name == name) return one.value;
    }
    return {};
  }
  [[nodiscard]] http::Headers headers_with(std::string_view /*lower_prefix*/) const override { return {}; }
  [[nodiscard]] const http::Peer& peer() const override { return peer_; }
  [[nodiscard]] boost::asio::io_context& context() const override { return context_; }
  boost::asio::awaitable<Result<std::string>> body() override { co_return std::string(); }
  boost::asio::awaitable<Result<void>> respond(http::Response) override { co_return Result<void>{}; }
  boost::asio::awaitable<Result<void>> start(int, http::Headers) override { co_return Result<void>{}; }
  boost::asio::awaitable<Result<void>> write(std::string_view) override { co_return Result<void>{}; }
  boost::asio::awaitable<Result<void>> finish() override { co_return Result<void>{}; }
  boost::asio::awaitable<Result<void>> finish(std::string_view) override { co_return Result<void>{}; }
  void abort() override {}
  void on_disconnect(std::function<void()>) override {}

 private:
  http::Headers headers_;
  http::Peer peer_;
  mutable boost::asio::io_context context_;
};

}  // namespace

TEST_CASE("every cause has its status, type and code") {
  struct Row {
    Cause cause;
    int status;
    const char* type;
    const char* code;
    bool retry;
  };
  const Row table[] = {
      {Cause::bad_request, 400, "invalid_request_error", "invalid_request", false},
      {Cause::unknown_provider, 400, "invalid_request_error", "unknown_provider", false},
      {Cause::no_price, 400, "invalid_request_error", "no_price", false},
      {Cause::no_credential, 400, "invalid_request_error", "no_credential", false},
      {Cause::inactive, 403, "permission_error", "inactive", false},
      {Cause::frozen, 403, "permission_error", "frozen", false},
      {Cause::model_denied, 403, "policy_denied", "policy_denied", false},
      {Cause::provider_denied, 403, "policy_denied", "policy_denied", false},
      {Cause::input_tokens, 403, "policy_denied", "policy_denied", false},
      {Cause::output_tokens, 403, "policy_denied", "policy_denied", false},
      {Cause::costly_feature, 403, "policy_denied", "policy_denied", false},
      {Cause::rpm, 429, "requests", "rate_limit_exceeded", true},
      {Cause::tpm, 429, "tokens", "rate_limit_exceeded", true},
      {Cause::parallel, 429, "requests", "rate_limit_exceeded", true},
      {Cause::credits, 402, "insufficient_quota", "insufficient_credits", false},
      {Cause::budget, 402, "insufficient_quota", "budget_exceeded", false},
      {Cause::key_limit, 402, "insufficient_quota", "budget_exceeded", false},
      {Cause::unavailable, 503, "server_error", "unavailable", true},
  };
  const auto id = RequestId::mint(1);
  for (const Row& row : table) {
    domain::Refusal refusal;
    refusal.cause = row.cause;
    refusal.message = "because";
    const auto response = refusal_answer(Envelope::chat, refusal, id, Timestamp{});
    INFO(row.code);
    CHECK(response.status == row.status);
    CHECK(header(response, "Content-Type") == "application/json");
    CHECK(header(response, "x-request-id") == id.text());
    CHECK(header(response, "x-should-retry") == (row.retry ? "-" : "false"));
    const auto error = nlohmann::json::parse(response.body)["error"];
    CHECK(error["type"] == row.type);
    CHECK(error["code"] == row.code);
    CHECK(error["param"].is_null());
    CHECK(error["message"] == "because; run: govctl explain " + id.text());
  }
}

TEST_CASE("what a command mends names the command; the rest is explained") {
  domain::Refusal refusal;
  refusal.cause = Cause::no_price;
  refusal.message = "no price";
  refusal.next = "govctl pricing set openai x --input USD --output USD";
  refusal.parameter = "model";
  const auto error = nlohmann::json::parse(
      refusal_answer(Envelope::chat, refusal, RequestId::mint(1), Timestamp{}).body)["error"];
  CHECK(error["message"] == "no price; run: govctl pricing set openai x --input USD --output USD");
  CHECK(error["param"] == "model");
}

TEST_CASE("a rate limit says when to come again and what is left") {
  domain::Refusal refusal;
  refusal.cause = Cause::rpm;
  refusal.limit = 10;
  refusal.retry_after_s = 17;
  const auto requests = refusal_answer(Envelope::chat, refusal, RequestId::mint(1), Timestamp{});
  CHECK(header(requests, "retry-after") == "17");
  CHECK(header(requests, "x-ratelimit-limit-requests") == "10");
  CHECK(header(requests, "x-ratelimit-remaining-requests") == "0");
  CHECK(header(requests, "x-ratelimit-reset-requests") == "17s");
  // Anthropic's names, and an instant: 17 s after 1970-01-01T00:01:40Z
  const auto theirs = refusal_answer(Envelope::messages, refusal, RequestId::mint(1), Timestamp{100'000'000});
  CHECK(header(theirs, "anthropic-ratelimit-requests-limit") == "10");
  CHECK(header(theirs, "anthropic-ratelimit-requests-remaining") == "0");
  CHECK(header(theirs, "anthropic-ratelimit-requests-reset") == "1970-01-01T00:01:57Z");
  CHECK(header(theirs, "x-ratelimit-limit-requests") == "-");
  refusal.cause = Cause::tpm;
  CHECK(header(refusal_answer(Envelope::chat, refusal, RequestId::mint(1), Timestamp{}),
               "x-ratelimit-limit-tokens") == "10");
  refusal.cause = Cause::parallel;
  CHECK(header(refusal_answer(Envelope::chat, refusal, RequestId::mint(1), Timestamp{}), "retry-after") ==
        "17");
  CHECK(header(refusal_answer(Envelope::chat, refusal, RequestId::mint(1), Timestamp{}),
               "x-ratelimit-limit-requests") == "-");
}

TEST_CASE("an error is JSON whatever its message holds") {
  Fault fault;
  fault.message = "broken \xff and \"quoted\"";
  const auto response = fault_answer(Envelope::chat, fault, RequestId::mint(1));
  CHECK(nlohmann::json::accept(response.body));
  CHECK(nlohmann::json::parse(response.body)["error"]["code"].is_null());
}

TEST_CASE("tags are name=value pairs, 16 at most, printable") {
  const auto tags = [](const std::string& value) { return tags_of(HeadersOnly({{"x-govd-tags", value}})); };
  CHECK(tags("") == "");
  CHECK(tags("team=a, cost-center = 42 ,flag=") == R"({"team":"a","cost-center":"42","flag":""})");
  CHECK(tags("novalue,=x,,a=b=c") == R"({"a":"b=c"})");
  CHECK(tags("a=1,a=2") == R"({"a":"2"})");
  CHECK(tags("a=\x01\xc3\xa9z") == R"({"a":"z"})");
  std::string many;
  for (int i = 0; i < 40; ++i) many += "k" + std::to_string(i) + "=v,";
  CHECK(nlohmann::json::parse(tags(many)).size() == 16);
  CHECK(nlohmann::json::parse(tags("a=" + std::string(1000, 'x')))["a"].get<std::string>().size() == 200);
}

TEST_CASE("a subagent of Claude Code is a tag") {
  CHECK(tags_of(HeadersOnly({{"x-claude-code-agent-id", "a1"}})) == R"({"claude-code-agent-id":"a1"})");
  CHECK(tags_of(HeadersOnly({{"x-claude-code-agent-id", "a1"}, {"x-govd-tags", "team=b"}})) ==
        R"({"claude-code-agent-id":"a1","team":"b"})");
}

TEST_CASE("sessions and the client's own request id come from their headers") {
  CHECK(session_of(HeadersOnly({{"x-session-id", "s1"}, {"session-id", "s2"}})) == "s1");
  CHECK(session_of(HeadersOnly({{"x-claude-code-session-id", "s3"}})) == "s3");
  CHECK(session_of(HeadersOnly({})) == "");
  CHECK(client_request_id_of(HeadersOnly({{"x-request-id", "theirs"}})) == "theirs");
}

TEST_CASE("Anthropic's and Codex's clients are told in their own words") {
  struct Row {
    Cause cause;
    int messages_status;
    const char* messages_type;
    int responses_status;
    const char* responses_type;
    const char* responses_code;
  };
  const Row table[] = {
      {Cause::bad_request, 400, "invalid_request_error", 400, "invalid_request_error", "invalid_request"},
      {Cause::unknown_provider, 400, "invalid_request_error", 400, "invalid_request_error", "unknown_provider"},
      {Cause::no_price, 400, "invalid_request_error", 400, "invalid_request_error", "no_price"},
      {Cause::no_credential, 400, "invalid_request_error", 400, "invalid_request_error", "no_credential"},
      {Cause::inactive, 403, "permission_error", 403, "permission_error", "inactive"},
      {Cause::frozen, 403, "permission_error", 403, "permission_error", "frozen"},
      {Cause::model_denied, 400, "invalid_request_error", 400, "invalid_request_error", "policy_denied"},
      {Cause::provider_denied, 400, "invalid_request_error", 400, "invalid_request_error", "policy_denied"},
      {Cause::input_tokens, 400, "invalid_request_error", 400, "invalid_request_error", "policy_denied"},
      {Cause::output_tokens, 400, "invalid_request_error", 400, "invalid_request_error", "policy_denied"},
      {Cause::costly_feature, 400, "invalid_request_error", 400, "invalid_request_error", "policy_denied"},
      {Cause::rpm, 429, "rate_limit_error", 429, "requests", "rate_limit_exceeded"},
      {Cause::tpm, 429, "rate_limit_error", 429, "tokens", "rate_limit_exceeded"},
      {Cause::parallel, 429, "rate_limit_error", 429, "requests", "rate_limit_exceeded"},
      {Cause::credits, 429, "billing_error", 429, "usage_limit_reached", "insufficient_credits"},
      {Cause::budget, 429, "billing_error", 429, "usage_limit_reached", "budget_exceeded"},
      {Cause::key_limit, 429, "billing_error", 429, "usage_limit_reached", "budget_exceeded"},
      {Cause::unavailable, 503, "api_error", 503, "server_error", "unavailable"},
  };
  const auto id = RequestId::mint(1);
  for (const Row& row : table) {
    domain::Refusal refusal;
    refusal.cause = row.cause;
    refusal.message = "because";
    INFO(domain::cause_word(row.cause));
    auto response = refusal_answer(Envelope::messages, refusal, id, Timestamp{});
    auto body = nlohmann::json::parse(response.body);
    CHECK(response.status == row.messages_status);
    CHECK(body["type"] == "error");
    CHECK(body["error"]["type"] == row.messages_type);
    CHECK(body["request_id"] == id.text());
    CHECK(header(response, "request-id") == id.text());
    CHECK(header(response, "retry-after") == "-");
    response = refusal_answer(Envelope::responses, refusal, id, Timestamp{});
    body = nlohmann::json::parse(response.body);
    CHECK(response.status == row.responses_status);
    CHECK(body["error"]["type"] == row.responses_type);
    CHECK(body["error"]["code"] == row.responses_code);
    CHECK_FALSE(body["error"].contains("resets_at"));
  }
}

TEST_CASE("a spent monthly budget says when it resets, to the second") {
  domain::Refusal refusal;
  refusal.cause = Cause::budget;
  refusal.message = "caf\xc3\xa9\r\nx: y";
  refusal.period = domain::Period::monthly;
  refusal.resets_at = parse_rfc3339("2026-12-01T00:00:00Z");
  const Timestamp now = *parse_rfc3339("2026-11-30T23:00:00Z");
  const auto messages = refusal_answer(Envelope::messages, refusal, RequestId::mint(1), now);
  CHECK(header(messages, "retry-after") == "3601");
  const auto responses = refusal_answer(Envelope::responses, refusal, RequestId::mint(1), now);
  CHECK(header(responses, "x-codex-primary-window-minutes") == "43200");
  CHECK(header(responses, "x-codex-primary-reset-at") == "1796083200");
  CHECK(header(responses, "x-codex-primary-reset-after-seconds") == "3600");
  CHECK(header(responses, "x-codex-promo-message").starts_with("cafx: y"));
  CHECK(header(responses, "x-should-retry") == "false");
}

TEST_CASE("a fault in a stream is its last event, in the client's words") {
  Fault fault;
  fault.status = 504;
  fault.type = "timeout_error";
  fault.message = "late";
  const auto id = RequestId::mint(1);
  CHECK(fault_event(Envelope::chat, fault, id, {}).starts_with("data: {\"error\":{\"message\":\"late\""));
  CHECK(fault_event(Envelope::messages, fault, id, {}).starts_with("event: error\ndata: {\"type\":\"error\""));
  const std::string text = fault_event(Envelope::responses, fault, id, {"\"resp_7\"", "m", 12});
  REQUIRE(text.starts_with("event: response.failed\ndata: "));
  const auto event = nlohmann::json::parse(text.substr(29));
  CHECK(event["sequence_number"] == 12);
  CHECK(event["response"]["id"] == "resp_7");
  CHECK(event["response"]["error"]["message"] == "late");
}
