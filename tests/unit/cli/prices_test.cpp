// Public price tables, as their files are written.

#include <catch2/catch.hpp>

#include "cli/prices/file.h"
#include "cli/prices/number.h"
#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using namespace govctl::cli::test;
namespace prices = govctl::cli::prices;
using api::Json;

namespace {

std::string price(const char* number, int shift) {
  const auto made = prices::price_of(std::string_view(number), shift);
  return made ? made->text() : made.error().message;
}

prices::File file_of(std::string_view text, const std::optional<std::string>& provider = {}) {
  auto file = prices::read(text, prices::Format::automatic, provider);
  REQUIRE(file);
  return std::move(*file);
}

// "input 2.5/1000000; input 5/1000000@200001; …"
std::string rows(const api::PricingImportModel& model) {
  std::string text;
  for (const auto& row : model.prices) {
    text += (text.empty() ? "" : "; ") + row.kind + " " + row.price + "/" + std::to_string(row.unit);
    if (row.from_tokens > 0) text += "@" + std::to_string(row.from_tokens);
  }
  return text;
}

const char* const litellm = R"({
  "sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of https://docs.litellm.ai/docs/providers"},
  "gpt-9": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06,
            "input_cost_per_token_batches": 1.25e-06, "output_cost_per_token_priority": 2e-05,
            "litellm_provider": "openai", "max_input_tokens": 128000, "max_output_tokens": 16384, "mode": "chat"}
})";

const char* const pricing_report = R"({"added":1,"changed":0,"same":0,"skipped":0,"models":[
  {"provider":"openai","model":"gpt-9","outcome":"added","reason":null,"before":[],
   "after":[{"kind":"input","price":"2.5","unit":1000000,"from_tokens":0}]}]})";

}  // namespace

TEST_CASE("a price is what is written, never what a double makes of it") {
  CHECK(price("1.5e-07", 6) == "0.15");
  CHECK(price("1e-05", 6) == "10");
  CHECK(price("2.5E-6", 6) == "2.5");
  CHECK(price("0.000003", 6) == "3");
  CHECK(price("3e+0", 0) == "3");
  CHECK(price("0", 6) == "0");
  CHECK(price("0.0", 6) == "0");
  CHECK(price("0e999999", 6) == "0");
  CHECK(price("1.10", 0) == "1.1");
  CHECK(price("1e-14", 6) == "0.00000001");
  CHECK(price("0.1", 0) == "0.1");
  CHECK(price("1000000", 0) == "1000000");
  CHECK(price("1e0", 6) == "1000000");
  // More than eight decimals, over the largest price, or none at all.
  CHECK(price("0.049999999999999996", 0) ==
        "0.049999999999999996 has more decimals than the 8 of a price per million");
  CHECK(price("1e-15", 6) == "1e-15 has more decimals than the 8 of a price per million");
  CHECK(price("1000000.01", 0) == "1000000.01 is over 1000000 USD per million");
  CHECK(price("1e300", 6) == "1e300 is over 1000000 USD per million");
  CHECK(price("-1e-06", 6) == "-1e-06 is negative");
  for (const char* text :
       {"", ".", "e5", "1e", "1e5x", "abc", "1.2.3", "1e99999999999999999999", "+1", "0x10"}) {
    INFO(text);
    CHECK_FALSE(prices::price_of(std::string_view(text), 0));
  }
}

TEST_CASE("a table is read as it is written; what is no JSON is refused") {
  const auto table =
      prices::parse_exact(R"({"a": 1.50e-07, "b": 12, "c": [null, true, {"d": 0.10}], "e": "x"})");
  REQUIRE(table);
  CHECK(*table == Json::parse(R"({"a": "1.50e-07", "b": 12, "c": [null, true, {"d": "0.10"}], "e": "x"})"));
  for (const char* text : {"", "{", R"({"a":})", "[1,]", "\xff", "{\"a\":1}x"}) {
    INFO(text);
    CHECK_FALSE(prices::parse_exact(text));
  }
  CHECK_FALSE(prices::parse_exact(std::string(65, '[') + std::string(65, ']')));
  CHECK(prices::parse_exact(std::string(64, '[') + std::string(64, ']')));
  for (const char* text :
       {"[]", "{}", "1", R"({"a":{}})", R"({"a":{"litellm_provider":1},"b":{"models":{}}})"}) {
    INFO(text);
    CHECK_FALSE(prices::read(text, prices::Format::automatic, {}));
  }
}

