#include "daemon/control/routes.h"

#include <algorithm>

#include "common/api/apply.h"
#include "common/api/explain.h"
#include "common/api/keys.h"
#include "common/api/ledger.h"
#include "common/api/live.h"
#include "common/api/operations.h"
#include "common/api/orgs.h"
#include "common/api/platform.h"
#include "common/api/rules.h"
#include "daemon/control/handlers.h"

namespace govctl::control {
namespace {

using enum identity::Permission;

template <class T>
constexpr Schema of = &api::schema<T>;
template <class T>
constexpr Schema list_of = &api::schema<api::List<T>>;

constexpr std::array table{
    // --- the daemon itself ---
    Route{"GET", "/health", Needs(none), get_health, "Alive", nullptr, of<Health>},
    Route{"GET", "/health/ready", Needs(none), get_ready, "Ready to serve", nullptr, of<Readiness>},
    Route{"GET", "/health/db", Needs(none), get_database_health, "The catalog can be read", nullptr,
          of<Health>},
    Route{"GET", "/openapi.json", Needs(none), get_openapi, "This API as OpenAPI 3.1", nullptr, nullptr, 200,
          Shape::text},
    Route{"GET", "/docs", Needs(none), get_docs, "This API as a page", nullptr, nullptr, 200, Shape::text},
    Route{"GET", "/redoc", Needs(none), get_docs, "This API as a page", nullptr, nullptr, 200, Shape::text},
    Route{"GET", "/status", Needs(settings_read), get_status, "Version, gateway, calls in flight", nullptr,
          of<api::Status>},
    Route{"GET", "/live", Needs(analytics_read), get_live,
          "Who calls and spends now, and what was refused last", nullptr, of<api::Live>, 200, Shape::object,
          Names{"path", "limit"}},
    Route{"GET", "/metrics", Needs(settings_read), get_metrics, "Figures for Prometheus (text format 0.0.4)",
          nullptr, nullptr, 200, Shape::text},
    Route{"GET", "/verify", Needs(audit_read), verify, "The proof: every chain, signature and anchor checked",
          nullptr, of<api::VerifyReport>, 200, Shape::object, Names{"org"}},
    Route{"GET", "/doctor", Needs(settings_read), get_doctor, "What the daemon finds out about itself", nullptr,
          of<api::Doctor>},
    Route{"POST", "/backup", Needs(platform_admin), make_backup,
          "A backup of all, or of one org, as a tar.gz; dry_run tells what would be in it", nullptr, nullptr,
          200, Shape::text, Names{"org"}},
    Route{"GET", "/secrets", Needs(platform_admin), get_secrets, "Which keys there are; never a key", nullptr,
          of<api::SecretsStatus>},
    Route{"POST", "/secrets/rotate-kek", Needs(platform_admin), rotate_master,
          "Another master key; every data key is wrapped under it", of<api::MasterRotate>,
          of<api::MasterRotated>},
    Route{"POST", "/secrets/unseal", Needs(platform_admin), unseal,
          "Give the passphrase that the master key lies under", of<api::Unseal>, of<api::Unsealed>},
    Route{"POST", "/orgs/{org}/secrets/rotate-dek", Needs(platform_admin), rotate_data_key,
          "Another data key for an org; its credentials are encrypted anew", nullptr, of<api::DataKeyRotated>},

    // --- orgs and their accounts ---
    Route{"POST", "/orgs", Needs(orgs_write), create_org, "Make an org with its billing group",
          of<api::OrgCreate>, of<api::Org>, 201},
    Route{"GET", "/orgs", Needs(orgs_read), list_orgs, "Orgs by slug", nullptr, list_of<api::Org>, 200,
          Shape::list},
    Route{"GET", "/orgs/{org}", Needs(orgs_read), get_org, "One org", nullptr, of<api::Org>},
    Route{"PATCH", "/orgs/{org}", Needs(orgs_write), change_org, "Change an org", of<api::OrgPatch>,
          of<api::Org>, 200, Shape::versioned},
    Route{"DELETE", "/orgs/{org}", Needs(orgs_delete), delete_org, "Delete an org; its keys stop working",
          nullptr, of<api::Org>, 200, Shape::versioned, Names{"confirm"}},
    Route{"POST", "/orgs/{org}/undelete", Needs(orgs_delete), undelete_org, "Bring back a deleted org", nullptr,
          of<api::Org>},
    Route{"POST", "/orgs/{org}/purge", Needs(orgs_delete), purge_org,
          "Destroy a deleted org's keys and file, for good", nullptr, of<api::OrgPurged>, 200, Shape::object,
          Names{"confirm"}},
    Route{"GET", "/orgs/{org}/balance", Needs(ledger_read), get_balance, "Balance and what is reserved",
          nullptr, of<api::Balance>},
    Route{"POST", "/groups", Needs(orgs_write), create_billing_group,
          "Make a billing group and an org around it", of<api::BillingGroupCreate>, of<api::BillingGroup>, 201},
    Route{"GET", "/groups", Needs(orgs_read), list_billing_groups, "Billing groups by org", nullptr,
          list_of<api::BillingGroup>, 200, Shape::list},
    Route{"GET", "/groups/{id}", Needs(orgs_read), get_billing_group, "One billing group", nullptr,
          of<api::BillingGroup>},
    Route{"GET", "/groups/{id}/balance", Needs(ledger_read), get_billing_group_balance,
          "Balance and what is reserved", nullptr, of<api::Balance>},

    // --- an org and the platform as one document ---
    Route{"GET", "/orgs/{org}/document", Needs(orgs_read), get_org_document, "All that is declared of an org",
          nullptr, of<api::OrgDocument>},
    Route{"POST", "/orgs/{org}/apply", Needs(orgs_write), apply_org,
          "Make an org what a document says, whole or not at all; dry_run tells what would be done",
          of<api::OrgApply>, of<api::Applied>, 200, Shape::object, Names{}, largest_body},
    Route{"GET", "/platform/document", Needs(providers_read), get_platform_document,
          "Providers and prices as one document", nullptr, of<api::PlatformDocument>},
    Route{"POST", "/platform/apply", Needs(providers_write), apply_platform,
          "Make providers and prices what a document says, whole or not at all", of<api::PlatformApply>,
          of<api::Applied>, 200, Shape::object, Names{}, largest_body},

    // --- workspaces, agent groups, agents ---
    Route{"POST", "/orgs/{org}/workspaces", Needs(agents_write), create_workspace, "Make a workspace",
          of<api::UnitCreate>, of<api::Unit>, 201},
    Route{"GET", "/orgs/{org}/workspaces", Needs(agents_read), list_workspaces, "An org's workspaces", nullptr,
          list_of<api::Unit>, 200, Shape::list},
    Route{"GET", "/workspaces/{id}", Needs(agents_read), get_workspace, "One workspace", nullptr,
          of<api::Unit>},
    Route{"PATCH", "/workspaces/{id}", Needs(agents_write), change_workspace, "Change a workspace",
          of<api::UnitPatch>, of<api::Unit>, 200, Shape::versioned},
    Route{"DELETE", "/workspaces/{id}", Needs(agents_delete), delete_workspace,
          "Delete a workspace and all below; revokes the keys", nullptr, of<api::Unit>, 200, Shape::versioned},
    Route{"POST", "/workspaces/{id}/agent-groups", Needs(agents_write), create_agent_group,
          "Make an agent group", of<api::UnitCreate>, of<api::Unit>, 201},
    Route{"GET", "/workspaces/{id}/agent-groups", Needs(agents_read), list_agent_groups,
          "A workspace's agent groups", nullptr, list_of<api::Unit>, 200, Shape::list},
    Route{"GET", "/agent-groups/{id}", Needs(agents_read), get_agent_group, "One agent group", nullptr,
          of<api::Unit>},
    Route{"PATCH", "/agent-groups/{id}", Needs(agents_write), change_agent_group, "Change an agent group",
          of<api::UnitPatch>, of<api::Unit>, 200, Shape::versioned},
    Route{"DELETE", "/agent-groups/{id}", Needs(agents_delete), delete_agent_group,
          "Delete an agent group and all below; revokes the keys", nullptr, of<api::Unit>, 200,
          Shape::versioned},
    Route{"POST", "/agent-groups/{id}/agents", Needs(agents_write), create_agent, "Make an agent",
          of<api::UnitCreate>, of<api::Agent>, 201},
    Route{"GET", "/agent-groups/{id}/agents", Needs(agents_read), list_agents, "An agent group's agents",
          nullptr, list_of<api::Agent>, 200, Shape::list},
    Route{"GET", "/agents/{id}", Needs(agents_read), get_agent, "One agent", nullptr, of<api::Agent>},
    Route{"PATCH", "/agents/{id}", Needs(agents_write), change_agent, "Change, disable or enable an agent",
          of<api::AgentPatch>, of<api::Agent>, 200, Shape::versioned},
    Route{"DELETE", "/agents/{id}", Needs(agents_delete), delete_agent, "Delete an agent; revokes its keys",
          nullptr, of<api::Agent>, 200, Shape::versioned},

    Route{"POST", "/freeze", Needs(agents_write), freeze, "Stop all calls below a path, those in flight too",
          of<api::Freeze>, of<api::Frozen>},
    Route{"POST", "/unfreeze", Needs(agents_write), unfreeze, "Let what was frozen call again", of<api::Freeze>,
          of<api::Frozen>},

    // --- keys and credentials ---
    Route{"POST", "/agents/{id}/keys", Needs(keys_write), create_key,
          "Make an API key; its secret is shown once", of<api::KeyCreate>, of<api::Key>, 201},
    Route{"GET", "/agents/{id}/keys", Needs(keys_read), list_keys, "An agent's keys, revoked ones too", nullptr,
          list_of<api::Key>, 200, Shape::list},
    Route{"GET", "/agents/{id}/keys/{key_id}", Needs(keys_read), get_agent_key, "One key of an agent", nullptr,
          of<api::Key>},
    Route{"PATCH", "/agents/{id}/keys/{key_id}", Needs(keys_write), change_key,
          "Change a key's name, limit or expiry", of<api::KeyPatch>, of<api::Key>},
    Route{"DELETE", "/agents/{id}/keys/{key_id}", Needs(keys_write), revoke_key, "Revoke a key", nullptr,
          of<api::Key>, 200, Shape::object, Names{"reason"}},
    Route{"POST", "/agents/{id}/keys/{key_id}/rotate", Needs(keys_write), rotate_key,
          "Make a key that takes over from this one", of<api::KeyRotate>, of<api::Key>, 201},
    Route{"GET", "/keys", Needs(keys_read), list_all_keys, "Keys on a path and below, or all", nullptr,
          list_of<api::Key>, 200, Shape::list, Names{"path"}},
    Route{"GET", "/keys/{key_id}", Needs(keys_read), get_key, "One key, to find its agent", nullptr,
          of<api::Key>},
    Route{"POST", "/orgs/{org}/credentials", Needs(credentials_write), create_credential,
          "Store a provider's API key, encrypted", of<api::CredentialCreate>, of<api::Credential>, 201},
    Route{"GET", "/orgs/{org}/credentials", Needs(credentials_write), list_credentials,
          "An org's credentials, without their secrets", nullptr, list_of<api::Credential>, 200, Shape::list},
    Route{"GET", "/orgs/{org}/credentials/{id}", Needs(credentials_write), get_credential, "One credential",
          nullptr, of<api::Credential>},
    Route{"PATCH", "/orgs/{org}/credentials/{id}", Needs(credentials_write), change_credential,
          "Change a credential or replace its secret", of<api::CredentialPatch>, of<api::Credential>, 200,
          Shape::versioned},
    Route{"DELETE", "/orgs/{org}/credentials/{id}", Needs(credentials_write), delete_credential,
          "Delete a credential and its sealed secret", nullptr, of<api::Credential>, 200, Shape::versioned},

    // --- rules ---
    Route{"POST", "/policies", Needs(policies_write), create_policy, "Hang a policy on a path",
          of<api::PolicyCreate>, of<api::Policy>, 201},
    Route{"GET", "/policies", Needs(policies_read), list_policies, "Policies on a path and below, or all",
          nullptr, list_of<api::Policy>, 200, Shape::list, Names{"path"}},
    Route{"GET", "/policies/effective", Needs(policies_read), get_effective_policy,
          "What the policies on the way to a path merge to", nullptr, of<api::EffectivePolicy>, 200,
          Shape::object, Names{"path", "key_id"}},
    Route{"GET", "/can-i", Needs(policies_read), get_verdict,
          "Whether a call of an agent would pass now; it is not made", nullptr, of<api::Verdict>, 200,
          Shape::object, Names{"agent", "model", "key_id", "input_tokens", "max_tokens"}},
    Route{"GET", "/policies/{id}", Needs(policies_read), get_policy, "One policy", nullptr, of<api::Policy>},
    Route{"PATCH", "/policies/{id}", Needs(policies_write), change_policy,
          "Change a policy; null clears a rule", of<api::PolicyPatch>, of<api::Policy>, 200, Shape::versioned},
    Route{"DELETE", "/policies/{id}", Needs(policies_write), delete_policy, "Delete a policy", nullptr,
          of<api::Policy>, 200, Shape::versioned},
    Route{"POST", "/budgets", Needs(budgets_write), create_budget, "Hang a budget on a path",
          of<api::BudgetCreate>, of<api::Budget>, 201},
    Route{"GET", "/budgets", Needs(budgets_read), list_budgets, "Budgets on a path and below, or all", nullptr,
          list_of<api::Budget>, 200, Shape::list, Names{"path"}},
    Route{"GET", "/budgets/explain", Needs(budgets_read), explain_budgets,
          "What limits a path, how fast it is used up, and when it is gone", nullptr,
          list_of<api::BudgetOutlook>, 200, Shape::list, Names{"path"}},
    Route{"GET", "/budgets/{id}", Needs(budgets_read), get_budget, "One budget with what is spent and held",
          nullptr, of<api::Budget>},
    Route{"PATCH", "/budgets/{id}", Needs(budgets_write), change_budget, "Change a budget",
          of<api::BudgetPatch>, of<api::Budget>, 200, Shape::versioned},
    Route{"DELETE", "/budgets/{id}", Needs(budgets_write), delete_budget, "Delete a budget", nullptr,
          of<api::Budget>, 200, Shape::versioned},

    Route{"GET", "/orgs/{org}/aliases", Needs(settings_read), list_aliases, "An org's own names for models",
          nullptr, list_of<api::Alias>, 200, Shape::list},
    Route{"GET", "/orgs/{org}/aliases/{name}", Needs(settings_read), get_alias, "One alias", nullptr,
          of<api::Alias>},
    Route{"PUT", "/orgs/{org}/aliases/{name}", Needs(settings_write), put_alias,
          "Set the models that an alias leads to, in order", of<api::AliasPut>, of<api::Alias>, 200,
          Shape::versioned},
    Route{"DELETE", "/orgs/{org}/aliases/{name}", Needs(settings_write), delete_alias, "Delete an alias",
          nullptr, of<api::Alias>, 200, Shape::versioned},

    // --- providers and prices ---
    Route{"GET", "/providers", Needs(providers_read), list_providers, "Providers by name", nullptr,
          list_of<api::Provider>, 200, Shape::list},
    Route{"POST", "/providers", Needs(providers_write), create_provider, "Add a provider",
          of<api::ProviderCreate>, of<api::Provider>, 201},
    Route{"GET", "/providers/{name}", Needs(providers_read), get_provider, "One provider", nullptr,
          of<api::Provider>},
    Route{"PATCH", "/providers/{name}", Needs(providers_write), change_provider, "Change a provider",
          of<api::ProviderPatch>, of<api::Provider>, 200, Shape::versioned},
    Route{"DELETE", "/providers/{name}", Needs(providers_delete), delete_provider, "Delete a provider", nullptr,
          of<api::Provider>, 200, Shape::versioned},
    Route{"POST", "/providers/{name}/test", Needs(providers_write), test_provider,
          "Ask a provider for its models, to see that it answers; costs nothing", of<api::ProviderTest>,
          of<api::ProviderTested>},
    Route{"GET", "/providers/{name}/models", Needs(providers_read), list_provider_models,
          "The models that the provider itself lists, and which have a price", nullptr,
          list_of<api::ProviderModel>, 200, Shape::list, Names{"org"}},
    Route{"GET", "/pricing", Needs(pricing_read), list_pricing, "Prices by provider and model", nullptr,
          list_of<api::ModelPricing>, 200, Shape::list, Names{"provider", "model"}},
    Route{"GET", "/pricing/{provider}/{model}", Needs(pricing_read), get_pricing, "One model's price", nullptr,
          of<api::ModelPricing>},
    Route{"PUT", "/pricing/{provider}/{model}", Needs(pricing_write), put_pricing,
          "Set a model's price, as a new version", of<api::PricingPut>, of<api::ModelPricing>, 200,
          Shape::versioned},
    Route{"DELETE", "/pricing/{provider}/{model}", Needs(pricing_write), delete_pricing,
          "Delete a model's price; its calls are refused", nullptr, of<api::ModelPricing>, 200,
          Shape::versioned},
    Route{"POST", "/pricing/import", Needs(pricing_write), import_pricing,
          "Set many models' prices from one source; dry_run tells what would change", of<api::PricingImport>,
          of<api::PricingImported>},

    // --- money ---
    Route{"POST", "/credits/purchase", Needs(ledger_write), purchase_credits, "Buy credits", of<api::Purchase>,
          of<api::Entry>, 201},
    Route{"GET", "/orgs/{org}/ledger", Needs(ledger_read), list_ledger, "The statement, oldest first", nullptr,
          list_of<api::Entry>, 200, Shape::list, Names{"since", "until"}},
    Route{"POST", "/orgs/{org}/ledger/adjust", Needs(ledger_write), adjust_ledger, "Adjust the balance by hand",
          of<api::Adjustment>, of<api::Entry>, 201},
    Route{"GET", "/orgs/{org}/ledger/export", Needs(ledger_read), export_ledger,
          "The whole ledger, one entry a line (application/jsonl)", nullptr, nullptr, 200, Shape::text},
    Route{"POST", "/usage/{request_id}/refund", Needs(ledger_write), refund_call, "Refund a call",
          of<api::Refund>, of<api::Entry>, 201},

    // --- usage and audit ---
    Route{"GET", "/usage/history/{group_id}", Needs(analytics_read), list_usage, "Calls, newest first", nullptr,
          list_of<api::UsageEvent>, 200, Shape::list,
          Names{"path", "status", "model", "session", "tag", "since", "until"}},
    Route{"GET", "/usage/request/{request_id}", Needs(analytics_read), get_usage, "One call", nullptr,
          of<api::UsageEvent>},
    Route{"GET", "/usage/request/{request_id}/explanation", Needs(analytics_read), explain_call,
          "Why a call was refused or passed, and what would change that", nullptr, of<api::Explanation>},
    Route{"GET", "/usage/burn-rate/{group_id}", Needs(analytics_read), get_burn_rate,
          "Credits of the last 24 hours and 7 days", nullptr, of<api::BurnRate>, 200, Shape::object,
          Names{"path"}},
    Route{"GET", "/usage/top-users/{group_id}", Needs(analytics_read), list_top_users, "Who spends most",
          nullptr, list_of<api::UsageTop>, 200, Shape::list, Names{"window", "path", "session", "tag"}},
    Route{"GET", "/usage/top/{group_id}", Needs(analytics_read), list_top, "What spends most", nullptr,
          list_of<api::UsageTop>, 200, Shape::list, Names{"by", "window", "path", "session", "tag"}},
    Route{"GET", "/orgs/{org}/audit", Needs(audit_read), list_org_audit, "Changes and calls, newest first",
          nullptr, list_of<api::AuditRow>, 200, Shape::list,
          Names{"actor", "event", "resource", "since", "until"}},
    Route{"POST", "/orgs/{org}/anchors", Needs(audit_read), anchor_org, "Sign the heads of an org's chains now",
          nullptr, list_of<api::Anchor>},
    Route{"POST", "/audit/anchors", Needs(audit_read), anchor_platform,
          "Sign the head of the platform's audit log now", nullptr, list_of<api::Anchor>},
    Route{"GET", "/audit", Needs(audit_read), list_platform_audit, "The platform's changes, newest first",
          nullptr, list_of<api::AuditRow>, 200, Shape::list,
          Names{"actor", "event", "resource", "since", "until"}},
};

// Patterns are the same route when they differ in parameters' names alone.
consteval bool same_pattern(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (a[i] != b[j]) return false;
    if (a[i] == '{') {
      i = a.find('}', i);
      j = b.find('}', j);
    }
    ++i;
    ++j;
  }
  return i == a.size() && j == b.size();
}
consteval bool all_distinct() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (table[i].method == table[j].method && same_pattern(table[i].pattern, table[j].pattern)) return false;
    }
  }
  return true;
}
static_assert(all_distinct(), "a route stands twice");
static_assert(std::ranges::all_of(table, [](const Route& route) { return route.handler != nullptr; }));
static_assert(std::ranges::all_of(table,
                                  [](const Route& route) {
                                    return route.needs.permission != none || !route.writes();
                                  }),
              "what writes needs a permission");

}  // namespace

bool Route::takes(std::string_view name) const {
  if (writes() && name == "dry_run") return true;
  if (shape == Shape::list && (name == "limit" || name == "cursor")) return true;
  return !name.empty() && std::ranges::find(query, name) != query.end();
}

std::span<const Route> routes() { return table; }

}  // namespace govctl::control
