#include "daemon/domain/remedy.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::domain;

namespace {

Standing standing() {
  return {{"acme", "acme/prod", "acme/prod/support", "acme/prod/support/triage", "acme/prod/support/triage"},
          "01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f",
          [](const std::string& source) -> std::optional<PolicyAddress> {
            if (source == "gone") return std::nullopt;
            return PolicyAddress{source.substr(0, source.find(':')), source.substr(source.find(':') + 2), ""};
          }};
}

std::vector<std::string> commands(const Refusal& refusal, const Rules& rules) {
  std::vector<std::string> lines;
  for (const auto& change : changes_for(refusal, rules, standing())) lines.push_back(change.command);
  return lines;
}

MoneyLine line(Cause cause, Level level, std::int64_t limit, std::int64_t spent, std::int64_t held) {
  MoneyLine made;
  made.cause = cause;
  made.level = level;
  made.period = Period::daily;
  made.limit = limit;
  made.spent = spent;
  made.held = held;
  return made;
}

}  // namespace

TEST_CASE("every list that forbids the model gives way, with what it says otherwise") {
  Refusal refusal;
  refusal.cause = Cause::model_denied;
  refusal.provider = "mock";
  refusal.model = "mock-model";
  Rules rules;
  rules.allow_models = {{{"gpt-*", "o1"}, "acme: it's ours"}, {{"mock-*"}, "acme/prod: default"}};
  rules.deny_models = {{{"mock-*"}, "acme/prod: default"}, {{"mock-m*", "gpt-4"}, "acme: x"}};
  rules.providers = {{{"openai"}, "acme: default"}};
  CHECK(commands(refusal, rules) ==
        std::vector<std::string>{
            "govctl policy set acme --name 'it'\\''s ours' --allow-models 'gpt-*,o1,mock-model'",
            "govctl policy set acme/prod --deny-models none",
            "govctl policy set acme --name x --deny-models gpt-4",
            "govctl policy set acme --providers openai,mock"});
  rules = {};
  rules.allow_models = {{{}, "gone"}};
  CHECK(commands(refusal, rules) == std::vector<std::string>{""});  // no command for a policy that is not there
}

TEST_CASE("money in the way is raised by what is missing, and no more") {
  Refusal refusal;
  refusal.cause = Cause::budget;
  refusal.needed = 50;
  refusal.money = {line(Cause::credits, Level::org, 1000, 0, 980),
                   line(Cause::budget, Level::workspace, 100, 40, 10),
                   line(Cause::budget, Level::key, 100, 40, 30), line(Cause::key_limit, Level::key, 10, 2, 0)};
  CHECK(commands(refusal, {}) ==
        std::vector<std::string>{"govctl ledger purchase acme 30",
                                 "govctl budget set acme/prod/support/triage --key "
                                 "01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f --period daily "
                                 "--limit 120",
                                 "govctl key set 01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f --limit 52"});
}

TEST_CASE("numbers below what was needed are raised to it; rates on their own level") {
  Refusal refusal;
  refusal.cause = Cause::output_tokens;
  refusal.limit = 100;
  refusal.needed = 500;
  Rules rules;
  rules.numbers = {{NumberKind::max_output_tokens, Level::org, 400, "acme: default"},
                   {NumberKind::max_output_tokens, Level::workspace, 600, "acme/prod: default"},
                   {NumberKind::max_input_tokens, Level::org, 1, "acme: default"},
                   {NumberKind::rpm, Level::org, 60, "acme: default"},
                   {NumberKind::rpm, Level::workspace, 60, "acme/prod: default"}};
  CHECK(commands(refusal, rules) == std::vector<std::string>{"govctl policy set acme --max-output-tokens 500"});
  refusal = {};
  refusal.cause = Cause::rpm;
  RateLine rate;
  rate.cause = Cause::rpm;
  rate.level = Level::workspace;
  rate.limit = 60;
  rate.used = 60;
  refusal.rates = {rate};
  CHECK(commands(refusal, rules) == std::vector<std::string>{"govctl policy set acme/prod --rpm 61"});
}

TEST_CASE("a costly feature is allowed where lists lack it, else on the agent") {
  Refusal refusal;
  refusal.cause = Cause::costly_feature;
  refusal.parameter = "web_search";
  CHECK(commands(refusal, {}) ==
        std::vector<std::string>{"govctl policy set acme/prod/support/triage --costly web_search"});
  Rules rules;
  rules.costly = {{{"web_search"}, "acme: default"}, {{"images"}, "acme/prod: default"}};
  CHECK(commands(refusal, rules) ==
        std::vector<std::string>{"govctl policy set acme/prod --costly images,web_search"});
}
