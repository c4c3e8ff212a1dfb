#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/decision_text.h"
#include "cli/commands/hanging.h"
#include "cli/commands/nouns.h"
#include "cli/text.h"
#include "common/api/rules.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"PATH", "path"},
                             Column{"NAME", "name"},
                             Column{"ALLOW", "allow_models"},
                             Column{"DENY", "deny_models"},
                             Column{"MAX IN", "max_input_tokens", Show::number},
                             Column{"MAX OUT", "max_output_tokens", Show::number},
                             Column{"RPM", "rpm", Show::number},
                             Column{"TPM", "tpm", Show::number},
                             Column{"PARALLEL", "parallel", Show::number},
                             Column{"PROVIDERS", "providers", Show::text, true},
                             Column{"COSTLY", "costly", Show::text, true},
                             Column{"CLAMP", "clamp", Show::text, true},
                             Column{"RESERVE", "reserve", Show::text, true},
                             Column{"KEY", "key_id", Show::text, true},
                             Column{"ID", "id", Show::text, true},
                             Column{"UPDATED", "updated_at", Show::time, true}};
constexpr View view{"id", columns, "govctl policy set PATH --allow-models mock-model"};

enum class Kind { names, number, truth, text };
struct Rule {
  std::string_view option, value, field, doc;
  Kind kind;
  Names names = Names::nothing;
};
constexpr std::array rules{
    Rule{"--allow-models", "A,B", "allow_models", "Only models that match one of these patterns", Kind::names,
         Names::model},
    Rule{"--deny-models", "A,B", "deny_models", "No model that matches one of these patterns", Kind::names,
         Names::model},
    Rule{"--providers", "A,B", "providers", "Only these providers", Kind::names, Names::provider},
    Rule{"--costly", "A,B", "costly", "Costly request features that are allowed", Kind::names},
    Rule{"--max-input-tokens", "N", "max_input_tokens", "Longest input of a call", Kind::number},
    Rule{"--max-output-tokens", "N", "max_output_tokens", "Longest output of a call", Kind::number},
    Rule{"--rpm", "N", "rpm", "Calls a minute, shared by all below", Kind::number},
    Rule{"--tpm", "N", "tpm", "Tokens a minute, shared by all below", Kind::number},
    Rule{"--parallel", "N", "parallel", "Calls at once, shared by all below", Kind::number},
    Rule{"--clamp", "on|off", "clamp", "Lower a call's max tokens to what fits (on unless off)", Kind::truth},
    Rule{"--reserve", "HOW", "reserve", "Hold the worst-case, or an estimate", Kind::text}};

Json names_of(std::string_view text) {
  Json names = Json::array();
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (const auto name = text.substr(0, comma); !name.empty()) names.push_back(name);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return names;
}

Result<Json> value_of(const Rule& rule, const std::string& text) {
  if (text == "none") return Json();
  switch (rule.kind) {
    case Kind::names:
      return names_of(text);
    case Kind::text:
      return Json(text);
    case Kind::truth: {
      auto on = on_off(rule.option, text);
      if (!on) return std::unexpected(on.error());
      return Json(*on);
    }
    case Kind::number: {
      auto number = whole_number(rule.option, text);
      if (!number) return std::unexpected(number.error());
      return Json(*number);
    }
  }
  return Json();
}

Action set(Arguments& a) {
  struct Input {
    std::string path;
    std::optional<std::string> name, key;
    std::array<std::optional<std::string>, rules.size()> values;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "What it hangs on; it holds for all below");
  a.option("--name", "TEXT", in->name, "Which of the path's policies (default: \"default\")");
  a.option("--key", "ID", in->key, "It hangs on this key of the agent PATH", Names::key);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    a.option(rules[i].option, rules[i].value, in->values[i], std::string(rules[i].doc) + "; none: no rule",
             rules[i].names);
  }
  return [in](Session& s) -> Result<Answer> {
    auto path = any_path(s, in->path);
    if (!path) return std::unexpected(path.error());
    Json changes = Json::object();
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (!in->values[i]) continue;
      auto value = value_of(rules[i], *in->values[i]);
      if (!value) return std::unexpected(value.error());
      changes[std::string(rules[i].field)] = std::move(*value);
    }
    if (changes.empty()) return fail(Code::invalid, "no rule is given", "govctl help policy set");
    Json creation{{"path", *path}};
    if (in->name) creation["name"] = *in->name;
    if (in->key) creation["key_id"] = *in->key;
    creation.update(without_nulls(changes));
    return answer(create_or_change(s, "/policies", std::move(creation), std::move(changes)), &view);
  };
}

