// Prices from a public table, as files and over the API, and what a call is charged by them. And what
// Prometheus reads.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "tests/functional/harness/priced_shop.h"

using namespace govctl::test;

namespace {

// LiteLLM's map as it is published: USD per token, with exponents.
constexpr auto table = R"({
  "sample_spec": {"litellm_provider": "one of them", "input_cost_per_token": 0.0},
  "gpt-9": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.5e-07,
            "output_cost_per_token": 6e-07, "cache_read_input_token_cost": 7.5e-08,
            "input_cost_per_token_above_200k_tokens": 3e-07, "max_input_tokens": 400000,
            "max_output_tokens": 16384},
  "gpt-odd": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.000000000000001e-07,
              "output_cost_per_token": 6e-07}
})";

ProgramEnd ctl(const TestDaemon& daemon, std::vector<std::string> words) {
  words.insert(words.begin(), {govctl_program(), "--socket", daemon.socket()});
  return run(words);
}

}  // namespace

TEST_CASE("a public price table is compared, imported, and then there is no difference", "[prices]") {
  TestDaemon daemon;
  const std::string file = daemon.directory() + "/map.json";
  std::ofstream(file) << table;

  const ProgramEnd before = ctl(daemon, {"pricing", "diff", file});
  INFO(before.output);
  CHECK(before.exit_code == 2);
  CHECK(holds(before.printed, "+ openai/gpt-9"));
  CHECK(holds(before.printed, "input per 1000000 from 200001 tokens: none -> 0.3"));
  CHECK(holds(before.printed, "1.000000000000001e-07 has more decimals"));
  CHECK(daemon.control("GET", "/pricing/openai/gpt-9").status == 404);

  const ProgramEnd imported = ctl(daemon, {"pricing", "import", file});
  INFO(imported.output);
  CHECK(imported.exit_code == 0);
  CHECK(holds(imported.printed, "1 added, 0 changed, 0 the same, 1 skipped"));
  const Json price = daemon.get("/pricing/openai/gpt-9");
  CHECK(price["origin"] == "imported");
  CHECK(price["context_window"] == 400'000);
  CHECK(price["prices"].size() == 4);
  CHECK(price["prices"][0]["price"] == "0.15");
  CHECK(price["prices"][1]["price"] == "0.3");
  CHECK(price["prices"][1]["from_tokens"] == 200'001);

  CHECK(ctl(daemon, {"pricing", "diff", file}).exit_code == 0);
  CHECK(holds(ctl(daemon, {"pricing", "get", "openai", "gpt-9"}).printed, "input 0.3/1000000 from 200001"));
}

TEST_CASE("a call is charged by the tier that its whole input reaches", "[prices]") {
  PricedShop s;
  const auto row = [](const char* kind, const char* usd, std::int64_t from) {
    return Json{{"kind", kind}, {"price", usd}, {"unit", 1'000'000}, {"from_tokens", from}};
  };
  const Json prices =
      Json::array({row("input", "3", 0), row("input", "6", 1235), row("cache_read", "0.3", 0),
                   row("cache_read", "0.6", 1235), row("output", "15", 0), row("output", "22.5", 1235)});
  const Json model{{"provider", "fake"}, {"model", "tiers"}, {"max_output_tokens", 1000}, {"prices", prices}};
  const Json report =
      s.daemon.expect(200, "POST", "/pricing/import", {{"source", "test"}, {"models", Json::array({model})}});
  CHECK(report["added"] == 1);
  // 234 x 3 + 1000 x 0.3 + 56 x 15 = 1842 millionths of a dollar; one token of input more, and it is
  // 235 x 6 + 1000 x 0.6 + 56 x 22.5 = 3270.
  s.upstream.uses("tiers", used);
  const Answer below = s.daemon.chat(s.shop.key.secret, ask("fake/tiers"));
  REQUIRE(below.status == 200);
  CHECK(below.json()["x_platform"]["credits_charged"] == 1842);
  s.upstream.uses("tiers", {.prompt = 1235, .completion = 56, .cached = 1000});
  const Answer above = s.daemon.chat(s.shop.key.secret, ask("fake/tiers"));
  REQUIRE(above.status == 200);
  CHECK(above.json()["x_platform"]["credits_charged"] == 3270);
  CHECK(s.daemon.event(above.header("x-request-id"))["cost_usd"] == "0.00327");
}

TEST_CASE("GET /metrics is Prometheus's text format", "[prices]") {
  TestDaemon daemon;
  const Answer answer = daemon.control("GET", "/metrics");
  CHECK(answer.status == 200);
  CHECK(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(holds(answer.body, "# TYPE govd_calls_in_flight gauge\ngovd_calls_in_flight 0\n"));
  CHECK(holds(answer.body, "# TYPE gen_ai_client_operation_duration_seconds histogram\n"));
}
