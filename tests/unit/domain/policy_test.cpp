#include "daemon/domain/policy.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::domain;

namespace {

Policy named(const char* name, Level level) {
  Policy policy;
  policy.name = name;
  policy.level = level;
  return policy;
}

}  // namespace

TEST_CASE("globs match the whole text") {
  CHECK(glob_match("gpt-*", "gpt-4o"));
  CHECK(glob_match("*", ""));
  CHECK(glob_match("*", "anything"));
  CHECK(glob_match("gpt-?o", "gpt-4o"));
  CHECK(glob_match("*-mini", "gpt-4o-mini"));
  CHECK(glob_match("a*b*c", "aXXbYYbZc"));
  CHECK(glob_match("", ""));
  CHECK_FALSE(glob_match("gpt-*", "xgpt-4o"));
  CHECK_FALSE(glob_match("gpt-4", "gpt-4o"));
  CHECK_FALSE(glob_match("gpt-?", "gpt-"));
  CHECK_FALSE(glob_match("GPT-*", "gpt-4o"));
  CHECK_FALSE(glob_match("", "a"));
  CHECK_FALSE(glob_match("a*b*c", "aXXbYYb"));
  CHECK_FALSE(glob_match("[a-z]", "b"));
  // Many stars over a long text that does not match end soon.
  CHECK_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*a*b", std::string(10'000, 'a')));
}

TEST_CASE("a pattern with a slash names the provider, one without matches at any") {
  CHECK(model_match("gpt-*", "azure", "gpt-4o"));
  CHECK(model_match("openai/gpt-*", "openai", "gpt-4o"));
  CHECK_FALSE(model_match("openai/gpt-*", "azure", "gpt-4o"));
  CHECK(model_match("*/gpt-4o", "azure", "gpt-4o"));
  CHECK(model_match("moonshotai/*", "openrouter", "moonshotai/kimi-k2"));
  CHECK(model_match("openrouter/moonshotai/kimi-k2", "openrouter", "moonshotai/kimi-k2"));
  CHECK_FALSE(model_match("kimi-*", "openrouter", "moonshotai/kimi-k2"));
}

TEST_CASE("a pattern has 1 to 200 characters without blanks") {
  CHECK(check_glob("gpt-*"));
  CHECK_FALSE(check_glob(""));
  CHECK_FALSE(check_glob("a b"));
  CHECK_FALSE(check_glob("a\n"));
  CHECK(check_glob(std::string(200, 'a')));
  CHECK_FALSE(check_glob(std::string(201, 'a')));
}

TEST_CASE("policies merge to what all of them allow") {
  Policy org = named("base", Level::org);
  org.allow_models = Globs{"gpt-*", "claude-*"};
  org.max_output_tokens = 1000;
  org.rpm = 100;
  org.parallel = 10;
  org.estimate = true;
  Policy second = named("second", Level::org);
  second.rpm = 50;
  second.tpm = 9000;
  Policy agent = named("tight", Level::agent);
  agent.allow_models = Globs{"*-mini", "claude-*"};
  agent.deny_models = Globs{"claude-2*"};
  agent.providers = Globs{"openai", "anthropic"};
  agent.max_output_tokens = 4000;
  agent.max_input_tokens = 500;
  agent.rpm = 10;
  agent.clamp = false;
  const Rules rules = merge({{&org, "acme"}, {&second, "acme"}, {&agent, "acme/a/b/c"}});

  CHECK(rules.sources == std::vector<std::string>{"acme: base", "acme: second", "acme/a/b/c: tight"});
  CHECK(rules.max_output_tokens->value == 1000);
  CHECK(rules.max_output_tokens->source == "acme: base");
  CHECK(rules.max_input_tokens->value == 500);
  CHECK_FALSE(rules.clamp);
  CHECK(rules.estimate);
  REQUIRE(rules.rates.size() == 2);
  CHECK(rules.rates[0].level == Level::org);
  CHECK(rules.rates[0].rpm == 50);
  CHECK(rules.rates[0].tpm == 9000);
  CHECK(rules.rates[0].parallel == 10);
  CHECK(rules.rates[1].level == Level::agent);
  CHECK(rules.rates[1].rpm == 10);
  CHECK_FALSE(rules.rates[1].tpm);

  CHECK(model_refusal(rules, "openai", "gpt-4o-mini").empty());
  CHECK(model_refusal(rules, "anthropic", "claude-3").empty());
  CHECK(model_refusal(rules, "openai", "gpt-4o") == "policy acme/a/b/c: tight allows *-mini, claude-* only");
  CHECK(model_refusal(rules, "openai", "llama-mini") == "policy acme: base allows gpt-*, claude-* only");
  CHECK(model_refusal(rules, "anthropic", "claude-2.1") == "policy acme/a/b/c: tight denies claude-2*");
  CHECK(model_refusal(rules, "azure", "gpt-4o-mini") ==
        "policy acme/a/b/c: tight allows provider openai, anthropic only");
}

TEST_CASE("no policy allows every model; an empty list allows none") {
  CHECK(model_refusal(merge({}), "x", "y").empty());
  Policy none = named("none", Level::org);
  none.allow_models = Globs{};
  CHECK(model_refusal(merge({{&none, "acme"}}), "x", "y") == "policy acme: none allows no model");
}

TEST_CASE("one policy that wants the worst case held outweighs all that prefer the estimate") {
  Policy loose = named("loose", Level::org);
  loose.estimate = true;
  Policy strict = named("strict", Level::agent);
  strict.estimate = false;
  CHECK(merge({{&loose, "a"}}).estimate);
  CHECK_FALSE(merge({{&loose, "a"}, {&strict, "b"}}).estimate);
  CHECK_FALSE(merge({{&strict, "a"}, {&loose, "b"}}).estimate);
  CHECK_FALSE(merge({}).estimate);
}