TEST_CASE("LiteLLM: every kind of price, tiers, limits and names") {
  const auto file = file_of(R"({
    "claude-x": {"input_cost_per_token": 3e-06, "input_cost_per_token_above_200k_tokens": 6e-06,
      "output_cost_per_token": 1.5e-05, "output_cost_per_token_above_200k_tokens": 2.25e-05,
      "cache_read_input_token_cost": 3e-07, "cache_read_input_token_cost_above_200k_tokens": 6e-07,
      "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06,
      "cache_creation_input_token_cost_above_1hr": 6e-06,
      "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
      "search_context_cost_per_query": {"search_context_size_high": 0.01, "search_context_size_low": 0.01},
      "litellm_provider": "anthropic", "max_input_tokens": 200000, "max_output_tokens": 64000, "mode": "chat"},
    "gemini/gemini-x": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
      "output_cost_per_reasoning_token": 3e-06, "input_cost_per_audio_token": 4e-06,
      "output_cost_per_audio_token": 5e-06, "input_cost_per_image_token": 6e-06,
      "litellm_provider": "gemini", "max_input_tokens": "many", "mode": "chat"},
    "perplexity/sonar": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
      "search_context_cost_per_query": {"search_context_size_high": 0.012, "search_context_size_low": 0.005,
      "search_context_size_medium": 0.008}, "litellm_provider": "perplexity", "mode": "chat"},
    "text-embedding-x": {"input_cost_per_token": 2e-08, "litellm_provider": "openai", "mode": "embedding",
      "max_output_tokens": 1536}
  })");
  CHECK(file.skipped.empty());
  REQUIRE(file.models.size() == 4);
  CHECK(file.models[0].provider == "anthropic");
  CHECK(rows(file.models[0]) ==
        "input 3/1000000; input 6/1000000@200001; output 15/1000000; output 22.5/1000000@200001; "
        "cache_read 0.3/1000000; cache_read 0.6/1000000@200001; cache_write_5m 3.75/1000000; "
        "cache_write_5m 7.5/1000000@200001; cache_write_1h 6/1000000; cache_write_1h 12/1000000@200001; "
        "search 0.01/1");
  CHECK(file.models[0].context_window == 200'000);
  CHECK(file.models[0].max_output_tokens == 64'000);
  CHECK(file.models[1].provider == "google");
  CHECK(file.models[1].model == "gemini-x");
  CHECK(rows(file.models[1]) ==
        "input 1/1000000; output 2/1000000; reasoning 3/1000000; audio_in 4/1000000; audio_out 5/1000000; "
        "image 6/1000000");
  CHECK_FALSE(file.models[1].context_window);
  CHECK(rows(file.models[2]) == "input 1/1000000; output 1/1000000; request 0.005/1");
  CHECK(rows(file.models[3]) == "input 0.02/1000000; output 0/1000000");
  CHECK_FALSE(file.models[3].max_output_tokens);
}

TEST_CASE("LiteLLM: what cannot be taken is skipped, with its reason") {
  const auto file = file_of(R"({
    "a": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.00000000000001e-06,
          "output_cost_per_token": 1e-06},
    "b": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 1e-06,
          "output_cost_per_token": 1e-06},
    "c": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06},
    "d": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0.0},
    "e": {"litellm_provider": "perplexity", "mode": "chat", "input_cost_per_token": 1e-06,
          "output_cost_per_token": 1e-06, "citation_cost_per_token": 2e-06},
    "azure/eu/gpt": {"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 1e-06,
          "output_cost_per_token": 1e-06},
    "f": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": [], "output_cost_per_token": 1e-06},
    "deepseek-chat": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 1e-06,
          "output_cost_per_token": 1e-06},
    "deepseek/deepseek-chat": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 2e-06,
          "output_cost_per_token": 2e-06},
    "else": {"litellm_provider": "nscale", "mode": "chat", "input_cost_per_token": 1e-06,
          "output_cost_per_token": 1e-06},
    "g": 7, "h": {"litellm_provider": 7}
  })");
  REQUIRE(file.models.size() == 1);
  CHECK(rows(file.models[0]) == "input 2/1000000; output 2/1000000");
  std::string reasons;
  for (const auto& skipped : file.skipped) reasons += skipped.model + ": " + skipped.reason + "\n";
  CHECK(reasons ==
        "a: input_cost_per_token: 1.00000000000001e-06 has more decimals than the 8 of a price per million\n"
        "b: calls of mode 'image_generation' are not made\n"
        "c: it has no price of input and output tokens\n"
        "d: it costs nothing there; set it by hand if that is so\n"
        "e: it has a price 'citation_cost_per_token', which is not carried\n"
        "eu/gpt: it is the price of one region\n"
        "f: input_cost_per_token: it is no number\n"
        "deepseek-chat: its name stands twice; the last is taken\n");
  CHECK(file_of(litellm, "anthropic").models.empty());
  CHECK(file_of(litellm, "openai").models.size() == 1);
}

