// What is left of a rate limit after a call, in the names that each dialect's SDKs read.

#include <catch2/catch.hpp>
#include <regex>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

constexpr const char* rfc3339 = R"(20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z)";
bool is_instant(const std::string& text) { return std::regex_match(text, std::regex(rfc3339)); }
bool is_seconds(const std::string& text) {
  return std::regex_match(text, std::regex("([0-9]|[1-5][0-9]|60)s"));
}

struct Limited : Dialects {
  Limited() {
    daemon.policy(Shop::agent, {{"rpm", 10}, {"tpm", 10'000}});
    upstream.on("a", [](Reply& reply) { reply.json(200, message(100, 0, 20)); });
    daemon.price("anthropic-like", "a", "0.001", "0.001");
    upstream.on("r", [](Reply& reply) { reply.json(200, response("completed", 100, 20)); });
    daemon.price("responses-like", "r", "0.001", "0.001");
  }
};

}  // namespace

TEST_CASE("after a call the figures are those of what it used", "[rate_limits]") {
  Limited d;
  struct Case {
    const char* path;
    Json body;
  };
  const std::vector<Case> cases{{"/v1/chat/completions", request("fake/m")},
                                {"/v1/responses", responses_request("responses-like/r")},
                                {"/v1/chat/completions", request("anthropic-like/a")}};
  std::int64_t calls = 0;
  for (const Case& c : cases) {
    INFO(c.path);
    const Answer answer = d.post(c.path, c.body);
    REQUIRE(answer.status == 200);
    ++calls;
    CHECK(answer.header("x-ratelimit-limit-requests") == "10");
    CHECK(answer.header("x-ratelimit-remaining-requests") == std::to_string(10 - calls));
    CHECK(is_seconds(answer.header("x-ratelimit-reset-requests")));
    CHECK(answer.header("x-ratelimit-limit-tokens") == "10000");
    CHECK(answer.header("x-ratelimit-remaining-tokens") == std::to_string(10'000 - 120 * calls));
    CHECK(is_seconds(answer.header("x-ratelimit-reset-tokens")));
    CHECK_FALSE(answer.has("anthropic-ratelimit-requests-limit"));
  }
}

TEST_CASE("Anthropic's clients get Anthropic's names", "[rate_limits]") {
  Limited d;
  const Answer answer = d.post("/v1/messages", messages_request("anthropic-like/a"));
  REQUIRE(answer.status == 200);
  CHECK(answer.header("anthropic-ratelimit-requests-limit") == "10");
  CHECK(answer.header("anthropic-ratelimit-requests-remaining") == "9");
  CHECK(is_instant(answer.header("anthropic-ratelimit-requests-reset")));
  CHECK(answer.header("anthropic-ratelimit-tokens-limit") == "10000");
  CHECK(answer.header("anthropic-ratelimit-tokens-remaining") == "9880");
  CHECK(is_instant(answer.header("anthropic-ratelimit-tokens-reset")));
  CHECK_FALSE(answer.has("x-ratelimit-limit-requests"));

  for (int i = 0; i < 9; ++i) d.post("/v1/messages", messages_request("anthropic-like/a"));
  const Answer refused = d.post("/v1/messages", messages_request("anthropic-like/a"));
  CHECK(refused.status == 429);
  CHECK(refused.header("anthropic-ratelimit-requests-limit") == "10");
  CHECK(refused.header("anthropic-ratelimit-requests-remaining") == "0");
  CHECK(is_instant(refused.header("anthropic-ratelimit-requests-reset")));
  CHECK_FALSE(refused.has("x-ratelimit-limit-requests"));
}

TEST_CASE("an error of the provider's tells the figures after it, too", "[rate_limits]") {
  Limited d;
  d.upstream.on("m", [](Reply& reply) { reply.json(400, {{"error", {{"message", "no"}}}}); });
  const Answer answer = d.post("/v1/chat/completions", request("fake/m"));
  REQUIRE(answer.status == 400);
  CHECK(answer.header("x-ratelimit-remaining-requests") == "9");
  CHECK(answer.header("x-ratelimit-remaining-tokens") == "10000");
}

TEST_CASE("a stream tells what it may use at most", "[rate_limits]") {
  Limited d;
  const Answer answer = d.stream("/v1/chat/completions", request("fake/m"));
  REQUIRE(answer.status == 200);
  CHECK(answer.header("x-ratelimit-remaining-requests") == "9");
  const std::int64_t left = std::stoll(answer.header("x-ratelimit-remaining-tokens"));
  CHECK(left < 10'000 - 64);
  CHECK(left > 9'000);
  // The next call sees what it did use.
  CHECK(d.post("/v1/chat/completions", request("fake/m")).header("x-ratelimit-remaining-tokens") == "9760");
}
