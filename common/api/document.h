#pragma once
// Org as code (50-cli.md): what is in an org's file, and what is the platform's, each as one document. The same
// types are the file's format, the body of POST /orgs/{org}/apply and the answer of GET /orgs/{org}/document.
// What is absent has its default, credits_per_usd aside; a list's order says nothing, but in an alias's
// targets. A freeze is no part of it: an apply lets nothing go that was stopped.

#include "common/api/platform.h"
#include "common/api/rules.h"

namespace govctl::api {

struct BudgetDocument {
  std::string period;
  std::optional<std::int64_t> limit;
  std::optional<std::string> limit_usd;
  std::optional<bool> auto_disable;
  static constexpr auto fields() {
    return std::tuple{
        field("period", &BudgetDocument::period, "DAILY, MONTHLY or TOTAL; one budget of each at most"),
        field("limit", &BudgetDocument::limit, "credits; either this or limit_usd"),
        field("limit_usd", &BudgetDocument::limit_usd, "USD, such as 50 or 0.25"),
        field("auto_disable", &BudgetDocument::auto_disable,
              "true: once it is spent its agents show as BUDGET_EXHAUSTED; default false")};
  }
};

struct PolicyDocument {
  std::optional<std::string> name;
  std::optional<Names> allow_models, deny_models, providers, costly;
  std::optional<std::int64_t> max_input_tokens, max_output_tokens, rpm, tpm, parallel;
  std::optional<bool> clamp;
  std::optional<std::string> reserve;
  static constexpr auto fields() {
    return std::tuple{
        field("name", &PolicyDocument::name, "one of each name; default: default"),
        field("allow_models", &PolicyDocument::allow_models, "globs; absent: all"),
        field("deny_models", &PolicyDocument::deny_models, "globs"),
        field("providers", &PolicyDocument::providers, "globs of allowed providers; absent: all"),
        field("costly", &PolicyDocument::costly, "costly request features that are allowed"),
        field("max_input_tokens", &PolicyDocument::max_input_tokens, "of one call"),
        field("max_output_tokens", &PolicyDocument::max_output_tokens, "of one call"),
        field("rpm", &PolicyDocument::rpm, "calls a minute, shared by all below"),
        field("tpm", &PolicyDocument::tpm, "tokens a minute, shared by all below"),
        field("parallel", &PolicyDocument::parallel, "calls at once, shared by all below"),
        field("clamp", &PolicyDocument::clamp, "false: a call is refused where its max tokens do not fit"),
        field("reserve", &PolicyDocument::reserve, "worst-case or estimate")};
  }
};

// Its value is made by the daemon and shown once, to who applies.
struct KeyDocument {
  std::string name;
  std::optional<std::int64_t> limit;
  std::optional<std::string> expires_at;
  std::optional<std::vector<PolicyDocument>> policies;
  std::optional<std::vector<BudgetDocument>> budgets;
  static constexpr auto fields() {
    return std::tuple{field("name", &KeyDocument::name, "where it is used: laptop, ci"),
                      field("limit", &KeyDocument::limit, "credits that it may spend in all"),
                      field("expires_at", &KeyDocument::expires_at, "a time such as 2026-12-31T00:00:00Z"),
                      field("policies", &KeyDocument::policies, "rules on this key"),
                      field("budgets", &KeyDocument::budgets, "limits on this key")};
  }
};

struct AgentDocument {
  std::string slug;
  std::optional<std::string> name, description, status;
  std::optional<std::vector<PolicyDocument>> policies;
  std::optional<std::vector<BudgetDocument>> budgets;
  std::optional<std::vector<KeyDocument>> keys;
  static constexpr auto fields() {
    return std::tuple{field("slug", &AgentDocument::slug, "its part of the path"),
                      field("name", &AgentDocument::name, "default: the slug"),
                      field("description", &AgentDocument::description),
                      field("status", &AgentDocument::status, "ACTIVE or DISABLED; default ACTIVE"),
                      field("policies", &AgentDocument::policies, "rules on this agent"),
                      field("budgets", &AgentDocument::budgets, "limits on this agent"),
                      field("keys", &AgentDocument::keys, "API keys by name, never their values")};
  }
};

struct GroupDocument {
  std::string slug;
  std::optional<std::string> name, description;
  std::optional<bool> active;
  std::optional<std::vector<PolicyDocument>> policies;
  std::optional<std::vector<BudgetDocument>> budgets;
  std::optional<std::vector<AgentDocument>> agents;
  static constexpr auto fields() {
    return std::tuple{field("slug", &GroupDocument::slug, "its part of the path"),
                      field("name", &GroupDocument::name, "default: the slug"),
                      field("description", &GroupDocument::description),
                      field("active", &GroupDocument::active, "false: nobody below may call; default true"),
                      field("policies", &GroupDocument::policies, "rules on all below"),
                      field("budgets", &GroupDocument::budgets, "limits on all below together"),
                      field("agents", &GroupDocument::agents)};
  }
};

struct WorkspaceDocument {
  std::string slug;
  std::optional<std::string> name, description;
  std::optional<bool> active;
  std::optional<std::vector<PolicyDocument>> policies;
  std::optional<std::vector<BudgetDocument>> budgets;
  std::optional<std::vector<GroupDocument>> groups;
  static constexpr auto fields() {
    return std::tuple{field("slug", &WorkspaceDocument::slug, "its part of the path"),
                      field("name", &WorkspaceDocument::name, "default: the slug"),
                      field("description", &WorkspaceDocument::description),
                      field("active", &WorkspaceDocument::active, "false: nobody below may call; default true"),
                      field("policies", &WorkspaceDocument::policies, "rules on all below"),
                      field("budgets", &WorkspaceDocument::budgets, "limits on all below together"),
                      field("groups", &WorkspaceDocument::groups, "agent groups")};
  }
};

// The secret is a reference that govctl resolves: its value goes beside the document, never in it.
struct CredentialDocument {
  std::string provider;
  std::optional<std::string> label;
  std::optional<bool> active;
  std::optional<std::string> secret;
  static constexpr auto fields() {
    return std::tuple{
        field("provider", &CredentialDocument::provider, "the provider's name"),
        field("label", &CredentialDocument::label, "tells several of one provider apart; default: none"),
        field("active", &CredentialDocument::active, "false: calls do not use it; default true"),
        field("secret", &CredentialDocument::secret,
              "where govctl finds it: env:NAME, file:PATH (beside the document) or stdin; where nothing is "
              "found, the stored one stays")};
  }
};

struct AliasDocument {
  std::string name;
  Names targets;
  static constexpr auto fields() {
    return std::tuple{field("name", &AliasDocument::name, "what agents call the model"),
                      field("targets", &AliasDocument::targets, "provider/model, the one to try first first")};
  }
};

struct OrgDocument {
  std::string org;
  std::optional<std::string> name, description;
  std::optional<bool> active;
  std::optional<std::int64_t> credits_per_usd;
  std::optional<Json> overdraft;
  std::optional<std::vector<PolicyDocument>> policies;
  std::optional<std::vector<BudgetDocument>> budgets;
  std::optional<std::vector<AliasDocument>> aliases;
  std::optional<std::vector<CredentialDocument>> credentials;
  std::optional<std::vector<WorkspaceDocument>> workspaces;
  static constexpr auto fields() {
    return std::tuple{field("org", &OrgDocument::org, "the org's slug; an org that is not there is made"),
                      field("name", &OrgDocument::name, "default: the slug"),
                      field("description", &OrgDocument::description),
                      field("active", &OrgDocument::active, "false: nobody may call; default true"),
                      field("credits_per_usd", &OrgDocument::credits_per_usd,
                            "fixed once the ledger has an entry; absent: as it is, 1000000 for a new org"),
                      field("overdraft", &OrgDocument::overdraft,
                            "credits below zero that calls may use, or unlimited; default 0"),
                      field("policies", &OrgDocument::policies, "rules on the whole org"),
                      field("budgets", &OrgDocument::budgets, "limits on the whole org"),
                      field("aliases", &OrgDocument::aliases, "the org's own names for models"),
                      field("credentials", &OrgDocument::credentials, "providers' API keys, by reference"),
                      field("workspaces", &OrgDocument::workspaces)};
  }
};

struct ProviderDocument {
  std::string name, kind, base_url;
  std::optional<bool> allow_private, usage_in_stream, needs_credential, responses;
  std::optional<std::string> ca_file, proxy, no_proxy, max_tokens_field, api_version;
  std::optional<std::int64_t> connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, max_parallel;
  static constexpr auto fields() {
    return std::tuple{
        field("name", &ProviderDocument::name),
        field("kind", &ProviderDocument::kind,
              "openai (any API compatible with OpenAI's), azure_openai, anthropic, bedrock, gemini, cohere or "
              "mock; of one that is there it cannot be changed"),
        field("base_url", &ProviderDocument::base_url),
        field("allow_private", &ProviderDocument::allow_private,
              "private and link-local addresses, and http; default false"),
        field("usage_in_stream", &ProviderDocument::usage_in_stream,
              "knows stream_options.include_usage; default true"),
        field("needs_credential", &ProviderDocument::needs_credential, "default true, of kind mock false"),
        field("responses", &ProviderDocument::responses, "has /v1/responses; default false"),
        field("ca_file", &ProviderDocument::ca_file, "an absolute path"),
        field("proxy", &ProviderDocument::proxy, "http://host[:port]"),
        field("no_proxy", &ProviderDocument::no_proxy, "hosts that are called without it, separated by commas"),
        field("max_tokens_field", &ProviderDocument::max_tokens_field,
              "max_tokens (default) or max_completion_tokens"),
        field("api_version", &ProviderDocument::api_version, "of azure_openai"),
        field("connect_timeout_ms", &ProviderDocument::connect_timeout_ms, "default 5000"),
        field("first_byte_timeout_ms", &ProviderDocument::first_byte_timeout_ms, "default 600000"),
        field("idle_timeout_ms", &ProviderDocument::idle_timeout_ms, "default 300000"),
        field("max_parallel", &ProviderDocument::max_parallel,
              "calls at once, of all orgs; default 0: no limit")};
  }
};

struct PriceDocument {
  std::string kind, price;
  std::optional<std::int64_t> unit, from_tokens;
  static constexpr auto fields() {
    return std::tuple{
        field(
            "kind", &PriceDocument::kind,
            "input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, audio_in, audio_out, image, "
            "request or search"),
        field("price", &PriceDocument::price, "USD for so many as unit says"),
        field("unit", &PriceDocument::unit, "1, 1000 or 1000000; default 1000"),
        field("from_tokens", &PriceDocument::from_tokens,
              "holds for calls with so much input or more; default 0")};
  }
};

struct ModelDocument {
  std::string provider, model;
  std::optional<std::int64_t> context_window, max_output_tokens;
  std::vector<PriceDocument> prices;
  static constexpr auto fields() {
    return std::tuple{field("provider", &ModelDocument::provider, "the provider's name"),
                      field("model", &ModelDocument::model, "as the provider calls it"),
                      field("context_window", &ModelDocument::context_window, "tokens"),
                      field("max_output_tokens", &ModelDocument::max_output_tokens, "of one call"),
                      field("prices", &ModelDocument::prices, "one a kind, at least input and output")};
  }
};

struct PlatformDocument {
  std::optional<std::vector<ProviderDocument>> providers;
  std::optional<std::vector<ModelDocument>> models;
  static constexpr auto fields() {
    return std::tuple{field("providers", &PlatformDocument::providers, "where calls go"),
                      field("models", &PlatformDocument::models, "what models cost: the price table")};
  }
};

}  // namespace govctl::api
