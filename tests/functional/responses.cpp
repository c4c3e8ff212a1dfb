// The responses dialect at a provider that has it: bytes pass, and Codex understands every refusal.

#include <catch2/catch.hpp>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

TEST_CASE("a responses call passes as it is, and is charged exactly", "[responses]") {
  Dialects d;
  const Json said = response("completed", 100, 20);
  d.upstream.on("m", [&](Reply& reply) { reply.json(200, said); });
  const Answer answer = d.post("/v1/responses", responses_request("responses-like/m"), {{"session-id", "s-9"}});
  REQUIRE(answer.status == 200);
  CHECK(answer.json() == said);
  CHECK(d.upstream.last().target == "/v1/responses");
  CHECK(Json::parse(d.upstream.last().body) == responses_request("m"));
  const Json event = d.event_of(answer);
  CHECK(event["credits_charged"] == 120);
  CHECK(event["session"] == "s-9");
  d.books_balance(120);
}

TEST_CASE("completed, incomplete and failed responses are all charged by their usage", "[responses]") {
  Dialects d;
  const std::string status = GENERATE("completed", "incomplete", "failed");
  INFO(status);
  d.upstream.on("m", [&](Reply& reply) {
    begin_response(reply, "Hello");
    end_response(reply, status, 100, 20);
  });
  const Answer answer = d.stream("/v1/responses", responses_request("responses-like/m"));
  REQUIRE(answer.status == 200);
  const auto events = events_of(answer.body);
  REQUIRE(events.size() == 3);
  CHECK(events.back().first == "response." + status);
  CHECK(events.back().second["sequence_number"] == 2);
  const Json event = d.event_of(answer);
  CHECK(event["status"] == (status == "failed" ? "ERROR" : "SUCCESS"));
  CHECK(event["credits_charged"] == 120);
  CHECK(event["flags"].empty());
  d.books_balance(120);
}

TEST_CASE("a responses stream whose provider breaks off ends with response.failed", "[responses]") {
  Dialects d;
  d.upstream.on("m", [](Reply& reply) {
    begin_response(reply, "the first half");
    reply.close = true;
  });
  const Answer answer = d.stream("/v1/responses", responses_request("responses-like/m"));
  const auto events = events_of(answer.body);
  REQUIRE(events.size() == 3);
  CHECK(events.back().first == "response.failed");
  CHECK(events.back().second["sequence_number"] == 2);
  CHECK(events.back().second["response"]["id"] == "resp_1");
  CHECK(events.back().second["response"]["status"] == "failed");
  CHECK_FALSE(events.back().second["response"]["error"]["message"].get<std::string>().empty());
  const Json event = d.event_of(answer);
  CHECK(event["cause"] == "upstream_failed");
  CHECK(event["credits_charged"] > 0);
  CHECK(event["credits_charged"] < event["reserved"]);
  d.books_balance(event["credits_charged"]);
}

TEST_CASE("Codex is told of a spent budget in the words that it looks for", "[responses]") {
  Dialects d;
  d.daemon.policy("acme", {{"clamp", false}, {"deny_models", {"denied"}}});
  d.daemon.budget("acme/prod", 10, {{"period", "DAILY"}});
  d.daemon.price("fake", "denied", "0.001", "0.001");
  Answer answer = d.post("/v1/responses", responses_request("responses-like/m"));
  CHECK(answer.status == 429);
  const Json error = answer.json()["error"];
  CHECK(error["type"] == "usage_limit_reached");
  CHECK(error["code"] == "budget_exceeded");
  const std::int64_t resets = error["resets_at"];
  CHECK(resets % 86'400 == 0);
  CHECK(answer.header("x-codex-primary-used-percent") == "100");
  CHECK(answer.header("x-codex-primary-window-minutes") == "1440");
  CHECK(answer.header("x-codex-primary-reset-at") == std::to_string(resets));
  CHECK(std::stoi(answer.header("x-codex-primary-reset-after-seconds")) <= 86'400);
  CHECK(answer.header("x-codex-promo-message").find("acme/prod") != std::string::npos);
  CHECK(answer.header("x-should-retry") == "false");
  CHECK(d.event_of(answer)["status"] == "BUDGET_EXCEEDED");

  answer = d.post("/v1/responses", responses_request("fake/denied"));
  CHECK(answer.status == 400);
  CHECK(answer.json()["error"]["code"] == "policy_denied");
  answer = http(d.daemon.gateway(), "POST", "/v1/responses", "{}", {});
  CHECK(answer.status == 401);
  CHECK(answer.json()["error"]["code"] == "invalid_api_key");
}

TEST_CASE("Codex is told of a rate limit with when to come back", "[responses]") {
  Dialects d;
  d.daemon.policy(Shop::agent, {{"rpm", 1}});
  d.upstream.on("m", [](Reply& reply) { reply.json(200, response("completed", 10, 5)); });
  CHECK(d.post("/v1/responses", responses_request("responses-like/m")).status == 200);
  const Answer answer = d.post("/v1/responses", responses_request("responses-like/m"));
  CHECK(answer.status == 429);
  CHECK(answer.json()["error"]["code"] == "rate_limit_exceeded");
  CHECK(std::stoi(answer.header("retry-after")) <= 60);
}
