#pragma once
// Policies and budgets: what hangs on a path, and what it merges to.

#include "common/api/fields.h"

namespace govctl::api {

using Names = std::vector<std::string>;

struct Policy {
  std::string id, path;
  std::optional<std::string> key_id;
  std::string name;
  std::optional<Names> allow_models, deny_models, providers, costly;
  std::optional<std::int64_t> max_input_tokens, max_output_tokens, rpm, tpm, parallel;
  std::optional<bool> clamp;
  std::optional<std::string> reserve;
  std::int64_t version = 1;
  std::string created_at, updated_at;
  static constexpr auto fields() {
    return std::tuple{field("id", &Policy::id),
                      field("path", &Policy::path, "what it hangs on"),
                      field("key_id", &Policy::key_id, "set when it hangs on a key of that agent"),
                      field("name", &Policy::name),
                      field("allow_models", &Policy::allow_models, "globs; null = all"),
                      field("deny_models", &Policy::deny_models, "globs"),
                      field("providers", &Policy::providers, "allowed providers; null = all"),
                      field("costly", &Policy::costly, "costly request features that are allowed"),
                      field("max_input_tokens", &Policy::max_input_tokens),
                      field("max_output_tokens", &Policy::max_output_tokens),
                      field("rpm", &Policy::rpm, "calls a minute, shared by all below"),
                      field("tpm", &Policy::tpm, "tokens a minute, shared by all below"),
                      field("parallel", &Policy::parallel, "calls at once, shared by all below"),
                      field("clamp", &Policy::clamp, "lower the max tokens to what fits; on unless false"),
                      field("reserve", &Policy::reserve, "worst-case or estimate"),
                      field("version", &Policy::version),
                      field("created_at", &Policy::created_at),
                      field("updated_at", &Policy::updated_at)};
  }
};

// POST /policies. `path` names an org, workspace, agent group or agent; with `key_id`, that key of that agent.
struct PolicyCreate {
  std::string path;
  std::optional<std::string> key_id, name;
  std::optional<Names> allow_models, deny_models, providers, costly;
  std::optional<std::int64_t> max_input_tokens, max_output_tokens, rpm, tpm, parallel;
  std::optional<bool> clamp;
  std::optional<std::string> reserve;
  static constexpr auto fields() {
    return std::tuple{field("path", &PolicyCreate::path),
                      field("key_id", &PolicyCreate::key_id),
                      field("name", &PolicyCreate::name, "default: \"default\""),
                      field("allow_models", &PolicyCreate::allow_models),
                      field("deny_models", &PolicyCreate::deny_models),
                      field("providers", &PolicyCreate::providers),
                      field("costly", &PolicyCreate::costly),
                      field("max_input_tokens", &PolicyCreate::max_input_tokens),
                      field("max_output_tokens", &PolicyCreate::max_output_tokens),
                      field("rpm", &PolicyCreate::rpm),
                      field("tpm", &PolicyCreate::tpm),
                      field("parallel", &PolicyCreate::parallel),
                      field("clamp", &PolicyCreate::clamp),
                      field("reserve", &PolicyCreate::reserve)};
  }
};
struct PolicyPatch {
  std::optional<std::string> name;
  Patch<Names> allow_models, deny_models, providers, costly;
  Patch<std::int64_t> max_input_tokens, max_output_tokens, rpm, tpm, parallel;
  Patch<bool> clamp;
  Patch<std::string> reserve;
  static constexpr auto fields() {
    return std::tuple{field("name", &PolicyPatch::name),
                      field("allow_models", &PolicyPatch::allow_models),
                      field("deny_models", &PolicyPatch::deny_models),
                      field("providers", &PolicyPatch::providers),
                      field("costly", &PolicyPatch::costly),
                      field("max_input_tokens", &PolicyPatch::max_input_tokens),
                      field("max_output_tokens", &PolicyPatch::max_output_tokens),
                      field("rpm", &PolicyPatch::rpm),
                      field("tpm", &PolicyPatch::tpm),
                      field("parallel", &PolicyPatch::parallel),
                      field("clamp", &PolicyPatch::clamp),
                      field("reserve", &PolicyPatch::reserve)};
  }
};

// One rule that holds, and the policy that says it.
struct RuleFrom {
  std::string rule, value, policy;
  static constexpr auto fields() {
    return std::tuple{field("rule", &RuleFrom::rule, "allow_models, max_output_tokens, rpm, …"),
                      field("value", &RuleFrom::value),
                      field("policy", &RuleFrom::policy, "path and name: acme/prod: default")};
  }
};

// GET /policies/effective?path=: what the policies on the way down merge to.
struct RateLimit {
  std::string path;
  std::optional<std::int64_t> rpm, tpm, parallel;
  static constexpr auto fields() {
    return std::tuple{field("path", &RateLimit::path), field("rpm", &RateLimit::rpm),
                      field("tpm", &RateLimit::tpm), field("parallel", &RateLimit::parallel)};
  }
};
struct EffectivePolicy {
  std::string path;
  std::vector<Names> allow_models;  // a model must match one pattern of every list
  Names deny_models;
  std::optional<Names> providers;
  Names costly;
  std::optional<std::int64_t> max_input_tokens, max_output_tokens;
  std::vector<RateLimit> rates;
  bool clamp = true;
  std::string reserve;
  std::vector<std::string> sources;  // "acme/prod: default"
  std::vector<RuleFrom> rules;
  static constexpr auto fields() {
    return std::tuple{
        field("path", &EffectivePolicy::path),
        field("allow_models", &EffectivePolicy::allow_models, "a model must match one of every list"),
        field("deny_models", &EffectivePolicy::deny_models),
        field("providers", &EffectivePolicy::providers),
        field("costly", &EffectivePolicy::costly),
        field("max_input_tokens", &EffectivePolicy::max_input_tokens),
        field("max_output_tokens", &EffectivePolicy::max_output_tokens),
        field("rates", &EffectivePolicy::rates),
        field("clamp", &EffectivePolicy::clamp),
        field("reserve", &EffectivePolicy::reserve),
        field("sources", &EffectivePolicy::sources),
        field("rules", &EffectivePolicy::rules, "each rule that was merged, and its policy")};
  }
};

// An org's own name for a model, and the models that it leads to: the first that can be used, the next where
// that one fails before its answer begins.
struct Alias {
  std::string org, name;
  Names targets;
  std::int64_t version = 1;
  std::string created_at, updated_at;
  static constexpr auto fields() {
    return std::tuple{field("org", &Alias::org),
                      field("name", &Alias::name, "what agents call the model"),
                      field("targets", &Alias::targets, "provider/model, the one to try first first"),
                      field("version", &Alias::version),
                      field("created_at", &Alias::created_at),
                      field("updated_at", &Alias::updated_at)};
  }
};
// PUT /orgs/{org}/aliases/{name}: makes it, or replaces its targets.
struct AliasPut {
  Names targets;
  static constexpr auto fields() {
    return std::tuple{field("targets", &AliasPut::targets, "provider/model, 1 to 8")};
  }
};

struct Budget {
  std::string id, path;
  std::optional<std::string> key_id;
  std::string period;  // DAILY, MONTHLY, TOTAL
  std::int64_t limit = 0;
  std::optional<std::string> limit_usd;
  bool auto_disable = false;
  std::int64_t spent = 0, held = 0, left = 0;
  std::optional<std::string> resets_at;
  std::int64_t version = 1;
  std::string created_at, updated_at;
  static constexpr auto fields() {
    return std::tuple{field("id", &Budget::id),
                      field("path", &Budget::path),
                      field("key_id", &Budget::key_id),
                      field("period", &Budget::period, "DAILY, MONTHLY or TOTAL"),
                      field("limit", &Budget::limit, "credits"),
                      field("limit_usd", &Budget::limit_usd, "as it was set, when set in USD"),
                      field("auto_disable", &Budget::auto_disable),
                      field("spent", &Budget::spent),
                      field("held", &Budget::held),
                      field("left", &Budget::left),
                      field("resets_at", &Budget::resets_at),
                      field("version", &Budget::version),
                      field("created_at", &Budget::created_at),
                      field("updated_at", &Budget::updated_at)};
  }
};
// POST /budgets: exactly one of limit and limit_usd.
struct BudgetCreate {
  std::string path, period;
  std::optional<std::string> key_id, limit_usd;
  std::optional<std::int64_t> limit;
  std::optional<bool> auto_disable;
  static constexpr auto fields() {
    return std::tuple{
        field("path", &BudgetCreate::path),     field("period", &BudgetCreate::period),
        field("key_id", &BudgetCreate::key_id), field("limit_usd", &BudgetCreate::limit_usd),
        field("limit", &BudgetCreate::limit),   field("auto_disable", &BudgetCreate::auto_disable)};
  }
};
struct BudgetPatch {
  std::optional<std::int64_t> limit;
  std::optional<std::string> limit_usd;
  std::optional<bool> auto_disable;
  static constexpr auto fields() {
    return std::tuple{field("limit", &BudgetPatch::limit), field("limit_usd", &BudgetPatch::limit_usd),
                      field("auto_disable", &BudgetPatch::auto_disable)};
  }
};

}  // namespace govctl::api
