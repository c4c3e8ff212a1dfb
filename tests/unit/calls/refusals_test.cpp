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

TEST_CASE("sessions and the client's own request id come from their headers") {
  CHECK(session_of(HeadersOnly({{"x-session-id", "s1"}, {"session-id", "s2"}})) == "s1");
  CHECK(session_of(HeadersOnly({{"x-claude-code-session-id", "s3"}})) == "s3");
  CHECK(session_of(HeadersOnly({})) == "");
  CHECK(client_request_id_of(HeadersOnly({{"x-request-id", "theirs"}})) == "theirs");
}