Action list(Arguments& a) {
  struct Input {
    std::optional<std::string> path;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "Only what hangs on it and below (default: all)");
  in->paging.declare(a);
  return [in](Session& s) -> Result<Answer> {
    return answer(list_below(s, "/policies", in->path, in->paging), &view);
  };
}

struct Which {
  std::string target;
  std::optional<std::string> name;
  void declare(Arguments& a) {
    a.positional("ID|PATH", target, "The policy's id, or the path it hangs on");
    a.option("--name", "TEXT", name, "Which of the path's policies, when there are several");
  }
  [[nodiscard]] Result<std::string> id(Session& s) const {
    return id_of(s, "/policies", target,
                 [&](const Json& policy) { return !name || policy.value("name", std::string()) == *name; });
  }
};

Action get(Arguments& a) {
  auto in = std::make_shared<Which>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto id = in->id(s);
    if (!id) return std::unexpected(id.error());
    return answer(s.get("/policies/" + *id), &view);
  };
}

Action remove(Arguments& a) {
  auto in = std::make_shared<Which>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto id = in->id(s);
    if (!id) return std::unexpected(id.error());
    if (auto sure = s.confirm(fmt::format("delete the policy {}", in->target)); !sure) {
      return std::unexpected(sure.error());
    }
    return answer(s.remove("/policies/" + *id), &view);
  };
}

std::string effective_page(const api::EffectivePolicy& policy, const Settings& settings) {
  std::string text =
      policy.sources.empty()
          ? fmt::format("No policy is on the way to {}: every model with a price is allowed.\n", policy.path)
          : fmt::format("{} calls under: {}\n", policy.path, fmt::join(policy.sources, ", "));
  text = printable(text, true) + rules_text(policy.rules, settings);
  return text + fmt::format("\nA call holds the {}{}.\n",
                            policy.reserve == "estimate" ? "estimate" : "worst case",
                            policy.clamp ? "; its max tokens are lowered to what fits"
                                         : "; its max tokens are never lowered");
}

Action effective(Arguments& a) {
  struct Input {
    std::string path;
    std::optional<std::string> key;
  };
  auto in = std::make_shared<Input>();
  a.positional("PATH", in->path, "Usually an agent's");
  a.option("--key", "ID", in->key, "With the rules of this key too", Names::key);
  return [in](Session& s) -> Result<Answer> {
    auto path = any_path(s, in->path);
    if (!path) return std::unexpected(path.error());
    Query query{{"path", *path}};
    add(query, "key_id", in->key);
    auto json = s.get("/policies/effective", std::move(query));
    if (!json) return std::unexpected(json.error());
    auto policy = api::decode<api::EffectivePolicy>(*json);
    if (!policy) return Answer{.json = std::move(*json)};
    std::string text = effective_page(*policy, s.settings());
    return Answer{.json = std::move(*json), .text = std::move(text)};
  };
}

constexpr std::array commands{
    Command{"set", "Make or change the policy of a path",
            "govctl policy set acme/prod --allow-models 'gpt-4o*,mock-model' --rpm 60\n"
            "govctl policy set acme/prod/support/triage --max-output-tokens 1000 --parallel 4\n"
            "govctl policy set acme/prod --rpm none",
            set},
    Command{"list", "Show policies", "govctl policy list\ngovctl policy list acme/prod", list},
    Command{"get", "Show one policy", "govctl policy get acme/prod", get},
    Command{"delete", "Delete a policy", "govctl policy delete acme/prod", remove},
    Command{"effective", "Show what the policies on the way to a path merge to",
            "govctl policy effective acme/prod/support/triage", effective}};

}  // namespace

std::span<const Command> policy_commands() { return commands; }

}  // namespace govctl::cli