TEST_CASE("models.dev: every kind of price, tiers old and new, and what is skipped") {
  const auto file = file_of(R"({
    "google": {"id": "google", "models": {
      "g": {"cost": {"input": 1.25, "output": 10, "cache_read": 0.125, "input_audio": 1.0, "output_audio": 2,
                     "reasoning": 3.5, "tiers": [{"input": 2.50, "output": 15, "tier": {"type": "context",
                     "size": 200000}}], "context_over_200k": {"input": 9}},
            "limit": {"context": 1048576, "output": 65536}}}},
    "amazon-bedrock": {"models": {"old": {"cost": {"input": 3, "output": 15, "cache_write": 3.75,
                       "context_over_200k": {"input": 6, "output": 22.5}}}}},
    "perplexity": {"models": {"deep": {"cost": {"input": 2, "output": 8, "citation": 2}}}},
    "xai": {"models": {"odd": {"cost": {"input": 2, "output": 8, "tiers": [{"tier": {"type": "time", "size": 5}}]}},
                       "bad": {"cost": {"input": "x", "output": 8}}, "none": {}, "text": 5,
                       "free": {"cost": {"input": 0, "output": 0.00}}}},
    "togetherai": {"models": []}, "somebody": {"models": {"m": {"cost": {"input": 1, "output": 1}}}}
  })");
  REQUIRE(file.models.size() == 2);
  CHECK(file.models[0].provider == "google");
  CHECK(rows(file.models[0]) ==
        "input 1.25/1000000; output 10/1000000; cache_read 0.125/1000000; audio_in 1/1000000; "
        "audio_out 2/1000000; reasoning 3.5/1000000; input 2.5/1000000@200001; output 15/1000000@200001");
  CHECK(file.models[0].context_window == 1'048'576);
  CHECK(file.models[0].max_output_tokens == 65'536);
  CHECK(file.models[1].provider == "bedrock");
  CHECK(rows(file.models[1]) ==
        "input 3/1000000; output 15/1000000; cache_write_5m 3.75/1000000; input 6/1000000@200001; "
        "output 22.5/1000000@200001");
  std::string reasons;
  for (const auto& skipped : file.skipped) {
    reasons += skipped.provider + "/" + skipped.model + ": " + skipped.reason + "\n";
  }
  CHECK(reasons ==
        "perplexity/deep: it has a price for 'citation', which is not carried\n"
        "xai/odd: it has a tier that is not one of context sizes\n"
        "xai/bad: input: 'x' is no number\n"
        "xai/none: it has no price\n"
        "xai/free: it costs nothing there; set it by hand if that is so\n");
}

TEST_CASE("pricing import sends the rows in one request and tells what became of them") {
  FakeDaemon daemon;
  daemon.on("POST /pricing/import", 200, pricing_report);
  const TempDir folder;
  write_file(folder.file("map.json"), litellm);
  const auto ran = typed(daemon, {"pricing", "import", folder.file("map.json")});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out ==
        "+ openai/gpt-9\n    input per 1000000: none -> 2.5\n1 added, 0 changed, 0 the same, 0 skipped\n");
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 1);
  const Json body = Json::parse(seen[0].body);
  CHECK(body["source"] == "LiteLLM");
  CHECK(body["replace"] == false);
  REQUIRE(body["models"].size() == 1);
  CHECK(body["models"][0]["model"] == "gpt-9");
  CHECK(body["models"][0]["prices"][0] ==
        Json({{"kind", "input"}, {"price", "2.5"}, {"unit", 1'000'000}, {"from_tokens", 0}}));
  CHECK(api::decode<api::PricingImport>(body).has_value());

  World world;
  world.in = litellm;
  daemon.on("POST /pricing/import?dry_run=1", 200, pricing_report);
  CHECK(typed(daemon, {"pricing", "import", "-", "--dry-run", "--from", "litellm"}, world).exit_code == 0);
  CHECK(daemon.seen().back().target == "/pricing/import?dry_run=1");
}

