#pragma once
// One handler a route (routes.cpp), one file a resource.

#include "daemon/control/context.h"

namespace govctl::control {

struct Health {
  std::string status = "ok";
  static constexpr auto fields() { return std::tuple{api::field("status", &Health::status, "ok")}; }
};

struct Readiness {
  std::string status = "ok";
  std::vector<std::string> open_circuits;
  static constexpr auto fields() {
    return std::tuple{
        api::field("status", &Readiness::status, "ok"),
        api::field("open_circuits", &Readiness::open_circuits, "providers that are not asked for now")};
  }
};

// status.cpp
Answer get_health(Request& request);
Answer get_ready(Request& request);
Answer get_database_health(Request& request);
Answer get_status(Request& request);
Answer get_metrics(Request& request);
Answer get_openapi(Request& request);
Answer get_docs(Request& request);
// doctor.cpp
Answer get_doctor(Request& request);
// backup.cpp
Answer make_backup(Request& request);
// secrets.cpp
Answer get_secrets(Request& request);
Answer rotate_master(Request& request);
Answer rotate_data_key(Request& request);
Answer unseal(Request& request);
// live.cpp
Answer get_live(Request& request);
// orgs.cpp
Answer create_org(Request& request);
Answer list_orgs(Request& request);
Answer get_org(Request& request);
Answer change_org(Request& request);
Answer delete_org(Request& request);
Answer undelete_org(Request& request);
Answer purge_org(Request& request);
Answer get_balance(Request& request);
// billing_groups.cpp
Answer create_billing_group(Request& request);
Answer list_billing_groups(Request& request);
Answer get_billing_group(Request& request);
Answer get_billing_group_balance(Request& request);
// freeze.cpp
Answer freeze(Request& request);
Answer unfreeze(Request& request);

// apply_org.cpp
Answer get_org_document(Request& request);
Answer apply_org(Request& request);
// apply_platform.cpp
Answer get_platform_document(Request& request);
Answer apply_platform(Request& request);

// units.cpp
Answer create_workspace(Request& request);
Answer list_workspaces(Request& request);
Answer get_workspace(Request& request);
Answer change_workspace(Request& request);
Answer delete_workspace(Request& request);
Answer create_agent_group(Request& request);
Answer list_agent_groups(Request& request);
Answer get_agent_group(Request& request);
Answer change_agent_group(Request& request);
Answer delete_agent_group(Request& request);
Answer create_agent(Request& request);
Answer list_agents(Request& request);
Answer get_agent(Request& request);
Answer change_agent(Request& request);
Answer delete_agent(Request& request);
// keys.cpp
Answer create_key(Request& request);
Answer list_keys(Request& request);
Answer list_all_keys(Request& request);
Answer get_key(Request& request);
Answer get_agent_key(Request& request);
Answer change_key(Request& request);
Answer revoke_key(Request& request);
Answer rotate_key(Request& request);
// credentials.cpp
Answer create_credential(Request& request);
Answer list_credentials(Request& request);
Answer get_credential(Request& request);
Answer change_credential(Request& request);
Answer delete_credential(Request& request);
// providers.cpp
Answer create_provider(Request& request);
Answer list_providers(Request& request);
Answer get_provider(Request& request);
Answer change_provider(Request& request);
Answer delete_provider(Request& request);
// provider_calls.cpp
Answer test_provider(Request& request);
Answer list_provider_models(Request& request);
// policies.cpp
Answer create_policy(Request& request);
Answer list_policies(Request& request);
Answer get_policy(Request& request);
Answer change_policy(Request& request);
Answer delete_policy(Request& request);
Answer get_effective_policy(Request& request);
// aliases.cpp
Answer list_aliases(Request& request);
Answer get_alias(Request& request);
Answer put_alias(Request& request);
Answer delete_alias(Request& request);
// budgets.cpp
Answer create_budget(Request& request);
Answer list_budgets(Request& request);
Answer get_budget(Request& request);
Answer change_budget(Request& request);
Answer delete_budget(Request& request);
// pricing.cpp
Answer list_pricing(Request& request);
Answer get_pricing(Request& request);
Answer put_pricing(Request& request);
Answer delete_pricing(Request& request);
// pricing_import.cpp
Answer import_pricing(Request& request);
// ledger.cpp
Answer purchase_credits(Request& request);
Answer adjust_ledger(Request& request);
Answer refund_call(Request& request);
Answer list_ledger(Request& request);
Answer export_ledger(Request& request);
Answer verify(Request& request);
// explain.cpp
Answer explain_call(Request& request);
Answer get_verdict(Request& request);
// outlook.cpp
Answer explain_budgets(Request& request);
// usage.cpp
Answer list_usage(Request& request);
Answer get_usage(Request& request);
Answer get_burn_rate(Request& request);
Answer list_top_users(Request& request);
Answer list_top(Request& request);
// audit.cpp
Answer list_org_audit(Request& request);
Answer list_platform_audit(Request& request);
// anchors.cpp
Answer anchor_org(Request& request);
Answer anchor_platform(Request& request);

}  // namespace govctl::control
