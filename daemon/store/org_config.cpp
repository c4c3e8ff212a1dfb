#include "daemon/store/org_config.h"

#include "daemon/store/aliases.h"
#include "daemon/store/budgets.h"
#include "daemon/store/credentials.h"
#include "daemon/store/keys.h"
#include "daemon/store/orgs.h"
#include "daemon/store/policies.h"
#include "daemon/store/units.h"

namespace govctl::store {

Result<domain::OrgConfig> load_org_config(Connection& connection) {
  domain::OrgConfig config;
  auto org = find_org(connection);
  if (!org) return std::unexpected(org.error());
  if (!*org) return fail(Code::not_found, "the file holds no organization");
  config.org = std::move(**org);
  Result<void> done;
  const auto take = [&](auto& into, auto&& rows) {
    if (!done) return;
    if (rows) {
      into = std::move(*rows);
    } else {
      done = std::unexpected(rows.error());
    }
  };
  take(config.workspaces, list_workspaces(connection));
  take(config.groups, list_groups(connection));
  take(config.agents, list_agents(connection));
  take(config.keys, list_keys(connection));
  take(config.credentials, list_credentials(connection));
  take(config.data_keys, list_data_keys(connection));
  take(config.policies, list_policies(connection));
  take(config.budgets, list_budgets(connection));
  take(config.aliases, list_aliases(connection));
  if (!done) return std::unexpected(done.error());
  return config;
}

}  // namespace govctl::store