TEST_CASE("pricing import refuses what is no price table, before it asks the daemon") {
  const TempDir folder;
  write_file(folder.file("x.json"), "{\"a\": 1");
  CHECK(typed({"pricing", "import", folder.file("x.json")}).exit_code == 64);
  CHECK(typed({"pricing", "import", folder.file("none.json")}).exit_code == 64);
  write_file(folder.file("map.json"), litellm);
  CHECK(typed({"pricing", "import", folder.file("map.json"), "--from", "models.dev"}).exit_code == 64);
  CHECK(typed({"pricing", "import", folder.file("map.json"), "--provider", "xai"}).exit_code == 64);
}

TEST_CASE("pricing diff changes nothing: 0 the same, 2 different, old and new of each kind") {
  FakeDaemon daemon;
  const TempDir folder;
  write_file(folder.file("map.json"), litellm);
  daemon.on("POST /pricing/import?dry_run=1", 200, R"({"added":0,"changed":1,"same":3,"skipped":1,"models":[
    {"provider":"openai","model":"gpt-9","outcome":"changed","reason":null,
     "before":[{"kind":"input","price":"3","unit":1000000,"from_tokens":0},
               {"kind":"request","price":"0.1","unit":1,"from_tokens":0}],
     "after":[{"kind":"input","price":"2.5","unit":1000000,"from_tokens":0},
              {"kind":"input","price":"5","unit":1000000,"from_tokens":200001}]},
    {"provider":"openai","model":"gpt-8","outcome":"skipped","reason":"its price was set by hand","before":[],
     "after":[]}]})");
  const auto ran = typed(daemon, {"pricing", "diff", folder.file("map.json")});
  CHECK(ran.exit_code == 2);
  CHECK(ran.out ==
        "~ openai/gpt-9\n"
        "    input per 1000000: 3 -> 2.5\n"
        "    input per 1000000 from 200001 tokens: none -> 5\n"
        "    request each: 0.1 -> none\n"
        "skipped, its price was set by hand: openai/gpt-8\n"
        "0 added, 1 changed, 3 the same, 1 skipped\n");
  FakeDaemon same;
  same.on("POST /pricing/import?dry_run=1", 200, R"({"added":0,"changed":0,"same":1,"skipped":0,"models":[]})");
  CHECK(typed(same, {"pricing", "diff", folder.file("map.json")}).exit_code == 0);
  CHECK(typed(same, {"pricing", "diff", folder.file("map.json"), "--dry-run"}).exit_code == 0);
  CHECK(same.seen().back().target == "/pricing/import?dry_run=1");
}

TEST_CASE("pricing set sends every kind and tier; a list shows from where a tier holds") {
  FakeDaemon daemon;
  const std::string stored =
      R"({"provider":"google","model":"g","prices":[{"kind":"input","price":"0.001","unit":1000,"from_tokens":0},
          {"kind":"input","price":"0.002","unit":1000,"from_tokens":200001}]})";
  daemon.on("PUT /pricing/google/g", 200, stored);
  const auto ran = typed(daemon, {"pricing",     "set",
                                  "google",      "g",
                                  "--input",     "0.001",
                                  "--output",    "0.002",
                                  "--audio-in",  "0.003",
                                  "--audio-out", "0.004",
                                  "--image",     "0.005",
                                  "--search",    "0.01",
                                  "--tier",      "200001:input=0.002",
                                  "--tier",      "200001:output=0.003"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out.find("input 0.002/1000 from 200001") != std::string::npos);
  const Json body = Json::parse(daemon.seen()[0].body);
  CHECK(body["audio_in"] == "0.003");
  CHECK(body["audio_out"] == "0.004");
  CHECK(body["image"] == "0.005");
  CHECK(body["search"] == "0.01");
  CHECK(body["tiers"] == Json::parse(R"([{"kind":"input","price":"0.002","unit":1000,"from_tokens":200001},
                        {"kind":"output","price":"0.003","unit":1000,"from_tokens":200001}])"));
  CHECK(api::decode<api::PricingPut>(body).has_value());
  for (const char* tier : {"input=1", "200001:input", "x:input=1", "200001:input=x"}) {
    INFO(tier);
    CHECK(typed(daemon, {"pricing", "set", "google", "g", "--input", "1", "--output", "1", "--tier", tier})
              .exit_code == 64);
  }
}
